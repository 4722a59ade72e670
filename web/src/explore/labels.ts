import type { Labels } from '../api';

/** A series as PromQL writes it: `up{job="node"}`; `{}` when it has no labels at all. */
export function formatSeries(labels: Labels): string {
  const { __name__: name = '', ...rest } = labels;
  const pairs = Object.entries(rest).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return pairs.length === 0 && name ? name : `${name}{${pairs.join(', ')}}`;
}

/** Every label name of `metrics`, the metric's own name first, the rest in order. */
export function labelColumns(metrics: readonly Labels[]): string[] {
  const names = new Set<string>();
  for (const metric of metrics) for (const name of Object.keys(metric)) names.add(name);
  const named = names.delete('__name__');
  return [...(named ? ['__name__'] : []), ...[...names].sort()];
}
