import type { Labels } from '../api';

/** One line of `/metrics`. */
export interface Reading {
  name: string;
  labels: Labels;
  value: number;
}

const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?\s+(\S+)/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g;

/** Reads the lines of the text format whose names start with `prefix`. What is no such line is left out. */
export function parseMetrics(text: string, prefix: string): Reading[] {
  return text.split('\n').flatMap((line) => {
    if (!line.startsWith(prefix)) return [];
    const [, name, labels = '', number] = LINE.exec(line) ?? [];
    const value = Number(number);
    return name === undefined || Number.isNaN(value) ? [] : [{ name, labels: parseLabels(labels), value }];
  });
}

function parseLabels(text: string): Labels {
  const unescape = (value: string) => value.replace(/\\(.)/g, (_, sign: string) => (sign === 'n' ? '\n' : sign));
  return Object.fromEntries([...text.matchAll(LABEL)].map(([, name = '', value = '']) => [name, unescape(value)]));
}

/** What the centre counts of its store, all tenants together, since it was started. */
export interface Counts {
  flushes: number;
  flushFailures: number;
  merges: number;
  droppedBlocks: number;
  busyPushes: number;
  /** Samples of the tenant that were refused, by reason; the most frequent first. */
  refused: { reason: string; samples: number }[];
}

export function readCounts(text: string, tenant: string): Counts {
  const readings = parseMetrics(text, 'bongsu_');
  const total = (name: string) => readings.filter((one) => one.name === name).reduce((sum, one) => sum + one.value, 0);
  const refused = readings
    .filter(({ name, labels, value }) => name === 'bongsu_push_rejected_samples_total' && labels.tenant === tenant && value > 0)
    .map(({ labels, value }) => ({ reason: labels.reason ?? '', samples: value }));
  return {
    flushes: total('bongsu_store_flushes_total'),
    flushFailures: total('bongsu_store_flush_failures_total'),
    merges: total('bongsu_store_merges_total'),
    droppedBlocks: total('bongsu_store_blocks_dropped_total'),
    busyPushes: total('bongsu_push_busy_total'),
    refused: refused.sort((a, b) => b.samples - a.samples || a.reason.localeCompare(b.reason)),
  };
}
