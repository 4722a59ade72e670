// What the store holds: with the server's own data, and with data made for the picture.
import assert from 'node:assert/strict';
import { BASE_URL, live, shot, visitor } from './browser.mjs';

const HOUR = 3_600_000;
const MIB = 1024 * 1024;

/** Ten days merged for good, two late files on one of them, and today's two hours in pieces. */
function madeBlocks(now) {
  const today = Math.floor(now / (24 * HOUR)) * 24 * HOUR;
  const block = (name, level, start, hours, bytes, samples) => {
    const end = start + hours * HOUR - 1;
    return { name, level, resolution: 0, start, end, minTime: start, maxTime: Math.min(end, now), series: 120_000, samples, bytes, place: level === 2 ? 'both' : 'disk' };
  };
  const days = Array.from({ length: 10 }, (_, i) => block(`1d_${i}_0_9.block`, 2, today - (10 - i) * 24 * HOUR, 24, (390 + 12 * i) * MIB, 6e8));
  const late = [1, 2].map((n) => block(`1d_6_2${n}_2${n}.block`, 0, today - 4 * 24 * HOUR, 24, 30 * MIB, 2e7));
  const open = [];
  for (let start = today; start < now; start += 2 * HOUR) {
    const bytes = start + 2 * HOUR < now ? 55 : 20;
    open.push(block(`2h_${start}_1_4.block`, 1, start, 2, bytes * MIB, 4e7), block(`2h_${start}_5_5.block`, 0, start, 2, 9 * MIB, 6e6));
  }
  const coarse = days.slice(0, 6).map((one) => ({ ...one, name: one.name.replace('.block', '_5m.block'), resolution: 300_000, bytes: one.bytes / 12, samples: one.samples / 20 }));
  for (const one of days.slice(0, 4)) one.place = 'bucket';
  return [...coarse, ...days, ...late, ...open];
}

function madeStatus(now) {
  const blocks = madeBlocks(now);
  const sum = (key) => blocks.reduce((total, one) => total + one[key], 0);
  const head = { series: 131_402, activeSeries: 120_551, samples: 4_200_000, bytes: 61 * MIB, minTime: now - 240_000, maxTime: now, flushing: true };
  const tenant = { tenant: 'anonymous', head, exemplars: 12, deletions: 1, damagedBlocks: 1, blockCount: blocks.length, blockBytes: sum('bytes'), blockSamples: sum('samples') };
  return { tenant, blocks, merging: { tenant: 'anonymous', start: 0, end: 1, level: 2, blocks: 5, bytes: 400 * MIB, doneBytes: 252 * MIB, since: now - 41_000 }, logBytes: 96 * MIB, allTenants: true, bucket: { joined: true, lastError: 'GET s3://metrics: connection refused', pendingBlocks: 4, pendingBytes: 9, cacheBytes: 99 } };
}

const COUNTS = `bongsu_store_flushes_total 512
bongsu_store_flush_failures_total 2
bongsu_store_merges_total 131
bongsu_store_blocks_dropped_total 3
bongsu_push_busy_total 0
bongsu_push_rejected_samples_total{tenant="anonymous",reason="sample_too_old"} 1200
bongsu_push_rejected_samples_total{tenant="anonymous",reason="series_limit"} 310
bongsu_push_rejected_samples_total{tenant="other",reason="duplicate_label"} 7
`;

async function makeStore(page) {
  const status = madeStatus(Date.now());
  const small = { ...status.tenant, tenant: 'team-b', blockBytes: 90 * MIB, blockSamples: 9e7, blockCount: 4, damagedBlocks: 0 };
  const answer = (data) => ({ json: { status: 'success', data } });
  await page.route('**/api/v1/status/blocks*', (route) =>
    route.fulfill(answer(route.request().url().includes('all_tenants') ? { tenants: [small, status.tenant] } : status)),
  );
  await page.route('**/metrics', (route) => route.fulfill({ body: COUNTS }));
  return status;
}

/** Waits until every part of the page has its answer; panels ask when they are seen. */
async function settled(page) {
  await page.locator('main > *').last().scrollIntoViewIfNeeded();
  for (const panel of await page.locator('[data-panel]').all()) await panel.scrollIntoViewIfNeeded();
  await page.waitForFunction(() => [...document.querySelectorAll('main [data-type]')].every((el) => el.dataset.ready === 'true'));
  await page.evaluate(() => scrollTo(0, 0));
}

