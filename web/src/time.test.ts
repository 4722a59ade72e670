import { expect, test } from 'vitest';
import { alignRange, autoStep, formatMoment, formatTime, formatTimeTicks, parseDuration, parseTime, resolveRange } from './time';

const NOW = 1_800_000_000;

test('relative, epoch and calendar times are read', () => {
  expect(parseTime('now', NOW, 'utc')).toBe(NOW);
  expect(parseTime('now-1h', NOW, 'utc')).toBe(NOW - 3600);
  expect(parseTime('now + 5m', NOW, 'utc')).toBe(NOW + 300);
  expect(parseTime('1700000000', NOW, 'utc')).toBe(1_700_000_000);
  expect(parseTime('1700000000500', NOW, 'utc')).toBe(1_700_000_000.5);
  expect(parseTime('2026-11-21', NOW, 'utc')).toBe(Date.UTC(2026, 10, 21) / 1000);
  expect(parseTime('2026-11-21 10:05:07', NOW, 'utc')).toBe(Date.UTC(2026, 10, 21, 10, 5, 7) / 1000);
});

test('what is no time is refused', () => {
  for (const text of ['', 'yesterday', 'now-', 'now-1x', '2026/01/01', '12']) {
    expect(parseTime(text, NOW, 'utc'), text).toBeUndefined();
  }
  expect(resolveRange({ from: 'now', to: 'now-1h' }, NOW, 'utc')).toBeUndefined();
});

test('steps are round and bound the number of points', () => {
  expect(autoStep({ start: 0, end: 3600 }, 720)).toBe(5);
  expect(autoStep({ start: 0, end: 3600 }, 300)).toBe(15);
  expect(autoStep({ start: 0, end: 60 }, 1000, 5)).toBe(5);
  expect(autoStep({ start: 0, end: 30 * 86_400 }, 720)).toBe(3600);
});

test('ranges align to their step', () => {
  expect(alignRange({ start: 103, end: 207 }, 10)).toEqual({ start: 100, end: 200 });
});

test('durations add up', () => {
  expect(parseDuration('1h30m')).toBe(5400);
  expect(parseDuration('15s')).toBe(15);
  expect(parseDuration('15')).toBeUndefined();
  expect(parseDuration('0s')).toBeUndefined();
});

test('times are written in 24 h', () => {
  const at = Date.UTC(2026, 10, 21, 23, 59, 30) / 1000;
  expect(formatTime(at, 'utc')).toBe('2026-11-21 23:59:30');
  expect(formatTimeTicks([at, at + 30], 'utc')).toEqual(['23:59:30', '11-22']);
});

test('a moment is told with its date on another day only', () => {
  expect(formatMoment(NOW - 60, NOW, 'utc')).toBe('07:59:00');
  expect(formatMoment(NOW - 9 * 3600, NOW, 'utc')).toBe('01-14 23:00:00');
});
