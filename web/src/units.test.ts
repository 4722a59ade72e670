import { describe, expect, test } from 'vitest';
import { formatDuration, formatTicks, formatValue, guessUnit, type Unit } from './units';

describe('formatValue', () => {
  const cases: [number, Unit, string][] = [
    [0, 'none', '0'],
    [1234567, 'none', '1234567'],
    [0.1 + 0.2, 'none', '0.3'],
    [1e-9, 'none', '1e-9'],
    [0.000545454, 'none', '0.0005455'],
    [2.21326, 'none', '2.213'],
    [123456.7, 'none', '123457'],
    [1234, 'short', '1.23k'],
    [999, 'short', '999'],
    [0, 'bytes', '0 B'],
    [1023, 'bytes', '1023 B'],
    [1536, 'bytes', '1.50 KiB'],
    [10 * 1024 ** 3, 'bytes', '10.0 GiB'],
    [-2048, 'bytes', '-2.00 KiB'],
    [1024 ** 2, 'bytesPerSecond', '1.00 MiB/s'],
    [1_500_000, 'bitsPerSecond', '1.50 Mb/s'],
    [12, 'bitsPerSecond', '12 b/s'],
    [12.345, 'percent', '12.3%'],
    [0.00909091, 'percent', '0.0091%'],
    [0.5, 'ratio', '50.0%'],
    [1, 'ratio', '100%'],
    [0.0205, 'seconds', '20.5ms'],
    [0.000002, 'seconds', '2.00µs'],
    [90, 'seconds', '1.5m'],
    [7200, 'seconds', '2h'],
    [NaN, 'bytes', 'NaN'],
    [-Infinity, 'short', '-Inf'],
  ];
  test.each(cases)('%d in %s is %s', (value, unit, text) => expect(formatValue(value, unit)).toBe(text));
});

describe('formatTicks', () => {
  test('whole ticks carry no decimals', () => {
    expect(formatTicks([0, 1024 ** 3, 2 * 1024 ** 3], 'bytes')).toEqual(['0 B', '1 GiB', '2 GiB']);
    expect(formatTicks([0, 25, 50], 'percent')).toEqual(['0%', '25%', '50%']);
  });
  test('close ticks get as many decimals as they need', () => {
    expect(formatTicks([0.25, 0.5], 'none')).toEqual(['0.25', '0.5']);
    expect(formatTicks([99.955, 99.96], 'none')).toEqual(['99.955', '99.96']);
    expect(formatTicks([1000, 1500], 'short')).toEqual(['1k', '1.5k']);
  });
});

describe('formatDuration', () => {
  const cases: [number, string][] = [
    [0.02, '20.0ms'], [1.5, '1.5s'], [59, '59s'], [60, '1m'], [754, '12m 34s'], [3600, '1h'], [90_061, '1d 1h'], [-120, '-2m'], [NaN, '–'],
  ];
  test.each(cases)('%d s is %s', (seconds, text) => expect(formatDuration(seconds)).toBe(text));
});

describe('guessUnit', () => {
  const cases: [string, Unit][] = [
    ['node_memory_MemFree_bytes', 'bytes'],
    ['node_memory_MemFree_bytes{instance="a/b"}', 'bytes'],
    ['sum by (device) (rate(node_network_receive_bytes_total[5m]))', 'bytesPerSecond'],
    ['node_memory_MemFree_bytes / node_memory_MemTotal_bytes', 'none'],
    ['rate(http_requests_total[5m])', 'perSecond'],
    ['go_gc_duration_seconds', 'seconds'],
    ['rate(node_cpu_seconds_total[1m])', 'none'],
    ['process_start_time_seconds', 'none'],
    ['avg_over_time(process_resident_memory_bytes[5m])', 'bytes'],
    ['count(node_memory_MemFree_bytes)', 'none'],
    ['up', 'none'],
    ['', 'none'],
  ];
  test.each(cases)('%s -> %s', (expr, unit) => expect(guessUnit(expr)).toBe(unit));
});
