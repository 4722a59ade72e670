import { expect, test } from 'vitest';
import { Client } from './client';
import { isAbort } from './errors';

interface Call {
  url: string;
  init: RequestInit;
  answer: (response: Response) => void;
}

/** A client whose server is the test. */
function client(tenant = '') {
  const calls: Call[] = [];
  const fake = (url: string | URL | Request, init: RequestInit = {}) =>
    new Promise<Response>((resolve, reject) => {
      calls.push({ url: String(url), init, answer: resolve });
      init.signal?.addEventListener('abort', () => reject(new DOMException('stopped', 'AbortError')));
    });
  const headers = (): Record<string, string> => (tenant ? { 'X-Scope-OrgID': tenant } : {});
  return { calls, client: new Client({ base: '/p/', headers, fetch: fake as typeof fetch }) };
}

const success = (data: unknown) => new Response(JSON.stringify({ status: 'success', data, warnings: ['careful'] }));

test('addresses are relative to the base and carry the tenant', async () => {
  const t = client('acme');
  const got = t.client.get('api/v1/query', { query: 'up' });
  expect(t.calls[0]?.url).toBe('/p/api/v1/query?query=up');
  expect(t.calls[0]?.init.headers).toEqual({ 'X-Scope-OrgID': 'acme' });
  t.calls[0]?.answer(success([1]));
  expect(await got).toEqual({ data: [1], warnings: ['careful'] });
});

test('equal requests in flight are sent once, later ones again', async () => {
  const t = client();
  const both = Promise.all([t.client.get('a', { q: '1' }), t.client.get('a', { q: '1' })]);
  expect(t.calls).toHaveLength(1);
  expect(t.client.busy).toBe(true);
  t.calls[0]?.answer(success(7));
  expect((await both).map((answer) => answer.data)).toEqual([7, 7]);
  expect(t.client.busy).toBe(false);
  void t.client.get('a', { q: '1' });
  expect(t.calls).toHaveLength(2);
});

test('a request stops when the last one waiting gives up', async () => {
  const t = client();
  const [first, second] = [new AbortController(), new AbortController()];
  const a = t.client.get('a', {}, first.signal);
  const b = t.client.get('a', {}, second.signal);
  first.abort();
  await expect(a).rejects.toSatisfy(isAbort);
  expect(t.calls[0]?.init.signal?.aborted).toBe(false);
  second.abort();
  await expect(b).rejects.toSatisfy(isAbort);
  expect(t.calls[0]?.init.signal?.aborted).toBe(true);
});

test('long queries go into a form body', () => {
  const t = client();
  void t.client.get('a', { query: 'x'.repeat(3_000) });
  expect(t.calls[0]?.url).toBe('/p/a');
  expect(t.calls[0]?.init.method).toBe('POST');
});

test.each([
  [400, '{"status":"error","errorType":"bad_data","error":"parse error"}', 'badData', 'parse error'],
  [422, '{"status":"error","errorType":"execution","error":"too many"}', 'limit', 'too many'],
  [503, '{"status":"error","errorType":"timeout","error":"slow"}', 'timeout', 'slow'],
  [503, 'starting', 'unavailable', 'starting'],
  [404, '', 'notFound', 'HTTP 404'],
  [500, '<html>', 'server', '<html>'],
  [200, 'not json', 'server', 'not json'],
])('status %d with %s is a %s error', async (status, body, kind, message) => {
  const t = client();
  const got = t.client.get('a');
  t.calls[0]?.answer(new Response(body, { status }));
  await expect(got).rejects.toMatchObject({ kind, message });
});
