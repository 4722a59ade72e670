import { parser } from '@prometheus-io/lezer-promql';
import { expect, test } from 'vitest';
import { rankLabels, rankMetrics, rankPairs } from './cardinality';

const one = (name: string) => [{ name, value: 3 }];

test('a link asks for what is behind a count', () => {
  expect(rankMetrics(one('up'))).toEqual([{ name: 'up', count: 3, query: 'count(up)', tab: 'graph' }]);
  expect(rankMetrics(one('http.server'))[0]?.query).toBe('count({"http.server"})');
  expect(rankLabels(one('le'))[0]?.query).toBe('topk(20, count by (le) ({le!=""}))');
  expect(rankPairs(one('__name__=up'))).toEqual([]);
  expect(rankPairs(one('path=/a=b"\\'))[0]?.query).toBe('topk(20, count by (__name__) ({path="/a=b\\"\\\\"}))');
});

test('the queries parse, with odd names too', () => {
  for (const name of ['up', 'a.b', 'with "quotes"', 'π']) {
    const ranked = [...rankMetrics(one(name)), ...rankLabels(one(name)), ...rankPairs(one(`${name}=x`))];
    for (const { query } of ranked) {
      let broken = false;
      parser.parse(query).iterate({ enter: (node) => void (broken ||= node.type.isError) });
      expect(broken, query).toBe(false);
    }
  }
});
