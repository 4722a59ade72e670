import type { NamedCount } from '../api';

/** A count with the query that shows what is behind it. */
export interface Ranked {
  name: string;
  count: number;
  query: string;
  /** Where Explore shows the query: a number over time, or a list now. */
  tab: 'graph' | 'table';
}

/** Entries of a list of values: enough to see where series come from. */
const SHOWN = 20;

/** A metric's name as a selector. */
function selectorOf(metric: string): string {
  return /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(metric) ? metric : `{${JSON.stringify(metric)}}`;
}

/** A label's name as it stands in a matcher or after `by`. */
function labelOf(name: string): string {
  return /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) ? name : JSON.stringify(name);
}

/** Metrics by series: a link shows how many there were over time. */
export function rankMetrics(list: readonly NamedCount[]): Ranked[] {
  return list.map(({ name, value }) => ({ name, count: value, query: `count(${selectorOf(name)})`, tab: 'graph' }));
}

/** Labels by values: a link shows the values with the most series. */
export function rankLabels(list: readonly NamedCount[]): Ranked[] {
  return list.map(({ name, value }) => {
    const label = labelOf(name);
    return { name, count: value, query: `topk(${SHOWN}, count by (${label}) ({${label}!=""}))`, tab: 'table' };
  });
}

/** Pairs `name=value` by series: a link shows the metrics that have them. Metrics have a list of their own. */
export function rankPairs(list: readonly NamedCount[]): Ranked[] {
  return list.filter(({ name }) => !name.startsWith('__name__=')).map(({ name, value }) => {
    const at = name.indexOf('=');
    const matcher = `${labelOf(name.slice(0, at))}=${JSON.stringify(name.slice(at + 1))}`;
    return { name, count: value, query: `topk(${SHOWN}, count by (__name__) ({${matcher}}))`, tab: 'table' };
  });
}
