import { expect, test } from 'vitest';
import { Batcher, QUERIES_MAX, TEXT_MAX } from './batch';
import { Client } from './client';
import { isAbort } from './errors';

interface Sent {
  path: string;
  /** The queries of a batch; absent for a request of one query. */
  queries: Record<string, string>[] | undefined;
  headers: Record<string, string>;
  signal: AbortSignal;
  answer: (response: Response) => void;
}

/** A batcher whose server and clock are the test. */
function batcher() {
  const sent: Sent[] = [];
  const fake = (url: string | URL | Request, init: RequestInit = {}) =>
    new Promise<Response>((resolve, reject) => {
      const signal = init.signal ?? new AbortController().signal;
      const path = String(url);
      const queries = path.endsWith('query_batch') ? (JSON.parse(String(init.body)) as Record<string, string>[]) : undefined;
      sent.push({ path, queries, headers: init.headers as Record<string, string>, signal, answer: resolve });
      signal.addEventListener('abort', () => reject(new DOMException('stopped', 'AbortError')));
    });
  const tenant = { name: 'a' };
  const client = new Client({ base: '/', headers: () => ({ 'X-Scope-OrgID': tenant.name }), fetch: fake as typeof fetch });
  const due: (() => void)[] = [];
  const moment = () => due.splice(0).forEach((act) => act());
  return { sent, tenant, client, moment, batcher: new Batcher(client, (act) => due.push(act)) };
}

/** A body that the test sends piece by piece. */
function stream() {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const cancelled = { is: false };
  const body = new ReadableStream<Uint8Array>({ start: (c) => void (controller = c), cancel: () => void (cancelled.is = true) });
  const bytes = new TextEncoder();
  return {
    response: new Response(body),
    cancelled,
    send: (text: string) => controller.enqueue(bytes.encode(text)),
    sendBytes: (part: Uint8Array) => controller.enqueue(part),
    end: () => controller.close(),
    break: () => controller.error(new TypeError('connection reset')),
  };
}

const good = (id: number, data: unknown) => `{"id":${id},"status":"success","data":${JSON.stringify(data)}}\n`;
const bad = (id: number, type: string, error: string) => `{"id":${id},"status":"error","errorType":"${type}","error":"${error}"}\n`;
const range = (query: string) => ({ query, start: '0', end: '60', step: '15' });
const settled = () => new Promise((resolve) => setTimeout(resolve));

test('what is asked in one moment goes as one request and is answered as it arrives', async () => {
  const t = batcher();
  const up = t.batcher.ask(range('up'));
  const load = t.batcher.ask({ query: 'load', time: '60' });
  expect(t.sent).toHaveLength(0);
  t.moment();
  expect(t.sent).toHaveLength(1);
  expect(t.sent[0]?.path).toBe('/api/v1/query_batch');
  expect(t.sent[0]?.headers).toEqual({ 'X-Scope-OrgID': 'a', 'Content-Type': 'application/json' });
  expect(t.sent[0]?.queries).toEqual([{ id: 0, query: 'up', start: '0', end: '60', step: '15' }, { id: 1, query: 'load', time: '60' }]);
  const answer = stream();
  t.sent[0]?.answer(answer.response);
  answer.send(good(1, 'second'));
  expect(await load).toEqual({ data: 'second', warnings: [] });
  expect(t.client.busy).toBe(true);
  answer.send('{"id":0,"status":"success","data":"first","warnings":["careful"],"infos":["by the way"]}\n');
  answer.end();
  expect(await up).toEqual({ data: 'first', warnings: ['careful', 'by the way'] });
  await settled();
  expect(t.client.busy).toBe(false);
});

test('lines are put together from whatever pieces they come in', async () => {
  const t = batcher();
  const both = Promise.all([t.batcher.ask(range('a')), t.batcher.ask(range('b'))]);
  t.moment();
  const answer = stream();
  t.sent[0]?.answer(answer.response);
  // One byte at a time: within the letters of 봉수 too. The last line has no break.
  for (const byte of new TextEncoder().encode(good(0, '봉수') + good(1, 'b').trimEnd())) answer.sendBytes(new Uint8Array([byte]));
  answer.end();
  expect((await both).map(({ data }) => data)).toEqual(['봉수', 'b']);
});

test('a query that fails fails alone, with its own error', async () => {
  const t = batcher();
  const asked = ['a', 'b', 'c', 'd', 'e'].map((query) => t.batcher.ask(range(query)));
  const outcomes = Promise.allSettled(asked);
  t.moment();
  const kinds = [['bad_data', 'badData'], ['execution', 'limit'], ['timeout', 'timeout'], ['too_many_requests', 'limit']] as const;
  t.sent[0]?.answer(new Response(kinds.map(([type], id) => bad(id, type, `no ${id}`)).join('') + good(4, 1)));
  expect(await outcomes).toMatchObject([
    ...kinds.map(([, kind], id) => ({ status: 'rejected', reason: { kind, message: `no ${id}` } })),
    { status: 'fulfilled', value: { data: 1 } },
  ]);
});

test('equal queries are asked once, also while the batch is under way', async () => {
  const t = batcher();
  const first = [t.batcher.ask(range('up')), t.batcher.ask(range('up')), t.batcher.ask(range('down'))];
  t.moment();
  expect(t.sent[0]?.queries?.map(({ query }) => query)).toEqual(['up', 'down']);
  const late = t.batcher.ask(range('up'));
  t.moment();
  expect(t.sent).toHaveLength(1);
  t.sent[0]?.answer(new Response(good(1, 1) + good(0, 2)));
  expect((await Promise.all([...first, late])).map(({ data }) => data)).toEqual([2, 2, 1, 2]);
});

