import { queryInstant, queryRange, type Labels, type VectorSample } from '../api';
import { summarise, toFrame, type Value } from '../charts/data';
import { alignRange, autoStep, type TimeRange } from '../time';
import { fill, rateWindow, type Scope } from '../panels/spec';
import { FLEET, FLEET_LINES } from './queries';

export type HostState = 'up' | 'late' | 'down';

export interface Disk {
  mount: string;
  sizeBytes: number;
  usedPercent: number;
}

export interface Host {
  instance: string;
  name: string;
  system: string;
  kernel: string;
  machine: string;
  state: HostState;
  /** Seconds since the last report; absent when nobody knows. */
  age?: number;
  cores?: number;
  memoryTotalBytes?: number;
  uptimeSeconds?: number;
  load?: [number, number, number];
  /** Fullest first. */
  disks: Disk[];
  cpuPercent: Value[];
  memoryPercent: Value[];
  receiveBits: Value[];
  transmitBits: Value[];
}

/** More points than this no sparkline can show. */
const POINTS_MAX = 90;
/** A host is late when this many reports in a row are missing. */
const LATE_REPORTS = 4;

/** Asks for the hosts that `host` selects, with their present figures and sparklines. */
export async function loadFleet(host: string, range: TimeRange, scrapeInterval: number, signal: AbortSignal): Promise<Host[]> {
  const step = autoStep(range, POINTS_MAX, Math.max(5, scrapeInterval));
  const scope: Scope = {
    host,
    windowSeconds: rateWindow(step, scrapeInterval),
    rangeSeconds: Math.max(60, Math.round(range.end - range.start)),
  };
  const aligned = alignRange(range, step);
  const [now, lines] = await Promise.all([
    Promise.all(keys(FLEET).map(async (key) => [key, await askNow(fill(FLEET[key], scope), range.end, signal)] as const)),
    Promise.all(keys(FLEET_LINES).map(async (key) => [key, await askLines(fill(FLEET_LINES[key], scope), aligned, step, signal)] as const)),
  ]);
  return assemble(new Map(now), new Map(lines), range.end, scrapeInterval);
}

function keys<K extends string>(record: Record<K, string>): K[] {
  return Object.keys(record) as K[];
}

async function askNow(expr: string, time: number, signal: AbortSignal): Promise<VectorSample[]> {
  const { data } = await queryInstant(expr, time, signal);
  return data.resultType === 'vector' ? data.result : [];
}

async function askLines(expr: string, range: TimeRange, step: number, signal: AbortSignal): Promise<Map<string, Value[]>> {
  const { data } = await queryRange(expr, range, step, signal);
  const { columns } = toFrame(data.result, range, step);
  return new Map(data.result.map((series, i) => [series.metric.instance ?? '', columns[i] ?? []]));
}

type Now = ReadonlyMap<keyof typeof FLEET, VectorSample[]>;
type Lines = ReadonlyMap<keyof typeof FLEET_LINES, Map<string, Value[]>>;

/** Joins the answers by instance. */
export function assemble(now: Now, lines: Lines, time: number, scrapeInterval: number): Host[] {
  const figures = new Map([...now].map(([key, samples]) => [key, byInstance(samples)]));
  const figure = (key: keyof typeof FLEET, instance: string) => figures.get(key)?.get(instance);
  const line = (key: keyof typeof FLEET_LINES, instance: string) => lines.get(key)?.get(instance) ?? [];
  const systems = new Map((now.get('os') ?? []).map((sample) => [sample.metric.instance ?? '', sample.metric.pretty_name]));
  const disks = disksOf(now);
  const hosts = new Map<string, Host>();
  for (const { metric } of now.get('info') ?? []) {
    const instance = metric.instance ?? '';
    const seen = figure('seen', instance);
    const reported = seen ?? figure('clock', instance);
    const age = reported === undefined ? undefined : Math.max(0, time - reported);
    const load = (['load1', 'load5', 'load15'] as const).map((key) => figure(key, instance));
    const host: Host = {
      instance,
      name: metric.nodename || instance,
      system: systems.get(instance) || metric.sysname || '',
      kernel: metric.release ?? '',
      machine: metric.machine ?? '',
      state: seen === undefined ? 'down' : time - seen > LATE_REPORTS * scrapeInterval + 5 ? 'late' : 'up',
      disks: disks.get(instance) ?? [],
      cpuPercent: line('cpu', instance),
      memoryPercent: line('memory', instance),
      receiveBits: line('receive', instance),
      transmitBits: line('transmit', instance),
    };
    assign(host, 'age', age);
    assign(host, 'cores', figure('cores', instance));
    assign(host, 'memoryTotalBytes', figure('memoryTotal', instance));
    assign(host, 'uptimeSeconds', figure('uptime', instance));
    if (load.every((value) => value !== undefined)) host.load = load as [number, number, number];
    hosts.set(instance, host);
  }
  return [...hosts.values()];
}

function assign<K extends keyof Host>(host: Host, key: K, value: Host[K] | undefined): void {
  if (value !== undefined) host[key] = value;
}

function numberOf(sample: VectorSample): number {
  return Number(sample.value?.[1] ?? NaN);
}

function byInstance(samples: readonly VectorSample[]): Map<string, number> {
  return new Map(samples.map((sample) => [sample.metric.instance ?? '', numberOf(sample)]));
}

/** The disks of each host, fullest first. */
function disksOf(now: Now): Map<string, Disk[]> {
  const key = ({ metric }: { metric: Labels }) => `${metric.instance}\n${metric.mountpoint}`;
  const free = new Map((now.get('diskFree') ?? []).map((sample) => [key(sample), numberOf(sample)]));
  const disks = new Map<string, Disk[]>();
  for (const sample of now.get('diskSize') ?? []) {
    const { instance = '', mountpoint: mount = '' } = sample.metric;
    const sizeBytes = numberOf(sample);
    const left = free.get(key(sample));
    if (left === undefined || !(sizeBytes > 0)) continue;
    const disk = { mount, sizeBytes, usedPercent: 100 * (1 - left / sizeBytes) };
    disks.set(instance, [...(disks.get(instance) ?? []), disk]);
  }
  for (const list of disks.values()) list.sort((a, b) => b.usedPercent - a.usedPercent);
  return disks;
}

export type SortKey = 'name' | 'cpu' | 'memory' | 'disk' | 'network';

/** Hosts that match every word of `filter`, by name or busiest first. */
export function arrange(hosts: readonly Host[], filter: string, sort: SortKey): Host[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const matching = hosts.filter((host) => {
    const text = `${host.name} ${host.instance} ${host.system} ${host.machine}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const last = (values: Value[]) => summarise(values).last ?? -1;
  const weight: Record<Exclude<SortKey, 'name'>, (host: Host) => number> = {
    cpu: (host) => last(host.cpuPercent),
    memory: (host) => last(host.memoryPercent),
    disk: (host) => host.disks[0]?.usedPercent ?? -1,
    network: (host) => last(host.receiveBits) + last(host.transmitBits),
  };
  const byName = (a: Host, b: Host) => a.name.localeCompare(b.name, undefined, { numeric: true }) || a.instance.localeCompare(b.instance, undefined, { numeric: true });
  return matching.sort(sort === 'name' ? byName : (a, b) => weight[sort](b) - weight[sort](a) || byName(a, b));
}
