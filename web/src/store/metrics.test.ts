import { expect, test } from 'vitest';
import { parseMetrics, readCounts } from './metrics';

const TEXT = String.raw`# HELP bongsu_store_flushes_total Flushes of memory to blocks.
# TYPE bongsu_store_flushes_total counter
bongsu_store_flushes_total 12
bongsu_store_merges_total 3
other_total 5
bongsu_push_rejected_samples_total{tenant="a",reason="sample_too_old"} 7
bongsu_push_rejected_samples_total{tenant="a",reason="series_limit"} 1.5e3
bongsu_push_rejected_samples_total{tenant="a",reason="duplicate_label"} 0
bongsu_push_rejected_samples_total{tenant="b",reason="series_limit"} 9
bongsu_odd{path="C:\\x}",text="a\"b\nc"} +Inf
bongsu_bad{
bongsu_bad one
`;

test('lines are read with their labels, and what is none is left out', () => {
  expect(parseMetrics(TEXT, 'bongsu_odd')).toEqual([]);
  expect(parseMetrics(TEXT.replace('+Inf', 'Infinity'), 'bongsu_odd')).toEqual([
    { name: 'bongsu_odd', labels: { path: 'C:\\x}', text: 'a"b\nc' }, value: Infinity },
  ]);
  expect(parseMetrics(TEXT, 'bongsu_bad')).toEqual([]);
  expect(parseMetrics(TEXT, 'other')).toEqual([{ name: 'other_total', labels: {}, value: 5 }]);
});

test('the counts of a tenant', () => {
  expect(readCounts(TEXT, 'a')).toEqual({
    flushes: 12, flushFailures: 0, merges: 3, droppedBlocks: 0, busyPushes: 0,
    refused: [{ reason: 'series_limit', samples: 1500 }, { reason: 'sample_too_old', samples: 7 }],
  });
});
