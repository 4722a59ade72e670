/** The shapes of the Prometheus HTTP API that this page reads. */
export type Labels = Record<string, string>;
export type Point = [seconds: number, value: string];

export interface VectorSample {
  metric: Labels;
  value?: Point;
  histogram?: [number, unknown];
}

export interface MatrixSeries {
  metric: Labels;
  values?: Point[];
  histograms?: [number, unknown][];
}

export type InstantResult =
  | { resultType: 'vector'; result: VectorSample[] }
  | { resultType: 'matrix'; result: MatrixSeries[] }
  | { resultType: 'scalar' | 'string'; result: Point };

export interface RangeResult {
  resultType: 'matrix';
  result: MatrixSeries[];
}

/** A result together with what the server remarked on it. */
export interface Answer<T> {
  data: T;
  warnings: string[];
}

export interface BuildInfo {
  /** Who answers and in which version, when it is not Prometheus: `version` is then that of the API spoken. */
  application?: string;
  applicationVersion?: string;
  version: string;
  revision?: string;
  branch?: string;
  buildDate?: string;
  buildUser?: string;
  goVersion?: string;
  rustVersion?: string;
}

/** A query that was asked, with what it has read. */
interface AskedQuery {
  id: number;
  tenant: string;
  /** `instant` or `range`. */
  kind: string;
  query: string;
  startMs: number;
  seriesRead: number;
  samplesRead: number;
  peakPoints: number;
  /** Waiting for its turn. */
  queueSeconds: number;
  /** Since it came, waiting included. */
  durationSeconds: number;
}

export interface ActiveQuery extends AskedQuery {
  state: 'waiting' | 'running';
}

export interface ActiveQueries {
  /** Queries that may run at a time. */
  slots: number;
  queries: ActiveQuery[];
}

export interface SlowQuery extends AskedQuery {
  /** Empty when it was answered. */
  error: string;
}

export interface SlowQueries {
  /** From when on a query is slow; 0: none is. */
  thresholdSeconds: number;
  queries: SlowQuery[];
}

export interface NamedCount {
  name: string;
  value: number;
}

/** What the series in memory are made of; each list has the largest first. */
export interface TsdbStatus {
  headStats?: { numSeries?: number; numLabelPairs?: number; chunkCount?: number; minTime?: number; maxTime?: number };
  seriesCountByMetricName?: NamedCount[];
  labelValueCountByLabelName?: NamedCount[];
  memoryInBytesByLabelName?: NamedCount[];
  seriesCountByLabelValuePair?: NamedCount[];
}

/** A file of the store; times in milliseconds, the last one inclusive. */
export interface StoredBlock {
  name: string;
  /** 0: as it was flushed. 1: merged while its partition was open. 2: merged for good. */
  level: number;
  /** The time that each value stands for, milliseconds; 0 or absent: the samples as they came. */
  resolution?: number;
  /** Of its partition. */
  start: number;
  end: number;
  /** Of its samples. */
  minTime: number;
  maxTime: number;
  series: number;
  samples: number;
  bytes: number;
  /** Where its file is. */
  place: 'disk' | 'both' | 'bucket';
}

/** The bucket that blocks go to, of all tenants. */
export interface BucketStatus {
  /** It was found to be this store's. */
  joined: boolean;
  lastError: string | null;
  /** What it does not have yet. */
  pendingBlocks: number;
  pendingBytes: number;
  /** What is kept here of blocks that are only there. */
  cacheBytes: number;
}

/** What the store holds of a tenant. */
export interface TenantHoldings {
  tenant: string;
  head: {
    series: number;
    activeSeries: number;
    samples: number;
    bytes: number;
    minTime: number | null;
    maxTime: number | null;
    flushing: boolean;
  };
  exemplars: number;
  deletions: number;
  damagedBlocks: number;
  blockCount: number;
  blockBytes: number;
  blockSamples: number;
}

/** A merge under way; times in milliseconds. */
export interface MergeProgress {
  /** Null for that of another tenant. */
  tenant: string | null;
  start: number;
  end: number;
  level: number;
  blocks: number;
  bytes: number;
  doneBytes: number;
  since: number;
}

export interface BlocksStatus {
  /** Null when nothing was written. */
  tenant: TenantHoldings | null;
  blocks: StoredBlock[];
  merging: MergeProgress | null;
  /** Of all tenants. */
  logBytes: number;
  bucket: BucketStatus | null;
  /** Whether `allHoldings` is answered. */
  allTenants: boolean;
}