test('the request stops when nobody waits for any of its answers, and not before', async () => {
  const t = batcher();
  const [one, other] = [new AbortController(), new AbortController()];
  const outcomes = Promise.allSettled([t.batcher.ask(range('a'), one.signal), t.batcher.ask(range('b'), other.signal), t.batcher.ask(range('a'), other.signal)]);
  t.moment();
  one.abort();
  expect(t.sent[0]?.signal.aborted).toBe(false);
  other.abort();
  expect(t.sent[0]?.signal.aborted).toBe(true);
  for (const outcome of await outcomes) expect(outcome.status === 'rejected' && isAbort(outcome.reason)).toBe(true);
  expect(t.client.busy).toBe(false);
});

test('what was given up before it was sent is not sent', async () => {
  const t = batcher();
  const stop = new AbortController();
  const gone = t.batcher.ask(range('gone'), stop.signal);
  const kept = [t.batcher.ask(range('a')), t.batcher.ask(range('b'))];
  stop.abort();
  await expect(gone).rejects.toSatisfy(isAbort);
  t.moment();
  expect(t.sent[0]?.queries?.map(({ query }) => query)).toEqual(['a', 'b']);
  t.sent[0]?.answer(new Response(good(0, 1) + good(1, 2)));
  expect(await Promise.all(kept)).toHaveLength(2);
});

test('a query that comes alone is sent as Prometheus has it', async () => {
  const t = batcher();
  const up = t.batcher.ask(range('up'));
  t.moment();
  const instant = t.batcher.ask({ query: 'up', time: '5' });
  t.moment();
  expect(t.sent.map(({ path }) => path)).toEqual(['/api/v1/query_range?query=up&start=0&end=60&step=15', '/api/v1/query?query=up&time=5']);
  t.sent[0]?.answer(new Response('{"status":"success","data":1}'));
  t.sent[1]?.answer(new Response('{"status":"success","data":2}'));
  expect([(await up).data, (await instant).data]).toEqual([1, 2]);
});

test('many queries, and long ones, are split', () => {
  const t = batcher();
  for (let i = 0; i < 2 * QUERIES_MAX + 1; i++) void t.batcher.ask(range(`up + ${i}`));
  t.moment();
  expect(t.sent.map(({ queries }) => queries?.length)).toEqual([QUERIES_MAX, QUERIES_MAX, undefined]);
  t.sent.length = 0;
  for (const sign of ['a', 'b', 'c', 'd']) void t.batcher.ask(range(sign.repeat(TEXT_MAX / 2 - 100)));
  t.moment();
  expect(t.sent.map(({ queries }) => queries?.length)).toEqual([2, 2]);
});

test('queries of two tenants never share a request', () => {
  const t = batcher();
  for (const name of ['a', 'b']) {
    t.tenant.name = name;
    void t.batcher.ask(range('up'));
    void t.batcher.ask(range('down'));
  }
  t.moment();
  expect(t.sent.map(({ headers, queries }) => [headers['X-Scope-OrgID'], queries?.length])).toEqual([['a', 2], ['b', 2]]);
});

test.each([403, 404, 405, 501])('a server that answers %d gets one query at a time from then on', async (status) => {
  const t = batcher();
  const both = Promise.all([t.batcher.ask(range('a')), t.batcher.ask({ query: 'b', time: '1' })]);
  t.moment();
  t.sent[0]?.answer(new Response('404 page not found', { status }));
  await settled();
  expect(t.sent.slice(1).map(({ path }) => path.split('?')[0])).toEqual(['/api/v1/query_range', '/api/v1/query']);
  t.sent.slice(1).forEach(({ answer }, i) => answer(new Response(`{"status":"success","data":${i}}`)));
  expect((await both).map(({ data }) => data)).toEqual([0, 1]);
  void t.batcher.ask(range('c'));
  void t.batcher.ask(range('d'));
  t.moment();
  expect(t.sent.slice(3).map(({ path }) => path.split('?')[0])).toEqual(['/api/v1/query_range', '/api/v1/query_range']);
});

test('a batch that is refused as a whole fails every query of it', async () => {
  const t = batcher();
  const outcomes = Promise.allSettled([t.batcher.ask(range('a')), t.batcher.ask(range('b'))]);
  t.moment();
  t.sent[0]?.answer(new Response('starting', { status: 503 }));
  expect(await outcomes).toMatchObject(Array(2).fill({ status: 'rejected', reason: { kind: 'unavailable', message: 'starting' } }));
});

test('an answer that ends or breaks early fails what it has not answered', async () => {
  for (const [how, kind] of [['end', 'server'], ['break', 'network']] as const) {
    const t = batcher();
    const outcomes = Promise.allSettled([t.batcher.ask(range('a')), t.batcher.ask(range('b'))]);
    t.moment();
    const answer = stream();
    t.sent[0]?.answer(answer.response);
    answer.send(good(1, 1));
    await settled();
    answer[how]();
    expect(await outcomes).toMatchObject([{ status: 'rejected', reason: { kind } }, { status: 'fulfilled', value: { data: 1 } }]);
  }
});

test('a line that answers nothing ends the reading', async () => {
  const t = batcher();
  const outcomes = Promise.allSettled([t.batcher.ask(range('a')), t.batcher.ask(range('b'))]);
  t.moment();
  const answer = stream();
  t.sent[0]?.answer(answer.response);
  answer.send(good(0, 1) + good(0, 1) + good(1, 2));
  expect(await outcomes).toMatchObject([{ status: 'fulfilled' }, { status: 'rejected', reason: { kind: 'server' } }]);
  await settled();
  expect(answer.cancelled.is).toBe(true);
});
