import { expect, test } from 'vitest';
import { countPoints, summarise, toFrame, toPlot, type ChartSeries } from './data';

test('missing and non-finite points become gaps on the grid', () => {
  const frame = toFrame(
    [{ metric: {}, values: [[100, '1'], [120, 'NaN'], [130, '4']] }, { metric: {}, values: [[110, '+Inf'], [900, '1']] }],
    { start: 100, end: 130 },
    10,
  );
  expect(frame.times).toEqual([100, 110, 120, 130]);
  expect(frame.columns).toEqual([[1, null, null, 4], [null, null, null, null]]);
  expect(countPoints(frame.columns)).toBe(2);
});

const line = (id: string, values: (number | null)[], more: Partial<ChartSeries> = {}): ChartSeries => ({
  id, label: id, color: '#000000', values, ...more,
});

test('stacks sum from below, mirrored ones downwards, limits stay out', () => {
  const series = [
    line('a', [1, 2, null]),
    line('b', [10, null, 30]),
    line('down', [5, 5, 5], { mirrored: true }),
    line('limit', [99, 99, 99], { unstacked: true }),
  ];
  expect(toPlot(series, true, () => false)).toEqual([[1, 2, null], [11, null, 30], [-5, -5, -5], [99, 99, 99]]);
  expect(toPlot(series, true, (id) => id === 'a')[1]).toEqual([10, null, 30]);
  expect(toPlot(series, false, () => false)[1]).toEqual([10, null, 30]);
});

test('summaries skip gaps', () => {
  expect(summarise([1, null, 4, 1])).toEqual({ last: 1, min: 1, max: 4, mean: 2 });
  expect(summarise([null])).toEqual({ last: null, min: null, max: null, mean: null });
});
