import { expect, test, vi } from 'vitest';
import type { VectorSample } from '../api';

// The fleet only joins answers here; the network stays out.
vi.mock('../api', () => ({}));
const { arrange, assemble } = await import('./fleet');

const sample = (metric: Record<string, string>, value: number): VectorSample => ({ metric, value: [0, String(value)] });

function fleet() {
  const info = ['a', 'b', 'c'].map((i) => sample({ instance: i, nodename: `host-${i}`, sysname: 'Linux', release: '6.1' }, 1));
  return assemble(
    new Map([
      ['info', info],
      ['seen', [sample({ instance: 'a' }, 995), sample({ instance: 'b' }, 800)]],
      ['clock', [sample({ instance: 'c' }, 400)]],
      ['load1', [sample({ instance: 'a' }, 0.5)]],
      ['load5', [sample({ instance: 'a' }, 0.4)]],
      ['load15', [sample({ instance: 'a' }, 0.3)]],
      ['diskSize', [sample({ instance: 'a', mountpoint: '/' }, 100), sample({ instance: 'a', mountpoint: '/data' }, 100)]],
      ['diskFree', [sample({ instance: 'a', mountpoint: '/' }, 75), sample({ instance: 'a', mountpoint: '/data' }, 10)]],
    ]),
    new Map([['cpu', new Map([['a', [1, null, 5]], ['b', [90]]])]]),
    1000,
    15,
  );
}

test('answers join into hosts by instance', () => {
  const [a, b, c] = fleet();
  expect(a).toMatchObject({ name: 'host-a', state: 'up', age: 5, load: [0.5, 0.4, 0.3], cpuPercent: [1, null, 5] });
  expect(a?.disks.map((disk) => [disk.mount, disk.usedPercent])).toEqual([['/data', 90], ['/', 25]]);
  expect(b?.state).toBe('late');
  expect(c).toMatchObject({ state: 'down', age: 600, disks: [], cpuPercent: [] });
});

test('hosts are filtered by words and sorted by load', () => {
  expect(arrange(fleet(), 'linux host-b', 'name').map((host) => host.instance)).toEqual(['b']);
  expect(arrange(fleet(), '', 'cpu').map((host) => host.instance)).toEqual(['b', 'a', 'c']);
  expect(arrange(fleet(), '', 'name').map((host) => host.instance)).toEqual(['a', 'b', 'c']);
});
