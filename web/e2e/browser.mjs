// One headless Chromium that can reach nothing but this machine.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

export const BASE_URL = (process.env.BASE_URL ?? 'http://127.0.0.1:9009').replace(/\/$/, '');
const SHOTS = process.env.SHOTS ?? '';
/** How long a page may take to show live data, in milliseconds. */
export const PATIENCE_MS = Number(process.env.PATIENCE_MS ?? 30_000);

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox', '--headless=new', '--disable-gpu', '--disable-background-networking',
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
    ],
  });
}

/** A fresh visitor: own storage, own preferences. Collects what the page complains of. */
export async function visitor(browser, { theme = 'dark', locale = 'en-US', width = 1360, height = 900 } = {}) {
  const context = await browser.newContext({ colorScheme: theme, locale, viewport: { width, height }, timezoneId: 'Asia/Seoul' });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(`page: ${error.message}`));
  page.on('console', (message) => {
    // A refused query is logged by the browser as a failed resource; tests that send one expect it.
    if (message.type() === 'error' && !/status of 4\d\d/.test(message.text())) complaints.push(`console: ${message.text()}`);
  });
  return { context, page, complaints };
}

/** Waits until `selector` is drawn with at least `points` values. */
export async function live(page, selector, points = 1) {
  await page.waitForFunction(
    ([css, least]) => [...document.querySelectorAll(css)].some((el) => el.dataset.ready === 'true' && Number(el.dataset.points) >= least),
    [selector, points],
  );
}

/** True when something was painted on the first canvas under `selector`. */
export function painted(page, selector) {
  return page.evaluate((css) => {
    const canvas = document.querySelector(`${css} canvas`);
    if (!canvas) return false;
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const colours = new Set();
    for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 0) colours.add(`${data[i]},${data[i + 1]},${data[i + 2]}`);
    return colours.size > 5;
  }, selector);
}

/** Keeps a picture when a folder was given. */
export async function shot(page, name, fullPage = false) {
  if (!SHOTS) return;
  mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage });
}
