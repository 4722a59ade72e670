// A server between the page and the real one, which changes or holds back parts of the answers to batches of queries.
import http from 'node:http';
import { BASE_URL } from './browser.mjs';

/**
 * Starts it on a free port. `rules.absent`: the server knows no batches. `rules.line(question, line)`: the line to send
 * for a query, or a promise of it. `rules.silent`: batches are never answered.
 */
export async function proxy(rules = {}) {
  const server = http.createServer((request, response) => {
    // A page that goes away is part of the play.
    forward(rules, request, response).catch((error) => response.destroy(error));
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

async function forward(rules, request, response) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const isBatch = request.url.endsWith('/query_batch');
  if (isBatch && rules.silent) return;
  if (isBatch && rules.absent) return void response.writeHead(404).end('404 page not found\n');
  const { host: _, connection: __, 'content-length': ___, ...headers } = request.headers;
  const body = chunks.length > 0 ? Buffer.concat(chunks) : undefined;
  const answer = await fetch(BASE_URL + request.url, { method: request.method, headers: { ...headers, 'accept-encoding': 'identity' }, body });
  response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'text/plain' });
  if (!isBatch || !rules.line) return void response.end(Buffer.from(await answer.arrayBuffer()));
  const questions = JSON.parse(body.toString());
  const lines = (await answer.text()).trimEnd().split('\n');
  const send = async (line) => response.write(`${await rules.line(questions[JSON.parse(line).id].query, line)}\n`);
  await Promise.all(lines.map(send));
  response.end();
}
