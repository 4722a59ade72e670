import type { PanelSpec } from '../panels/spec';

/** Is there anything to draw? The centre's own metrics stand where somebody scrapes them, as its own agent does. */
export const OWN_METRICS = 'count(bongsu_store_log_bytes)';

/** How the store fared over time, all tenants together, from the centre's own metrics. */
export const STORE_PANELS: readonly PanelSpec[] = [
  {
    id: 'storeIngest', unit: 'perSecond', min: 0,
    queries: [
      { expr: 'sum(rate(bongsu_store_samples_total{$host}[$window]))', name: 'samples', hue: 'blue' },
      { expr: 'sum(rate(bongsu_store_histograms_total{$host}[$window])) > 0', name: 'histograms', hue: 'violet' },
    ],
  },
  {
    id: 'storeSeries', unit: 'short', min: 0,
    queries: [
      { expr: 'sum(bongsu_store_head_active_series{$host})', name: 'sinceFlush', hue: 'green' },
      { expr: 'sum(bongsu_store_head_series{$host})', name: 'inMemory', hue: 'grey', dashed: true },
    ],
  },
  {
    id: 'storeMemory', unit: 'bytes', min: 0,
    queries: [
      { expr: 'sum(bongsu_store_head_bytes{$host})', name: 'head', hue: 'violet' },
      { expr: 'sum(bongsu_store_log_bytes{$host})', name: 'log', hue: 'orange' },
    ],
  },
  {
    id: 'storeDisk', unit: 'bytes', min: 0,
    queries: [{ expr: 'sum(bongsu_store_block_bytes{$host})', name: 'blocks', hue: 'cyan' }],
  },
  {
    id: 'storeRefused', unit: 'perSecond', min: 0,
    queries: [
      { expr: 'sum(rate(bongsu_store_rejected_samples_total{$host}[$window]))', name: 'total', hue: 'grey', dashed: true },
      { expr: 'sum by (reason) (rate(bongsu_store_rejected_samples_total{$host}[$window])) > 0', by: 'reason' },
    ],
  },
  {
    id: 'storeWork', unit: 'short', min: 0,
    queries: [
      { expr: 'round(sum(increase(bongsu_store_flushes_total{$host}[$window])))', name: 'flushes', hue: 'orange' },
      { expr: 'round(sum(increase(bongsu_store_merges_total{$host}[$window])))', name: 'merges', hue: 'blue' },
      { expr: 'round(sum(increase(bongsu_store_flush_failures_total{$host}[$window]))) > 0', name: 'failures', hue: 'red' },
    ],
  },
];
