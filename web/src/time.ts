/** A range as people write it: `now-1h` to `now`, epoch milliseconds, or `2026-11-21 10:00`. */
export interface RangeText {
  from: string;
  to: string;
}

/** A resolved range in seconds since the epoch. */
export interface TimeRange {
  start: number;
  end: number;
}

export type Zone = 'local' | 'utc';

const UNIT_SECONDS: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800, y: 31_536_000 };
/** Steps that divide minutes, hours and days, in seconds. */
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200, 86_400, 172_800, 604_800];

/** Reads one end of a range into seconds; undefined when it is no time. */
export function parseTime(text: string, nowSeconds: number, zone: Zone): number | undefined {
  const trimmed = text.trim();
  if (trimmed === 'now') return nowSeconds;
  const relative = /^now\s*([+-])\s*(\d{1,6})([smhdwy])$/.exec(trimmed);
  if (relative) {
    const [, sign, count, unit] = relative;
    const offset = Number(count) * (UNIT_SECONDS[unit ?? ''] ?? 0);
    return sign === '-' ? nowSeconds - offset : nowSeconds + offset;
  }
  if (/^\d{9,14}$/.test(trimmed)) {
    // Ten digits or fewer are seconds, more are milliseconds.
    return trimmed.length <= 10 ? Number(trimmed) : Number(trimmed) / 1000;
  }
  return parseDate(trimmed, zone);
}

function parseDate(text: string, zone: Zone): number | undefined {
  const match = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2}))?)?(Z)?$/.exec(text);
  if (!match) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0));
  const parts = [year ?? 0, (month ?? 1) - 1, day ?? 1, hour ?? 0, minute ?? 0, second ?? 0] as const;
  const ms = zone === 'utc' || match[7] ? Date.UTC(...parts) : new Date(...parts).getTime();
  return Number.isFinite(ms) ? ms / 1000 : undefined;
}

/** Resolves both ends; undefined when either is unreadable or the range is empty. */
export function resolveRange(range: RangeText, nowSeconds: number, zone: Zone): TimeRange | undefined {
  const start = parseTime(range.from, nowSeconds, zone);
  const end = parseTime(range.to, nowSeconds, zone);
  return start === undefined || end === undefined || start >= end ? undefined : { start, end };
}

export function isRelative(range: RangeText): boolean {
  return range.from.startsWith('now') && range.to.startsWith('now');
}

/** The smallest round step that draws `range` with at most `maxPoints` points. */
export function autoStep(range: TimeRange, maxPoints: number, minStep = 1): number {
  const wanted = Math.max((range.end - range.start) / Math.max(1, maxPoints), minStep);
  return STEPS.find((step) => step >= wanted) ?? Math.ceil(wanted / 604_800) * 604_800;
}

/** Moves both ends down to multiples of `step`, so that refreshes ask for the same instants again. */
export function alignRange(range: TimeRange, step: number): TimeRange {
  const start = Math.floor(range.start / step) * step;
  return { start, end: Math.max(start, Math.floor(range.end / step) * step) };
}

/** Reads a duration such as `30s`, `5m` or `1h30m` into seconds; undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  const trimmed = text.trim();
  if (!/^(\d{1,6}[smhdwy])+$/.test(trimmed)) return undefined;
  let seconds = 0;
  for (const [, count, unit] of trimmed.matchAll(/(\d+)([smhdwy])/g)) {
    seconds += Number(count) * (UNIT_SECONDS[unit ?? ''] ?? 0);
  }
  return seconds > 0 ? seconds : undefined;
}

const two = (n: number) => String(n).padStart(2, '0');

function parts(seconds: number, zone: Zone) {
  const d = new Date(seconds * 1000);
  return zone === 'utc'
    ? [d.getUTCFullYear(), d.getUTCMonth() + 1, d.getUTCDate(), d.getUTCHours(), d.getUTCMinutes(), d.getUTCSeconds()] as const
    : [d.getFullYear(), d.getMonth() + 1, d.getDate(), d.getHours(), d.getMinutes(), d.getSeconds()] as const;
}

/** `2026-11-21 10:00:05`, 24 h, in the chosen zone. */
export function formatTime(seconds: number, zone: Zone): string {
  const [year, month, day, hour, minute, second] = parts(seconds, zone);
  return `${year}-${two(month)}-${two(day)} ${two(hour)}:${two(minute)}:${two(second)}`;
}

/** A moment of the last day or so, as short as it can be told: `10:00:05`, with its date on another day than `now`. */
export function formatMoment(seconds: number, now: number, zone: Zone): string {
  const [date, clock] = formatTime(seconds, zone).split(' ');
  return formatTime(now, zone).startsWith(date ?? '') ? (clock ?? '') : `${date?.slice(5)} ${clock}`;
}

/** Labels of a 24 h time axis on one line: the clock, or the date where a day begins. */
export function formatTimeTicks(ticks: readonly number[], zone: Zone): string[] {
  const increment = ticks.length > 1 ? (ticks[1] ?? 0) - (ticks[0] ?? 0) : 60;
  return ticks.map((tick) => {
    const [year, month, day, hour, minute, second] = parts(tick, zone);
    if (increment >= 28 * 86_400) return `${year}-${two(month)}`;
    if (increment >= 86_400 || (hour === 0 && minute === 0 && second === 0)) return `${two(month)}-${two(day)}`;
    return increment < 60 ? `${two(hour)}:${two(minute)}:${two(second)}` : `${two(hour)}:${two(minute)}`;
  });
}
