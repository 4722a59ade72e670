import type { StoredBlock } from '../api';
import type { TimeRange, Zone } from '../time';

/** Where a block stands on the plot, in pixels from the upper left corner of the drawing area. */
export interface BlockRect {
  block: StoredBlock;
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface BlockLayout {
  rects: BlockRect[];
  /** What the upper edge stands for, bytes per hour of samples. */
  top: number;
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** What is smaller cannot be seen or pointed at. */
const WIDTH_MIN = 2;
const HEIGHT_MIN = 2;

/** The time from the first block to now, or to the end of the last one when that is later; seconds. */
export function extent(blocks: readonly StoredBlock[], nowMs: number): TimeRange {
  const start = Math.min(nowMs - HOUR, ...blocks.map((block) => block.start));
  const end = Math.max(nowMs, ...blocks.map((block) => block.maxTime));
  return { start: start / 1000, end: end / 1000 };
}

/**
 * Draws each block as wide as its partition is long (as far as it has passed) and as high as it has bytes per hour, so
 * that the area is what it takes on disk. Blocks of the same time stand on each other: the more pieces, the more files a
 * query of that time has to look into.
 */
export function layout(blocks: readonly StoredBlock[], range: TimeRange, nowMs: number, size: { width: number; height: number }): BlockLayout {
  const shown = blocks.filter((block) => block.end >= range.start * 1000 && block.start <= range.end * 1000);
  const stacks = stack(shown, nowMs);
  const top = Math.max(1, ...stacks.map(({ base, rate }) => base + rate)) * 1.06;
  const x = (ms: number) => Math.min(size.width, Math.max(0, ((ms / 1000 - range.start) / (range.end - range.start)) * size.width));
  const rects = stacks.map(({ block, end, base, rate }) => {
    const left = x(block.start);
    const height = Math.max(HEIGHT_MIN, (rate / top) * size.height);
    return { block, x: left, y: size.height - (base / top) * size.height - height, width: Math.max(WIDTH_MIN, x(end) - left), height };
  });
  return { rects, top };
}

interface Stacked {
  block: StoredBlock;
  /** Where it ends on the plot, milliseconds. */
  end: number;
  /** Bytes per hour of what stands below it. */
  base: number;
  rate: number;
}

function stack(blocks: readonly StoredBlock[], nowMs: number): Stacked[] {
  const placed: Stacked[] = [];
  // Partitions lie within days of UTC, so that only blocks of one day can meet.
  const days = new Map<number, Stacked[]>();
  const length = (block: StoredBlock) => block.end - block.start;
  const ordered = blocks.toSorted((a, b) => length(b) - length(a) || b.level - a.level || a.start - b.start);
  for (const block of ordered) {
    // The partition that is being filled ends now; one with samples of the future reaches as far as they do.
    const end = Math.min(block.end + 1, Math.max(nowMs, block.maxTime));
    const key = Math.floor(block.start / DAY);
    const day = days.get(key) ?? [];
    const below = day.filter((other) => other.block.start < end && block.start < other.end);
    const base = Math.max(0, ...below.map((other) => other.base + other.rate));
    // Labels weigh most while a partition has few samples: its first minutes must not dwarf all others.
    const hours = Math.max(end - block.start, (block.end + 1 - block.start) / 4) / HOUR;
    const one = { block, end, base, rate: block.bytes / hours };
    placed.push(one);
    days.set(key, [...day, one]);
  }
  return placed.sort((a, b) => a.block.start - b.block.start || a.base - b.base);
}

/** How often the samples of a block have been merged: as flushed, while its time was open, for good. */
export const LEVELS = [0, 1, 2] as const;
export type Level = (typeof LEVELS)[number];

export function levelOf(block: StoredBlock): Level {
  return block.level >= 2 ? 2 : block.level === 1 ? 1 : 0;
}

/** The blocks by what their values stand for: samples as they came first, then from fine to coarse. */
export function byResolution(blocks: readonly StoredBlock[]): { resolution: number; blocks: StoredBlock[] }[] {
  const of = (block: StoredBlock) => block.resolution ?? 0;
  const resolutions = [...new Set(blocks.map(of))].sort((a, b) => a - b);
  return resolutions.map((resolution) => ({ resolution, blocks: blocks.filter((block) => of(block) === resolution) }));
}

/** Bytes for each sample; undefined where there is none. */
export function bytesPerSample(bytes: number, samples: number): number | undefined {
  return samples > 0 ? bytes / samples : undefined;
}

/** The most blocks of one moment and one resolution: so many files a query of it looks into. */
export function deepest(blocks: readonly StoredBlock[]): number {
  return Math.max(0, ...byResolution(blocks).map((group) => deepestOf(group.blocks)));
}

function deepestOf(blocks: readonly StoredBlock[]): number {
  let [open, most] = [0, 0];
  // At the same time what ends goes before what starts: ends are the last moment that is inside.
  const changes = blocks.flatMap(({ start, end }) => [{ at: start, by: 1 }, { at: end + 1, by: -1 }]);
  for (const { by } of changes.sort((a, b) => a.at - b.at || a.by - b.by)) {
    open += by;
    most = Math.max(most, open);
  }
  return most;
}

/** A partition that has been over for so long gets nothing more but what is late: it can be merged for good. */
const GRACE_MS = 15 * 60_000;

/** Bytes of partitions that are over, and how many of them are merged for good. */
export function mergedForGood(blocks: readonly StoredBlock[], nowMs: number): { bytes: number; ofBytes: number } {
  const over = blocks.filter((block) => block.end + GRACE_MS < nowMs);
  const sum = (list: readonly StoredBlock[]) => list.reduce((total, block) => total + block.bytes, 0);
  return { bytes: sum(over.filter((block) => levelOf(block) === 2)), ofBytes: sum(over) };
}

const TICK_HOURS = [1, 2, 3, 6, 12, 24, 48, 96, 7 * 24, 14 * 24, 28 * 24, 91 * 24, 365 * 24];

/** Round times of the zone within the range, at most `most` of them; seconds. */
export function timeTicks(range: TimeRange, most: number, zone: Zone): number[] {
  const step = (TICK_HOURS.find((hours) => (range.end - range.start) / (hours * 3600) <= most) ?? 3 * 365 * 24) * 3600;
  const offset = zone === 'utc' ? 0 : -new Date(range.end * 1000).getTimezoneOffset() * 60;
  const ticks: number[] = [];
  for (let tick = Math.ceil((range.start + offset) / step) * step - offset; tick <= range.end; tick += step) ticks.push(tick);
  return ticks;
}

/** Round bytes from 0 to below `top`, about four. */
export function byteTicks(top: number): number[] {
  const step = 2 ** Math.ceil(Math.log2(top / 4));
  return Array.from({ length: Math.floor(top / step) + 1 }, (_, i) => i * step);
}
