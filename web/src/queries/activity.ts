import type { ActiveQuery, SlowQuery } from '../api';

/** A row of either table. */
export interface Row {
  id: number;
  query: string;
  tenant: string;
  kind: string;
  /** Seconds, waiting included. */
  duration: number;
  queued: number;
  series: number;
  samples: number;
  /** `waiting`, `running`, or for one that is over `done` or `failed`. */
  state: 'waiting' | 'running' | 'done' | 'failed';
  /** When it came, seconds. */
  start: number;
  error: string;
}

/** The rows of queries at work: those that have taken longest first. */
export function activeRows(queries: readonly ActiveQuery[]): Row[] {
  return queries.map((query) => ({ ...common(query), state: query.state, error: '' })).sort((a, b) => b.duration - a.duration || a.id - b.id);
}

/** The rows of slow queries, in the order of the server: the newest first. */
export function slowRows(queries: readonly SlowQuery[]): Row[] {
  return queries.map((query) => ({ ...common(query), state: query.error ? 'failed' : 'done', error: query.error }));
}

function common(query: ActiveQuery | SlowQuery): Omit<Row, 'state' | 'error'> {
  return {
    id: query.id,
    query: query.query,
    tenant: query.tenant,
    kind: query.kind,
    duration: query.durationSeconds,
    queued: query.queueSeconds,
    series: query.seriesRead,
    samples: query.samplesRead,
    start: query.startMs / 1000,
  };
}

/** How long something took, as short as can be read: 45 ms, 3.2 s, 75 s. */
export function seconds(value: number): string {
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  return value < 10 ? `${value.toFixed(1)} s` : `${Math.round(value)} s`;
}
