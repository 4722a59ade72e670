import { expect, test } from 'vitest';
import type { StoredBlock } from '../api';
import { byResolution, byteTicks, bytesPerSample, deepest, extent, layout, levelOf, mergedForGood, timeTicks } from './blocks';

const HOUR = 3_600_000;
const NOW = 49 * HOUR;

function block(from: number, hours: number, bytes: number, level = 0): StoredBlock {
  const [start, end] = [from * HOUR, (from + hours) * HOUR - 1];
  return { name: `${from}_${bytes}`, level, resolution: 0, start, end, minTime: start, maxTime: Math.min(end, NOW), series: 10, samples: 100, bytes, place: 'disk' };
}

test('a block is as wide as its time and as high as its bytes per hour', () => {
  const blocks = [block(0, 24, 2400, 2), block(24, 2, 100, 1)];
  const { rects, top } = layout(blocks, { start: 0, end: 48 * 3600 }, NOW, { width: 480, height: 106 });
  expect(top).toBeCloseTo(106);
  expect(rects.map(({ x, y, width, height }) => [x, y, width, height].map(Math.round))).toEqual([[0, 6, 240, 100], [240, 56, 20, 50]]);
});

test('blocks of the same time stand on each other, long ones below', () => {
  const blocks = [block(26, 2, 200), block(24, 2, 20), block(24, 24, 2400, 2), block(24, 2, 40, 1), block(0, 24, 24)];
  const { rects } = layout(blocks, { start: 0, end: 48 * 3600 }, NOW, { width: 48, height: 212 });
  const bottoms = rects.map(({ block: { name }, y, height }) => [name, Math.round((212 - y - height) / (212 / 212))]);
  expect(bottoms).toEqual([['0_24', 0], ['24_2400', 0], ['24_40', 100], ['24_20', 120], ['26_200', 100]]);
});

test('the partition that is being filled ends now', () => {
  const [rect] = layout([block(48, 2, 100)], { start: 0, end: 49 * 3600 }, NOW, { width: 490, height: 100 }).rects;
  expect([rect?.x, rect?.width].map((n) => Math.round(n ?? 0))).toEqual([480, 10]);
  // Six minutes count as half an hour.
  const { top } = layout([{ ...block(48, 2, 100), maxTime: 48.1 * HOUR }], { start: 0, end: 49 * 3600 }, 48.1 * HOUR, { width: 490, height: 100 });
  expect(top / 1.06).toBeCloseTo(200);
});

test('what lies outside the range is left out, what reaches into it is cut', () => {
  const blocks = [block(0, 2, 1), block(2, 24, 1), block(40, 2, 1)];
  const { rects } = layout(blocks, { start: 12 * 3600, end: 36 * 3600 }, NOW, { width: 240, height: 10 });
  expect(rects.map(({ x, width, height }) => [x, width, height >= 2])).toEqual([[0, 140, true]]);
});

test('the plot reaches from the first block to now', () => {
  expect(extent([block(0, 24, 1), block(24, 2, 1)], NOW)).toEqual({ start: 0, end: 49 * 3600 });
  expect(extent([], NOW)).toEqual({ start: 48 * 3600, end: 49 * 3600 });
});

test('figures', () => {
  expect(bytesPerSample(10, 4)).toBe(2.5);
  expect(bytesPerSample(10, 0)).toBe(undefined);
  expect(deepest([block(0, 2, 1), block(2, 2, 2), block(4, 2, 1)])).toBe(1);
  expect(deepest([block(0, 24, 1), block(0, 2, 2), block(2, 2, 1), block(2, 2, 3)])).toBe(3);
  expect(deepest([])).toBe(0);
  expect([0, 1, 2, 7].map((level) => levelOf(block(0, 2, 1, level)))).toEqual([0, 1, 2, 2]);
});

test('what is over should be merged for good', () => {
  const blocks = [block(0, 24, 600, 2), block(0, 24, 30, 0), block(24, 24, 70, 1), block(46, 2, 100, 2), block(48, 2, 1000, 0)];
  expect(mergedForGood(blocks, NOW)).toEqual({ bytes: 700, ofBytes: 800 });
  expect(mergedForGood(blocks, 48 * HOUR + 60_000)).toEqual({ bytes: 600, ofBytes: 630 });
  expect(mergedForGood([], NOW)).toEqual({ bytes: 0, ofBytes: 0 });
});

test('each resolution stands by itself', () => {
  const at = (resolution: number, from: number) => ({ ...block(from, 24, 1), resolution });
  const blocks = [at(3600, 0), at(0, 24), at(300, 0), at(0, 0)];
  expect(byResolution(blocks).map(({ resolution, blocks: of }) => [resolution, of.length])).toEqual([[0, 2], [300, 1], [3600, 1]]);
  expect(deepest(blocks)).toBe(1);
});

test('ticks are round', () => {
  expect(timeTicks({ start: 10, end: 7 * 3600 }, 4, 'utc')).toEqual([2, 4, 6].map((hours) => hours * 3600));
  expect(timeTicks({ start: 0, end: 400 * 86_400 }, 8, 'utc').length).toBeLessThanOrEqual(8);
  expect(byteTicks(1000)).toEqual([0, 256, 512, 768]);
  expect(byteTicks(1)).toEqual([0, 0.25, 0.5, 0.75, 1]);
});
