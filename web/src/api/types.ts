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
  version: string;
  revision?: string;
  branch?: string;
  buildDate?: string;
  buildUser?: string;
  goVersion?: string;
  rustVersion?: string;
}

export interface TsdbStatus {
  headStats?: { numSeries?: number; numLabelPairs?: number; chunkCount?: number; minTime?: number; maxTime?: number };
}
