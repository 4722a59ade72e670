import type { Client } from './client';
import { parseAnswer } from './client';
import { ApiError, errorOf, isAbort } from './errors';
import { readLines } from './lines';
import type { Answer } from './types';

/** A server that knows no batches says so; a proxy that lets only reads through refuses the method or the path. */
const REFUSALS: ReadonlySet<number> = new Set([403, 404, 405, 501]);

/** A query as the batch has it: the parameters of `query_range` when there is a `step`, else those of `query`. */
export type Question = Record<string, string>;

type Headers = Record<string, string>;

interface Item {
  question: Question;
  headers: Headers;
  /** Says when nobody waits for the answer any more. */
  stop: AbortSignal;
  answer: (answer: Answer<unknown>) => void;
  fail: (error: unknown) => void;
}

/**
 * Panels that come into view, or are refreshed together, ask within the same moment. Their observers are called one by
 * one, each with its own microtasks, so that the moment has to be a few milliseconds long.
 */
const MOMENT_MS = 5;
/** The server takes 200 queries a batch; fewer leave room for slots and make a broken connection cost less. */
export const QUERIES_MAX = 100;
/** Together with JSON's own signs well below the 4 MiB that the server takes. */
export const TEXT_MAX = 1_000_000;

/**
 * Sends the queries of one moment as one request and hands out the answers as they arrive, in whatever order. A query
 * that fails fails alone. A query that comes alone is sent alone, and so are all to a server that takes no batches.
 */
export class Batcher {
  readonly #path = 'api/v1/query_batch';
  #waiting: Item[] = [];
  /** Batches were refused. */
  #unknown = false;

  constructor(readonly client: Client, readonly later: (act: () => void) => void = (act) => void setTimeout(act, MOMENT_MS)) {}

  async ask<T>(question: Question, signal?: AbortSignal): Promise<Answer<T>> {
    signal?.throwIfAborted();
    const headers = this.client.options.headers();
    const key = `${this.#path} ${JSON.stringify([question, headers])}`;
    return this.client.flights.join(key, signal, (stop) =>
      new Promise<Answer<T>>((resolve, fail) => {
        const answer = resolve as (answer: Answer<unknown>) => void;
        if (this.#waiting.push({ question, headers, stop, answer, fail }) === 1) this.later(() => this.#flush());
      }),
    );
  }

  #flush(): void {
    const items = this.#waiting.filter((item) => !item.stop.aborted);
    this.#waiting = [];
    for (const batch of split(items)) {
      if (batch.length === 1 || this.#unknown) this.#sendEach(batch);
      else void this.#sendTogether(batch);
    }
  }

  #sendEach(items: readonly Item[]): void {
    for (const { question, headers, stop, answer, fail } of items) {
      const path = question.step === undefined ? 'api/v1/query' : 'api/v1/query_range';
      this.client.ask(path, question, headers, stop).then(answer, fail);
    }
  }

  async #sendTogether(items: readonly Item[]): Promise<void> {
    const open = new Map(items.map((item, id) => [id, item]));
    const failAll = (error: unknown) => open.forEach((item) => item.fail(error));
    try {
      const response = await this.#post(items);
      if (REFUSALS.has(response.status)) {
        this.#unknown = true;
        this.#sendEach(items.filter((item) => !item.stop.aborted));
        return;
      }
      if (!response.ok) return failAll(errorOf(response.status, await response.text(), response.statusText));
      await readLines(response, (line) => answerOne(open, line));
      failAll(new ApiError('server', 'the answer to a batch of queries ended before all were answered'));
    } catch (error) {
      failAll(isAbort(error) || error instanceof ApiError ? error : new ApiError('network', error instanceof Error ? error.message : String(error)));
    }
  }

  /** Stops when nobody waits for any of the answers. */
  #post(items: readonly Item[]): Promise<Response> {
    const abort = new AbortController();
    const leave = () => {
      if (items.every((item) => item.stop.aborted)) abort.abort();
    };
    for (const item of items) item.stop.addEventListener('abort', leave, { once: true });
    const body = JSON.stringify(items.map((item, id) => ({ id, ...item.question })));
    const headers = { ...items[0]?.headers, 'Content-Type': 'application/json' };
    return this.client.send(this.#path, { method: 'POST', body, headers, signal: abort.signal });
  }
}

/** A line is `{"id":7,"status":…` and else what the query would have got alone. */
function answerOne(open: Map<number, Item>, line: string): void {
  const id = Number(/^\{"id":(\d+),/.exec(line)?.[1] ?? NaN);
  const item = open.get(id);
  if (!item) throw new ApiError('server', `a line of a batch of queries answers nothing that was asked: ${line.slice(0, 100)}`);
  open.delete(id);
  try {
    item.answer(parseAnswer(line));
  } catch (error) {
    item.fail(error);
  }
}

/** Cuts what waits into batches of bounded size, each with the same headers. */
function split(items: readonly Item[]): Item[][] {
  const batches: Item[][] = [];
  let headers: string | undefined;
  let length = 0;
  for (const item of items) {
    const own = JSON.stringify(item.headers);
    const size = JSON.stringify(item.question).length;
    let batch = batches.at(-1);
    if (!batch || own !== headers || batch.length >= QUERIES_MAX || length + size > TEXT_MAX) {
      batch = [];
      batches.push(batch);
      length = 0;
    }
    batch.push(item);
    headers = own;
    length += size;
  }
  return batches;
}
