import { parser } from '@prometheus-io/lezer-promql';
import { expect, test } from 'vitest';
import { fill, rateWindow } from '../panels/spec';
import { OWN_METRICS, STORE_PANELS } from '../store/queries';
import { FLEET, FLEET_LINES, PANELS, hostMatcher } from './queries';

/** True when the grammar finds an error. */
function broken(expr: string): boolean {
  let found = false;
  parser.parse(expr).iterate({ enter: (node) => void (found ||= node.type.isError) });
  return found;
}

test('every query parses, for all hosts and for one', () => {
  const texts = [
    ...Object.values(FLEET), ...Object.values(FLEET_LINES), OWN_METRICS,
    ...[...PANELS, ...STORE_PANELS].flatMap((panel) => panel.queries.map((query) => query.expr)),
  ];
  for (const host of ['', hostMatcher('we"ird\\host:9100')]) {
    for (const text of texts) {
      const expr = fill(text, { host, windowSeconds: 60, rangeSeconds: 3600 });
      expect(expr).not.toContain('$');
      expect(broken(expr), expr).toBe(false);
    }
  }
});

test('the matcher escapes what PromQL would read otherwise', () => {
  expect(hostMatcher('a"b\\c')).toBe('instance="a\\"b\\\\c"');
});

test('rate windows hold several reports', () => {
  expect(rateWindow(5, 15)).toBe(60);
  expect(rateWindow(300, 15)).toBe(315);
});

test('panel names are unique', () => {
  const ids = [...PANELS, ...STORE_PANELS].map((panel) => panel.id);
  expect(new Set(ids).size).toBe(ids.length);
});
