import type { MatrixSeries } from '../api';
import type { TimeRange } from '../time';

/** A number, or null where there is none: charts leave a gap. */
export type Value = number | null;

export interface ChartSeries {
  /** Tells series of one chart apart, over refreshes too. */
  id: string;
  label: string;
  color: string;
  values: Value[];
  /** Drawn below zero, written without its sign: the other direction of a flow. */
  mirrored?: boolean;
  dashed?: boolean;
  /** Stays out of the stack of a stacked chart: totals and limits. */
  unstacked?: boolean;
}

export interface Frame {
  /** Instants in seconds, ascending, one step apart. */
  times: number[];
  columns: Value[][];
}

/** Lays the series of a range query on its grid of instants; absent and non-finite values become gaps. */
export function toFrame(matrix: readonly MatrixSeries[], range: TimeRange, step: number): Frame {
  const count = Math.max(1, Math.floor((range.end - range.start) / step + 1e-9) + 1);
  const times = Array.from({ length: count }, (_, i) => range.start + i * step);
  const columns = matrix.map((series) => {
    const column: Value[] = new Array<Value>(count).fill(null);
    for (const [time, text] of series.values ?? []) {
      const slot = Math.round((time - range.start) / step);
      const value = Number(text);
      if (slot >= 0 && slot < count && Number.isFinite(value)) column[slot] = value;
    }
    return column;
  });
  return { times, columns };
}

/** What is drawn: signs for mirrored series, sums from below for stacked ones, gaps for hidden ones. */
export function toPlot(series: readonly ChartSeries[], stacked: boolean, hidden: (id: string) => boolean): Value[][] {
  const above: number[] = [];
  const below: number[] = [];
  return series.map((one) => {
    if (hidden(one.id)) return one.values.map(() => null);
    const sign = one.mirrored ? -1 : 1;
    const sums = one.mirrored ? below : above;
    if (!stacked || one.unstacked) return one.mirrored ? one.values.map((v) => (v === null ? null : -v)) : one.values;
    return one.values.map((value, i) => {
      if (value === null) return null;
      sums[i] = (sums[i] ?? 0) + sign * value;
      return sums[i] ?? null;
    });
  });
}

export interface Summary {
  last: Value;
  min: Value;
  max: Value;
  mean: Value;
}

/** The figures that a legend shows for one series. */
export function summarise(values: readonly Value[]): Summary {
  let last: Value = null;
  let min = Infinity;
  let max = -Infinity;
  let sum = 0;
  let count = 0;
  for (const value of values) {
    if (value === null) continue;
    last = value;
    if (value < min) min = value;
    if (value > max) max = value;
    sum += value;
    count++;
  }
  return count === 0 ? { last, min: null, max: null, mean: null } : { last, min, max, mean: sum / count };
}

/** How many values a chart holds. */
export function countPoints(columns: readonly (readonly Value[])[]): number {
  let count = 0;
  for (const column of columns) for (const value of column) if (value !== null) count++;
  return count;
}
