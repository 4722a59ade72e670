import { router } from '../router.svelte';
import { settings } from '../settings.svelte';
import type { TimeRange } from '../time';
import { Batcher } from './batch';
import { Client } from './client';
import type { ActiveQueries, Answer, BlocksStatus, BuildInfo, InstantResult, RangeResult, SlowQueries, TenantHoldings, TsdbStatus } from './types';

export { ApiError, isAbort } from './errors';
export { settle } from './settle';
export type * from './types';

/** Headers that say whose data is asked for. */
export function tenantHeaders(): Record<string, string> {
  const tenant = settings.tenant.trim();
  return tenant ? { 'X-Scope-OrgID': tenant } : {};
}

const client = new Client({ base: router.base, headers: tenantHeaders });
const batcher = new Batcher(client);
const text = (seconds: number) => String(Math.round(seconds * 1000) / 1000);

/** True while any request of this page is under way. */
export function busy(): boolean {
  return client.busy;
}

/** Evaluates `query` at one instant, in seconds. Queries that are asked in one moment go as one request. */
export function queryInstant(query: string, time: number, signal?: AbortSignal): Promise<Answer<InstantResult>> {
  return batcher.ask({ query, time: text(time) }, signal);
}

/** Evaluates `query` every `step` seconds of `range`; sent as `queryInstant` does. */
export function queryRange(query: string, range: TimeRange, step: number, signal?: AbortSignal): Promise<Answer<RangeResult>> {
  return batcher.ask({ query, start: text(range.start), end: text(range.end), step: text(step) }, signal);
}

export function labelNames(signal?: AbortSignal): Promise<Answer<string[]>> {
  return client.get('api/v1/labels', {}, signal);
}

export function labelValues(label: string, signal?: AbortSignal): Promise<Answer<string[]>> {
  return client.get(`api/v1/label/${encodeURIComponent(label)}/values`, {}, signal);
}

export function buildInfo(signal?: AbortSignal): Promise<Answer<BuildInfo>> {
  return client.get('api/v1/status/buildinfo', {}, signal);
}

/** Counts of the series in memory, with `limit` entries in each list; servers without this route answer 404. */
export function tsdbStatus(limit: number, signal?: AbortSignal): Promise<Answer<TsdbStatus>> {
  return client.get('api/v1/status/tsdb', { limit: String(limit) }, signal);
}

/** What the store holds of the tenant. */
export function blocksStatus(signal?: AbortSignal): Promise<Answer<BlocksStatus>> {
  return client.get('api/v1/status/blocks', {}, signal);
}

/** The totals of all tenants; refused where operators' actions are not enabled. */
export function allHoldings(signal?: AbortSignal): Promise<Answer<{ tenants: TenantHoldings[] }>> {
  return client.get('api/v1/status/blocks', { all_tenants: 'true' }, signal);
}

/** The centre's own metrics in the text format. */
export function ownMetrics(signal?: AbortSignal): Promise<string> {
  return client.text('metrics', signal);
}

/** The queries that wait or run now. */
export function activeQueries(signal?: AbortSignal): Promise<Answer<ActiveQueries>> {
  return client.get('api/v1/status/active_queries', {}, signal);
}

/** The last queries that took long. */
export function slowQueries(signal?: AbortSignal): Promise<Answer<SlowQueries>> {
  return client.get('api/v1/status/slow_queries', {}, signal);
}

/** Stops a query. */
export function stopQuery(id: number): Promise<void> {
  return client.delete(`api/v1/status/active_queries/${id}`);
}
