import uPlot from 'uplot';
import { formatTicks, type Unit } from '../units';
import { formatTimeTicks, type TimeRange, type Zone } from '../time';
import { withAlpha } from './palette';
import type { ChartSeries } from './data';

/** All that decides how a chart is built; a change means a new uPlot, everything else is data. */
export interface Config {
  series: readonly Pick<ChartSeries, 'id' | 'label' | 'color' | 'mirrored' | 'dashed' | 'unstacked'>[];
  unit: Unit;
  stacked: boolean;
  min: number | undefined;
  max: number | undefined;
  zone: Zone;
  syncKey: string | undefined;
  /** Colours of the theme. */
  ink: { text: string; grid: string };
}

export interface Hooks {
  range: () => TimeRange;
  cursor: (plot: uPlot) => void;
  zoom: (start: number, end: number) => void;
}

/** Two charts with the same signature can share one uPlot. */
export function signature(config: Config): string {
  const series = config.series.map((s) => [s.id, s.color, s.mirrored, s.dashed, s.unstacked]);
  const { unit, stacked, min, max, zone, syncKey, ink } = config;
  return JSON.stringify([series, unit, stacked, min, max, zone, syncKey, ink]);
}

const FONT = '11px system-ui, -apple-system, "Segoe UI", "Noto Sans KR", sans-serif';
/** With more series than this, areas under lines only hide other lines. */
const FILLED_MAX = 1;
/** Up to this many points stand out as dots, beyond it only the line does. */
const DOTS_MAX = 24;

export function buildOptions(config: Config, size: { width: number; height: number }, hooks: Hooks): uPlot.Options {
  const options: uPlot.Options = {
    ...size,
    // Day boundaries fall where the chosen zone has them.
    tzDate: (seconds) => (config.zone === 'utc' ? uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC') : new Date(seconds * 1000)),
    padding: [10, 24, 0, 0],
    legend: { show: false },
    scales: {
      x: { time: true, range: () => [hooks.range().start, hooks.range().end] },
      y: { range: (_, low, high) => yRange(low, high, config) },
    },
    axes: [timeAxis(config), valueAxis(config)],
    series: [{}, ...config.series.map((series) => lineOf(series, config))],
    cursor: {
      points: { size: 7, width: 2 },
      drag: { x: true, y: false, setScale: false, dist: 6 },
      ...(config.syncKey ? { sync: { key: config.syncKey, scales: ['x', null] as [string, null] } } : {}),
    },
    focus: { alpha: 0.2 },
    hooks: {
      setCursor: [hooks.cursor],
      setSelect: [(plot) => readSelection(plot, hooks)],
    },
  };
  if (config.stacked) options.bands = stackBands(config);
  return options;
}

function lineOf(series: Config['series'][number], config: Config): uPlot.Series {
  const inStack = config.stacked && !series.unstacked;
  const filled = inStack || (config.series.length <= FILLED_MAX && !series.dashed);
  return {
    label: series.label,
    stroke: series.color,
    width: 1.5,
    ...(series.dashed ? { dash: [5, 4] } : {}),
    ...(filled ? { fill: withAlpha(series.color, inStack ? 0.35 : 0.1) } : {}),
    points: { size: 5, show: (_plot, _series, first, last) => last - first < DOTS_MAX, filter: lonePoints },
  };
}

/** A point between two gaps has no line to be seen by, so it gets a dot. */
function lonePoints(plot: uPlot, index: number, show: boolean): number[] | null {
  if (show) return null;
  const values = plot.data[index] ?? [];
  const lone: number[] = [];
  for (let i = 0; i < values.length; i++) {
    if (values[i] != null && values[i - 1] == null && values[i + 1] == null) lone.push(i);
  }
  return lone;
}

/** Between two neighbours of a stack only the slice of the upper one is filled. */
function stackBands(config: Config): uPlot.Band[] {
  const bands: uPlot.Band[] = [];
  for (const mirrored of [false, true]) {
    let lower: number | undefined;
    config.series.forEach((series, i) => {
      if (series.unstacked || Boolean(series.mirrored) !== mirrored) return;
      if (lower !== undefined) bands.push({ series: [i + 1, lower], dir: mirrored ? 1 : -1 });
      lower = i + 1;
    });
  }
  return bands;
}

function yRange(low: number | null, high: number | null, config: Config): [number, number] {
  if (low === null || high === null || !Number.isFinite(low) || !Number.isFinite(high)) return [config.min ?? 0, config.max ?? 1];
  const bottom = config.min === undefined ? low : Math.min(config.min, low);
  const top = config.max === undefined ? high : Math.max(config.max, high);
  if (bottom === top) {
    // A flat line sits in the middle of its own size; a flat zero sits on the ground.
    if (bottom === 0) return [0, 1];
    const margin = Math.abs(bottom) * 0.5;
    return [bottom - margin, top + margin];
  }
  const margin = (top - bottom) * 0.08;
  const padLow = config.min === undefined && bottom !== 0 ? margin : bottom < 0 ? margin : 0;
  const padHigh = config.max === undefined || high > config.max ? margin : 0;
  // Lines that never go below zero do not get room below zero.
  const start = bottom >= 0 ? Math.max(0, bottom - padLow) : bottom - padLow;
  return [start, top <= 0 && bottom < 0 ? Math.min(0, top + padHigh) : top + padHigh];
}

function timeAxis(config: Config): uPlot.Axis {
  return {
    stroke: config.ink.text,
    font: FONT,
    size: 30,
    gap: 6,
    space: 72,
    grid: { show: false },
    ticks: { stroke: config.ink.grid, size: 4, width: 1 },
    values: (_, splits) => formatTimeTicks(splits, config.zone),
  };
}

function valueAxis(config: Config): uPlot.Axis {
  const mirrored = config.series.some((series) => series.mirrored);
  const incrs = incrementsOf(config.unit);
  return {
    stroke: config.ink.text,
    font: FONT,
    gap: 6,
    space: 34,
    grid: { stroke: config.ink.grid, width: 1 },
    ticks: { show: false },
    size: (_, values) => 14 + 6.4 * Math.max(3, ...(values ?? []).map((text) => text?.length ?? 0)),
    values: (_, splits) => formatTicks(mirrored ? splits.map(Math.abs) : splits, config.unit),
    ...(incrs ? { incrs } : {}),
  };
}

/** Ticks of binary units stand at powers of two, so that they read 1, 2, 4 GiB. */
function incrementsOf(unit: Unit): number[] | undefined {
  if (unit === 'bytes' || unit === 'bytesPerSecond') return Array.from({ length: 60 }, (_, i) => 2 ** i);
  if (unit !== 'seconds') return undefined;
  const below = [1e-9, 1e-6, 1e-3].flatMap((scale) => [1, 2, 5, 10, 20, 50, 100, 200, 500].map((n) => n * scale));
  return [...below, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400, 172_800, 604_800, 2_592_000, 31_536_000];
}

function readSelection(plot: uPlot, hooks: Hooks): void {
  const { left, width } = plot.select;
  if (width <= 0) return;
  plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  // Charts of one group mirror the drag; only the one under the pointer speaks.
  if (!plot.cursor.event) return;
  const start = plot.posToVal(left, 'x');
  const end = plot.posToVal(left + width, 'x');
  if (end - start >= 1) hooks.zoom(start, end);
}
