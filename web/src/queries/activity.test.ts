import { expect, test } from 'vitest';
import type { ActiveQuery, SlowQuery } from '../api';
import { activeRows, seconds, slowRows } from './activity';

const active = (id: number, durationSeconds: number, state: 'waiting' | 'running'): ActiveQuery => ({
  id,
  tenant: 'anonymous',
  kind: 'range',
  query: `up + ${id}`,
  startMs: 1_500,
  seriesRead: 2,
  samplesRead: 30,
  peakPoints: 4,
  state,
  queueSeconds: 0.25,
  durationSeconds,
});

test('what has taken longest comes first', () => {
  const rows = activeRows([active(1, 2, 'running'), active(3, 9, 'waiting'), active(2, 9, 'running')]);
  expect(rows.map((row) => row.id)).toEqual([2, 3, 1]);
  expect(rows[1]).toEqual({
    id: 3, query: 'up + 3', tenant: 'anonymous', kind: 'range', duration: 9, queued: 0.25, series: 2, samples: 30,
    state: 'waiting', start: 1.5, error: '',
  });
});

test('a slow query has failed when it has an error', () => {
  const { state: _, ...query } = active(1, 6, 'running');
  const slow = (error: string): SlowQuery => ({ ...query, error });
  expect(slowRows([slow(''), slow('query timed out')]).map((row) => [row.state, row.error])).toEqual([
    ['done', ''],
    ['failed', 'query timed out'],
  ]);
});

test('durations are short', () => {
  expect([0, 0.0449, 0.9994, 3.24, 9.96, 75.4].map(seconds)).toEqual(['0 ms', '45 ms', '999 ms', '3.2 s', '10.0 s', '75 s']);
});
