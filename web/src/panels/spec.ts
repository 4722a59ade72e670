import type { Hue } from '../charts/palette';
import type { Messages } from '../i18n/en';
import type { Unit } from '../units';

export interface PanelQuery {
  expr: string;
  /** The text of the legend; together with `by` it follows the label's value. */
  name?: keyof Messages['series'];
  /** The label whose values tell the series apart. */
  by?: string;
  hue?: Hue;
  mirrored?: boolean;
  dashed?: boolean;
  unstacked?: boolean;
}

export interface PanelSpec {
  id: Exclude<keyof Messages['panels'], 'explore' | 'groups'>;
  unit: Unit;
  stacked?: boolean;
  min?: number;
  max?: number;
  /** Takes the room of two panels. */
  wide?: boolean;
  queries: readonly PanelQuery[];
}

export interface Scope {
  /** Matchers inside the braces, such as `instance="a:9100"`; empty for all hosts. */
  host: string;
  windowSeconds: number;
  rangeSeconds: number;
}

/** A query with its placeholders filled. */
export function fill(expr: string, scope: Scope): string {
  return expr
    .replaceAll('{$host,', scope.host ? `{${scope.host},` : '{')
    .replaceAll('{$host}', scope.host ? `{${scope.host}}` : '')
    .replaceAll('$window', `${scope.windowSeconds}s`)
    .replaceAll('$range', `${scope.rangeSeconds}s`);
}

/** Rates look back over four reports, and never less than a step, so that no report goes unseen. */
export function rateWindow(step: number, scrapeInterval: number): number {
  return Math.ceil(Math.max(4 * scrapeInterval, step + scrapeInterval));
}
