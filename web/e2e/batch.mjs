// How the panels of a page ask: together, and each for itself when something goes wrong.
import assert from 'node:assert/strict';
import { BASE_URL, live, painted, shot, visitor } from './browser.mjs';
import { proxy } from './proxy.mjs';

const isBatch = (url) => url.endsWith('/api/v1/query_batch');

/** The browser's own log of what the page asks the API, from now on. */
async function networkLog(page) {
  const log = [];
  const session = await page.context().newCDPSession(page);
  await session.send('Network.enable', { maxPostDataSize: 1 << 20 });
  session.on('Network.requestWillBeSent', ({ requestId, request }) => {
    if (!request.url.includes('/api/')) return;
    log.push({ requestId, url: request.url, method: request.method, body: request.postData ?? '', end: 'open' });
  });
  const end = (requestId, how) => log.filter((one) => one.requestId === requestId).forEach((one) => (one.end = how));
  session.on('Network.loadingFinished', ({ requestId }) => end(requestId, 'finished'));
  session.on('Network.loadingFailed', ({ requestId, canceled }) => end(requestId, canceled ? 'canceled' : 'failed'));
  return log;
}

/** Opens the panels of the first host of `base`, without a refresh of their own. */
async function openHost(page, base = BASE_URL) {
  const found = await (await fetch(`${BASE_URL}/api/v1/label/instance/values?match[]=node_uname_info`)).json();
  await page.goto(`${base}/hosts/${encodeURIComponent(found.data[0])}?from=now-5m&to=now&refresh=off`);
}

/** Waits until no panel near the screen waits for an answer. */
function idle(page) {
  return page.waitForFunction(() => {
    const near = [...document.querySelectorAll('[data-panel]')].filter((panel) => panel.getBoundingClientRect().top < innerHeight && panel.getBoundingClientRect().bottom > 0);
    return near.length > 0 && near.every((panel) => panel.querySelector('[data-ready=true][aria-busy=false]'));
  });
}

async function eventually(what, holds) {
  const until = Date.now() + 30_000;
  while (!holds()) {
    assert.ok(Date.now() < until, what);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export const batchStories = {
  async 'one refresh of a page of panels is one request'(browser) {
    const { page, complaints } = await visitor(browser);
    await openHost(page);
    await live(page, '[data-panel=cpu] [data-type=timeseries]');
    await idle(page);
    const log = await networkLog(page);
    await page.keyboard.press('r');
    await eventually('the refresh is answered', () => log.some(({ end }) => end === 'finished'));
    await idle(page);
    assert.deepEqual(log.map(({ method, url }) => [method, new URL(url).pathname]), [['POST', '/api/v1/query_batch']]);
    const asked = JSON.parse(log[0].body);
    assert.ok(asked.filter(({ step }) => step).length >= 10, `${asked.length} queries, range queries among them`);
    for (const panel of ['cpu', 'load', 'memory']) {
      await live(page, `[data-panel=${panel}] [data-type=timeseries]`);
      assert.ok(await painted(page, `[data-panel=${panel}]`), `the graph of ${panel} is drawn`);
    }
    await shot(page, 'batch-dark');

    // What is far from the screen is not asked for again, until it comes near.
    await page.locator('[data-panel=context]').scrollIntoViewIfNeeded();
    await idle(page);
    log.length = 0;
    await page.keyboard.press('r');
    await eventually('the second refresh is answered', () => log.some(({ end }) => end === 'finished'));
    await idle(page);
    assert.equal(log.length, 1);
    assert.ok(log[0].body.includes('node_context_switches_total') && !log[0].body.includes('mode=\\"user\\"'), 'only panels in view ask');
    log.length = 0;
    await page.evaluate(() => scrollTo(0, 0));
    await eventually('panels that come into view ask', () => log.some(({ body, end }) => body.includes('mode=\\"user\\"') && end === 'finished'));
    assert.deepEqual(complaints, []);
  },

  async 'answers are drawn as they arrive and a failed query spoils its own panel only'(browser) {
    const { page, complaints } = await visitor(browser);
    let release;
    const released = new Promise((resolve) => (release = resolve));
    const refusal = (line) => `{"id":${JSON.parse(line).id},"status":"error","errorType":"execution","error":"more samples than the limit of limits.query_samples"}`;
    const server = await proxy({
      line: (query, line) => {
        if (query.startsWith('node_memory_Buffers_bytes')) return refusal(line);
        if (/^node_load|^count\(node_cpu/.test(query)) return refusal(line);
        return query.includes('node_pressure') ? released.then(() => line) : line;
      },
    });
    await openHost(page, server.url);
    await live(page, '[data-panel=cpu] [data-type=timeseries]');
    assert.equal(await page.locator('[data-panel=pressure] [data-ready=true]').count(), 0, 'one panel waits while others are drawn');
    await page.locator('[data-panel=load] [role=alert]').getByText('limits.query_samples').waitFor();
    // One query of four: the others are drawn, and the panel says what is missing.
    await live(page, '[data-panel=memory] [data-type=timeseries]');
    await page.locator('[data-panel=memory] .trouble[title*="limits.query_samples"]').waitFor();
    assert.equal(await page.locator('[data-panel=cpu] .trouble').count(), 0);
    await shot(page, 'batch-some-failed');
    release();
    await page.locator('[data-panel=pressure] [data-ready=true]').waitFor();
    server.close();
    assert.deepEqual(complaints, []);
  },

  async 'a new range and a closed page stop the batch under way'(browser) {
    const { page } = await visitor(browser);
    const server = await proxy({ silent: true });
    await page.goto(`${server.url}/queries`);
    const log = await networkLog(page);
    const batches = (end) => log.filter((one) => isBatch(one.url) && one.end === end).length;
    await openHost(page, server.url);
    await eventually('a batch is under way', () => batches('open') === 1);
    await page.getByTestId('time-range').click();
    await page.locator('[data-range="now-15m"]').click();
    await eventually('the batch of the old range is stopped, another is under way', () => batches('canceled') === 1 && batches('open') === 1);
    await page.locator('nav a[href*=explore]').click();
    await page.locator('[data-type=empty]').waitFor();
    await eventually('the batch of the closed page is stopped', () => batches('canceled') === 2 && batches('open') === 0);
    server.close();
  },

  async 'a server without batches is asked one by one'(browser) {
    const { page, complaints } = await visitor(browser, { theme: 'light', locale: 'ko-KR', width: 390, height: 844 });
    const server = await proxy({ absent: true });
    await page.goto(`${server.url}/queries`);
    const log = await networkLog(page);
    await openHost(page, server.url);
    await live(page, '[data-panel=cpu] [data-type=timeseries]');
    assert.ok(log.some(({ url }) => isBatch(url)) && log.some(({ url }) => url.includes('/api/v1/query_range?')));
    await idle(page);
    log.length = 0;
    await page.keyboard.press('r');
    await eventually('the refresh is answered', () => log.length > 0 && log.every(({ end }) => end === 'finished'));
    assert.equal(log.filter(({ url }) => isBatch(url)).length, 0, 'it was told once that there are no batches');
    await shot(page, 'batch-none-narrow-ko');
    server.close();
    assert.deepEqual(complaints, []);
  },
};
