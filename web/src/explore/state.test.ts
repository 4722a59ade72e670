import { expect, test } from 'vitest';
import { formatSeries, labelColumns } from './labels';
import { letterOf, readQueries, writeQueries } from './state';

test('queries survive the way through an address', () => {
  const queries = [{ expr: 'up{job="a&b"}', hidden: false }, { expr: 'rate(x[5m]) + 1', hidden: true }];
  const params = new URLSearchParams('from=now-1h');
  writeQueries(params, queries);
  expect(readQueries(new URLSearchParams(params.toString()))).toEqual(queries);
  expect(params.get('from')).toBe('now-1h');
});

test('an empty address has one empty query', () => {
  expect(readQueries(new URLSearchParams())).toEqual([{ expr: '', hidden: false }]);
  const params = new URLSearchParams('query=up');
  writeQueries(params, [{ expr: ' ', hidden: false }]);
  expect(params.toString()).toBe('');
});

test('series are written as PromQL', () => {
  expect(formatSeries({ __name__: 'up', job: 'a"b' })).toBe('up{job="a\\"b"}');
  expect(formatSeries({ __name__: 'up' })).toBe('up');
  expect(formatSeries({})).toBe('{}');
  expect(labelColumns([{ z: '1', __name__: 'm' }, { a: '2' }])).toEqual(['__name__', 'a', 'z']);
  expect(letterOf(2)).toBe('C');
});