export const storeStories = {
  async 'the store tells what it holds'(browser) {
    const { page, complaints } = await visitor(browser);
    await page.goto(`${BASE_URL}/store?from=now-5m&to=now`);
    await live(page, '[data-type=store]');
    await live(page, '[data-type=top-metrics]', 5);
    await page.locator('[data-panel=storeIngest]').scrollIntoViewIfNeeded();
    await live(page, '[data-panel=storeIngest] [data-type=timeseries]');
    await settled(page);
    assert.match(await page.locator('[data-figure=series] dd').first().innerText(), /^[1-9]/);
    await shot(page, 'store-live-dark', true);
    // A count leads to a query that has an answer.
    await page.locator('[data-type=top-labels] a').first().click();
    await page.waitForFunction(() => location.pathname.endsWith('/explore'));
    await live(page, '[data-type=table]');
    assert.deepEqual(complaints, []);
  },

  async 'blocks stand on their time and can be walked by keyboard'(browser) {
    const { page, complaints } = await visitor(browser, { theme: 'light' });
    const { blocks } = await makeStore(page);
    await page.goto(`${BASE_URL}/store`);
    await live(page, '[data-type=blocks]', blocks.length);
    assert.equal(await page.locator('[data-type=blocks] rect').count(), blocks.length);
    await page.getByText('1 block is damaged').waitFor();
    await page.getByText('connection refused').waitFor();
    await page.getByText('1.59 GiB only in the bucket').waitFor();
    assert.match(await page.locator('[data-work=flush]').innerText(), /writes blocks/);
    assert.match(await page.locator('[data-work=merge]').innerText(), /merges 5 blocks/);
    assert.equal(await page.getByRole('progressbar', { name: /Merge under way/ }).getAttribute('aria-valuenow'), '63');
    assert.deepEqual(await page.locator('[data-type=store-refused] b').allInnerTexts(), ['1,200', '310']);
    const raw = page.locator('[data-type=blocks] .plot').first();
    await raw.locator('svg').focus();
    await page.keyboard.press('End');
    assert.match(await raw.locator('.detail').innerText(), /as flushed.*9\.00 MiB.*5_5\.block/);
    await page.keyboard.press('ArrowLeft');
    assert.match(await raw.locator('.detail').innerText(), /1_4\.block/);
    await settled(page);
    await shot(page, 'store-light', true);
    await page.locator('[data-type=blocks] [data-value="1"]').click();
    await page.waitForFunction((all) => document.querySelectorAll('[data-type=blocks] rect').length < all, blocks.length);
    assert.match(page.url(), /days=1/);

    const sent = page.waitForRequest((request) => request.headers()['x-scope-orgid'] === 'team-b');
    await page.locator('[data-tenant=team-b] button').click();
    await sent;
    assert.deepEqual(complaints, []);
  },

  async 'the store in Korean, on a telephone'(browser) {
    const { page, complaints } = await visitor(browser, { locale: 'ko-KR', width: 390, height: 844 });
    await makeStore(page);
    await page.goto(`${BASE_URL}/store`);
    await live(page, '[data-type=blocks]', 10);
    await page.getByRole('heading', { name: '저장소', exact: true }).waitFor();
    await settled(page);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(overflow <= 0, `the page is ${overflow} px too wide`);
    await shot(page, 'store-narrow-ko', true);
    assert.deepEqual(complaints, []);
  },

  async 'an empty store and one out of reach are explained'(browser) {
    const { page } = await visitor(browser);
    await page.route('**/api/v1/status/blocks*', (route) => route.fulfill({ json: { status: 'success', data: { tenant: null, blocks: [], merging: null, logBytes: 0, allTenants: false, bucket: null } } }));
    await page.goto(`${BASE_URL}/store`);
    await page.getByText('Nothing is stored yet').waitFor();
    await shot(page, 'store-empty');
    // A Prometheus has no such request, but tells what its series are made of.
    await page.route('**/api/v1/status/blocks*', (route) => route.fulfill({ status: 404, body: '404 page not found' }));
    await page.reload();
    await page.getByText('does not tell what its store holds').waitFor();
    await live(page, '[data-type=top-metrics]', 5);
    await page.route('**/api/v1/**', (route) => route.abort());
    await page.reload();
    await page.getByRole('alert').first().waitFor();
    await shot(page, 'store-unreachable');
  },
};
