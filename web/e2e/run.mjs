// Opens the page as a user would, against a server with live data:
//   BASE_URL=http://127.0.0.1:9009 SHOTS=/tmp/shots npm run e2e
import assert from 'node:assert/strict';
import { batchStories } from './batch.mjs';
import { storeStories } from './store.mjs';
import { BASE_URL, launch, live, painted, shot, visitor } from './browser.mjs';

const CPU = '100 * (1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[1m])))';
const explore = (params) => `${BASE_URL}/explore?${new URLSearchParams(params)}`;

const stories = {
  async 'hosts show live figures and open into panels'(browser) {
    const { page, complaints } = await visitor(browser);
    // A server that has just started has data for half a minute only: the steps of an hour's graph may lie around it.
    await page.goto(`${BASE_URL}/?from=now-5m&to=now`);
    await live(page, '[data-type=hosts]');
    await page.waitForFunction(() => Number(document.querySelector('[data-vital=cpu]')?.dataset.points) > 0);
    assert.match(await page.title(), /Hosts/);
    await shot(page, 'hosts-dark');

    await page.locator('[data-host] h2 a').first().click();
    await page.locator('[data-panel=cpu]').waitFor();
    // A server that has just started has data for a minute or two only: on a short range the pointer finds them.
    await page.goto(`${page.url().split('?')[0]}?from=now-5m&to=now`);
    await live(page, '[data-panel=cpu] [data-type=timeseries]');
    await live(page, '[data-panel=memory] [data-type=timeseries]');
    assert.ok(await painted(page, '[data-panel=cpu]'), 'the CPU chart is drawn');
    const box = await page.locator('[data-panel=cpu] .u-over').boundingBox();
    await page.mouse.move(box.x + box.width * 0.97, box.y + box.height / 2);
    await page.locator('[data-panel=cpu] [data-testid=tooltip]').waitFor();
    await shot(page, 'host-dark');
    // A refresh hands new data to the same chart.
    await page.evaluate(() => (document.querySelector('[data-panel=cpu] canvas').dataset.mark = 'kept'));
    const answered = page.waitForResponse((response) => response.request().postData()?.includes('node_memory_Cached') ?? false);
    await page.keyboard.press('r');
    await answered;
    await live(page, '[data-panel=cpu] [data-type=timeseries]');
    assert.equal(await page.locator('[data-panel=cpu] canvas[data-mark=kept]').count(), 1, 'the chart was not rebuilt');
    for (const panel of await page.locator('[data-panel]').all()) await panel.scrollIntoViewIfNeeded();
    await page.waitForFunction(() => [...document.querySelectorAll('[data-panel] [data-type]')].every((el) => el.dataset.ready === 'true'));
    await page.evaluate(() => scrollTo(0, 0));
    await shot(page, 'host-dark-full', true);
    assert.deepEqual(complaints, []);
  },

  async 'explore draws a query, its table and its address'(browser) {
    const { page, complaints } = await visitor(browser);
    await page.goto(`${BASE_URL}/explore`);
    await live(page, '[data-type=empty]', 0);
    await shot(page, 'explore-empty');
    await page.keyboard.press('/');
    await page.keyboard.type('node_load');
    await page.locator('.cm-tooltip-autocomplete li').filter({ hasText: 'node_load15' }).waitFor();
    await shot(page, 'explore-completion');
    await page.locator('.cm-tooltip-autocomplete li').filter({ hasText: 'node_load15' }).click();
    await page.locator('.cm-tooltip-autocomplete').waitFor({ state: 'detached' });
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => new URLSearchParams(location.search).get('query') === 'node_load15');
    await live(page, '[data-type=timeseries]');

    await page.goto(explore({ query: CPU, unit: 'percent', from: 'now-5m', to: 'now' }));
    await live(page, '[data-type=timeseries]', 2);
    assert.ok(await painted(page, '[data-type=timeseries]'), 'the chart is drawn');
    await page.waitForFunction(() => document.querySelector('[data-testid=editor] .cm-content')?.textContent.includes('node_cpu'));

    const over = await page.locator('.u-over').boundingBox();
    await page.mouse.move(over.x + over.width * 0.95, over.y + over.height / 2);
    await page.locator('[data-testid=tooltip]').waitFor();
    await shot(page, 'explore-dark');

    await page.locator('[data-value=table]').click();
    await live(page, '[data-type=table]');
    assert.match(page.url(), /tab=table/);
    assert.match(await page.locator('[data-type=table] tbody').innerText(), /\d/);
    await shot(page, 'explore-table');

    await page.locator('[data-value=graph]').click();
    await live(page, '[data-type=timeseries]', 2);
    await page.mouse.move(over.x + over.width * 0.5, over.y + over.height / 2);
    await page.mouse.down();
    await page.mouse.move(over.x + over.width * 0.9, over.y + over.height / 2, { steps: 5 });
    await page.mouse.up();
    await page.waitForFunction(() => /from=\d{13}/.test(location.search));
    assert.deepEqual(complaints, []);
  },

  async 'several queries share one chart and the legend isolates'(browser) {
    const { page, complaints } = await visitor(browser);
    await page.goto(`${BASE_URL}/explore?query=node_load1&query=node_load5&from=now-15m&to=now`);
    await live(page, '[data-type=timeseries]', 2);
    const entries = page.locator('table .entry');
    assert.ok((await entries.count()) >= 2);
    await entries.first().click();
    await page.waitForFunction(() => document.querySelectorAll('table .entry[aria-pressed=true]').length === 1);
    await shot(page, 'explore-several');
    await entries.first().click();
    await page.waitForFunction(() => document.querySelectorAll('table .entry[aria-pressed=false]').length === 0);
    assert.deepEqual(complaints, []);
  },

  async 'a bad query is marked and explained'(browser) {
    const { page, complaints } = await visitor(browser);
    await page.goto(explore({ query: 'sum by (instance) (rate(node_cpu_seconds_total))' }));
    await page.locator('.cm-lintRange-error').first().waitFor({ state: 'attached' });
    await page.locator('[data-testid=query-error]').waitFor();
    await page.locator('[data-error=true]').waitFor();
    await shot(page, 'explore-error');
    assert.deepEqual(complaints, []);
  },

  async 'language and theme switch and stay'(browser) {
    const { page, complaints } = await visitor(browser);
    await page.goto(`${BASE_URL}/hosts`);
    await live(page, '[data-type=hosts]');
    await page.getByRole('button', { name: 'Settings' }).click();
    await shot(page, 'settings');
    await page.locator('[data-testid=settings] [data-value=ko]').click();
    await page.locator('[data-testid=settings] [data-value=light]').click();
    await page.waitForFunction(() => document.documentElement.lang === 'ko' && document.documentElement.dataset.theme === 'light');
    await page.keyboard.press('Escape');
    await page.getByRole('heading', { name: '호스트', exact: true }).waitFor();
    await shot(page, 'hosts-light-ko');
    await page.reload();
    await page.getByRole('heading', { name: '호스트', exact: true }).waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'light');
    await page.locator('[data-host] h2 a').first().click();
    await live(page, '[data-panel=cpu] [data-type=timeseries]');
    await shot(page, 'host-light-ko');
    await page.goto(explore({ query: CPU, unit: 'percent', from: 'now-5m', to: 'now' }));
    await live(page, '[data-type=timeseries]', 2);
    await shot(page, 'explore-light-ko');
    await page.keyboard.press('?');
    await page.locator('[data-testid=help]').waitFor();
    await shot(page, 'help-light-ko');
    assert.deepEqual(complaints, []);
  },

  async 'a Korean browser is greeted in Korean, on a telephone too'(browser) {
    const { page, complaints } = await visitor(browser, { locale: 'ko-KR', width: 390, height: 844 });
    await page.goto(`${BASE_URL}/hosts`);
    await live(page, '[data-type=hosts]');
    assert.equal(await page.evaluate(() => document.documentElement.lang), 'ko');
    await shot(page, 'narrow-hosts');
    const pages = { explore: explore({ query: CPU, from: 'now-5m', to: 'now' }), status: `${BASE_URL}/status` };
    for (const [name, url] of Object.entries(pages)) {
      await page.goto(url);
      await live(page, '[data-ready]');
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(overflow <= 0, `${name} is ${overflow} px too wide`);
      await shot(page, `narrow-${name}`);
    }
    await page.getByTestId('time-range').waitFor({ state: 'detached' });
    await page.goto(`${BASE_URL}/hosts`);
    await page.getByTestId('time-range').click();
    await shot(page, 'narrow-time');
    await page.locator('[data-range="now-15m"]').click();
    await page.waitForFunction(() => location.search.includes('now-15m'));
    await page.locator('[data-host] h2 a').first().click();
    await live(page, '[data-panel=cpu] [data-type=timeseries]');
    await shot(page, 'narrow-host');
    assert.deepEqual(complaints, []);
  },

  async 'trouble and emptiness are explained'(browser) {
    const { page } = await visitor(browser);
    await page.route('**/api/v1/**', (route) => route.abort());
    await page.goto(`${BASE_URL}/hosts`);
    await page.getByRole('alert').waitFor();
    await shot(page, 'hosts-unreachable');
    await page.goto(`${BASE_URL}/hosts/somewhere`);
    await page.locator('[data-panel=cpu] [data-ready=true]').waitFor();
    await shot(page, 'host-unreachable');
    await page.unroute('**/api/v1/**');

    const nothing = { status: 'success', data: { resultType: 'vector', result: [] } };
    const lines = (body) => JSON.parse(body).map(({ id }) => JSON.stringify({ id, ...nothing })).join('\n');
    await page.route('**/api/v1/**', (route) => route.fulfill({ json: nothing }));
    await page.route('**/api/v1/query_batch', (route) => route.fulfill({ body: lines(route.request().postData()) }));
    await page.goto(`${BASE_URL}/hosts`);
    await live(page, '[data-type=hosts]', 0);
    await page.getByText('No hosts yet').waitFor();
    await shot(page, 'hosts-empty');
    await page.goto(`${BASE_URL}/explore?query=nothing`);
    await page.getByText('No data', { exact: true }).waitFor();
    await shot(page, 'explore-nothing');
  },

  async 'the tenant of the settings goes with every request'(browser) {
    const { page } = await visitor(browser);
    await page.goto(`${BASE_URL}/hosts`);
    await page.getByRole('button', { name: 'Settings' }).click();
    const sent = page.waitForRequest((request) => request.headers()['x-scope-orgid'] === 'acme');
    await page.getByPlaceholder('anonymous').fill('acme');
    await page.getByPlaceholder('anonymous').press('Enter');
    assert.match((await sent).url(), /\/api\/v1\/query/);
  },

  async 'queries at work and slow ones are listed'(browser) {
    const { page, complaints } = await visitor(browser, { theme: 'light' });
    await page.goto(`${BASE_URL}/queries`);
    await live(page, '[data-type=active-queries]', 0);
    await live(page, '[data-type=slow-queries]', 0);
    await shot(page, 'queries-idle');

    const asked = { tenant: 'anonymous', kind: 'range', startMs: Date.now(), seriesRead: 1200, samplesRead: 3456789, peakPoints: 9 };
    const at = (id, more) => ({ ...asked, id, query: `sum by (instance) (rate(node_cpu_seconds_total[${id}m]))`, queueSeconds: 0.2, ...more });
    const lists = {
      active_queries: { slots: 20, queries: [at(7, { state: 'running', durationSeconds: 12 }), at(8, { state: 'waiting', durationSeconds: 0.3 })] },
      slow_queries: { thresholdSeconds: 5, queries: [at(5, { durationSeconds: 9.3, error: '' }), at(4, { durationSeconds: 120, error: 'query timed out in expression evaluation' })] },
    };
    await page.route('**/api/v1/status/*_queries', (route) => route.fulfill({ json: { status: 'success', data: lists[route.request().url().split('/').pop()] } }));
    await page.goto(`${BASE_URL}/queries`);
    await live(page, '[data-type=active-queries]', 2);
    await live(page, '[data-type=slow-queries]', 2);
    await page.getByText('1 of 20 slots in use').waitFor();
    await page.getByText('query timed out in expression evaluation').waitFor();
    await shot(page, 'queries-light');

    const stopped = page.waitForRequest((request) => request.method() === 'DELETE');
    await page.route('**/api/v1/status/active_queries/*', (route) => route.fulfill({ status: 204 }));
    await page.getByRole('button', { name: 'Stop this query' }).first().click();
    assert.match((await stopped).url(), /active_queries\/7$/);
    await page.locator('[data-type=active-queries] td a').first().click();
    await page.waitForFunction(() => location.pathname.endsWith('/explore') && location.search.includes('rate'));
    assert.deepEqual(complaints, []);
  },

  async 'status tells what runs'(browser) {
    const { page, complaints } = await visitor(browser, { theme: 'light' });
    await page.goto(`${BASE_URL}/status`);
    await live(page, '[data-type=status]');
    await page.waitForFunction(() => [...document.querySelectorAll('[data-type=status]')].every((el) => el.dataset.points === '1'));
    await shot(page, 'status-light');
    assert.deepEqual(complaints, []);
  },

  async 'everything is reached by keyboard'(browser) {
    const { page, complaints } = await visitor(browser);
    await page.goto(`${BASE_URL}/hosts?from=now-15m&to=now`);
    await live(page, '[data-type=hosts]');
    for (const [key, path] of [['q', '/queries'], ['s', '/store'], ['t', '/status'], ['e', '/explore'], ['h', '/hosts']]) {
      await page.keyboard.press(key);
      await page.waitForFunction((end) => location.pathname.endsWith(end), path);
      assert.match(page.url(), /from=now-15m/, `${key} keeps the range`);
    }
    // The range opens, is walked and chosen without a mouse.
    const range = page.getByRole('button', { name: 'Time range' });
    await range.focus();
    await page.keyboard.press('Enter');
    for (let i = 0; i < 3; i++) await page.keyboard.press('ArrowDown');
    await page.waitForFunction(() => document.activeElement?.dataset.range === 'now-15m');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => location.search.includes('from=now-5m'));
    await page.getByRole('button', { name: 'Settings' }).focus();
    await page.keyboard.press('Enter');
    await page.locator('[data-testid=settings] [data-value=system]').focus();
    await page.keyboard.press('ArrowLeft');
    await page.waitForFunction(() => document.documentElement.dataset.theme === 'light');
    await page.keyboard.press('Escape');
    await page.locator('[data-testid=settings]').waitFor({ state: 'detached' });
    assert.deepEqual(complaints, []);
  },

  async 'a query that cannot be stopped is told'(browser) {
    const { page } = await visitor(browser, { locale: 'ko-KR', width: 390, height: 700 });
    const query = { id: 7, tenant: 'anonymous', kind: 'range', query: 'sum(rate(node_cpu_seconds_total[5m]))', startMs: Date.now() - 90_000, seriesRead: 5, samplesRead: 9, peakPoints: 9, queueSeconds: 0, durationSeconds: 90, state: 'running' };
    await page.route('**/api/v1/status/active_queries', (route) => route.fulfill({ json: { status: 'success', data: { slots: 20, queries: [query] } } }));
    await page.route('**/api/v1/status/active_queries/7', (route) => route.fulfill({ status: 403, body: 'not yours' }));
    await page.goto(`${BASE_URL}/queries`);
    await live(page, '[data-type=active-queries]', 1);
    await page.getByRole('button', { name: '이 쿼리 중지' }).click();
    await page.getByRole('alert').getByText('not yours').waitFor();
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(overflow <= 0, `the page is ${overflow} px too wide`);
    await shot(page, 'queries-narrow-ko');
  },

  ...batchStories,
  ...storeStories,
};

const only = process.argv[2] ?? '';
const browser = await launch();
let failed = 0;
for (const [name, story] of Object.entries(stories)) {
  if (!name.includes(only)) continue;
  try {
    await story(browser);
    console.log(`ok    ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAIL  ${name}\n${error.stack}`);
    for (const context of browser.contexts()) await shot(context.pages()[0], `fail-${failed}`);
  }
  for (const context of browser.contexts()) await context.close();
}
await browser.close();
process.exit(failed === 0 ? 0 : 1);
