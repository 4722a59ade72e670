/** Hands out the lines of an answer as they arrive; what stands after the last line break is a line too. */
export async function readLines(response: Response, take: (line: string) => void): Promise<void> {
  if (!response.body) return;
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  // Parts of a line that has not ended: joined once, so that a long line costs no more than its length.
  let parts: string[] = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      const text = done ? decoder.decode() : decoder.decode(value, { stream: true });
      const lines = text.split('\n');
      const rest = lines.pop() ?? '';
      for (const line of lines) {
        parts.push(line);
        give(parts.join(''), take);
        parts = [];
      }
      parts.push(rest);
      if (done) return give(parts.join(''), take);
    }
  } finally {
    // Nothing is read any more when `take` has thrown: the server may stop.
    void reader.cancel().catch(() => undefined);
  }
}

function give(line: string, take: (line: string) => void): void {
  if (line !== '') take(line);
}
