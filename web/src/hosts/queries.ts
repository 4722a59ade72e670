import type { Hue } from '../charts/palette';
import type { Messages } from '../i18n/en';
import type { PanelQuery, PanelSpec } from '../panels/spec';

/**
 * Every PromQL text of the Hosts pages. `$host` stands for the matcher of the hosts asked for (empty for all),
 * `$window` for the window of rates; `fill` puts them in (`panels/spec.ts`). Metric names are node_exporter's.
 */
const DISKS = 'fstype!~"tmpfs|ramfs|overlay|squashfs|iso9660|fuse.*|nsfs",mountpoint!~"/(dev|proc|sys|run|var/lib/(docker|containers|kubelet))(/.*)?"';
const DEVICES = 'device!~"lo|veth.*|docker.*|br-.*|cni.*|cali.*|virbr.*|flannel.*|ifb.*|dummy.*"';
const BLOCK_DEVICES = 'device!~"(loop|ram|sr|fd|zram).*"';

/** One answer per host, keyed by the label `instance`. */
export const FLEET = {
  info: 'max by (instance, nodename, sysname, release, machine) (last_over_time(node_uname_info{$host}[$range]))',
  os: 'max by (instance, pretty_name) (node_os_info{$host})',
  seen: 'max by (instance) (timestamp(node_uname_info{$host}))',
  // The clock that a host showed last: tells when a silent one was there.
  clock: 'max by (instance) (max_over_time(node_time_seconds{$host}[$range]))',
  cores: 'count by (instance) (node_cpu_seconds_total{$host,mode="idle"})',
  memoryTotal: 'max by (instance) (node_memory_MemTotal_bytes{$host})',
  uptime: 'max by (instance) (node_time_seconds{$host} - node_boot_time_seconds{$host})',
  load1: 'max by (instance) (node_load1{$host})',
  load5: 'max by (instance) (node_load5{$host})',
  load15: 'max by (instance) (node_load15{$host})',
  diskSize: `max by (instance, mountpoint) (node_filesystem_size_bytes{$host,${DISKS}})`,
  diskFree: `max by (instance, mountpoint) (node_filesystem_avail_bytes{$host,${DISKS}})`,
} as const;

/** One line per host for the sparklines. */
export const FLEET_LINES = {
  cpu: '100 * (1 - avg by (instance) (rate(node_cpu_seconds_total{$host,mode="idle"}[$window])))',
  memory: '100 * (1 - max by (instance) (node_memory_MemAvailable_bytes{$host}) / max by (instance) (node_memory_MemTotal_bytes{$host}))',
  receive: `8 * sum by (instance) (rate(node_network_receive_bytes_total{$host,${DEVICES}}[$window]))`,
  transmit: `8 * sum by (instance) (rate(node_network_transmit_bytes_total{$host,${DEVICES}}[$window]))`,
} as const;

/** The order from the ground up: what matters most lies lowest in the stack. */
const CPU_MODES: readonly [mode: string, hue: Hue][] = [
  ['user', 'blue'], ['system', 'orange'], ['iowait', 'red'], ['softirq', 'violet'], ['irq', 'pink'], ['nice', 'cyan'], ['steal', 'brown'],
];

function rates(metric: string, more = ''): string {
  return `rate(${metric}{$host${more && `,${more}`}}[$window])`;
}

function perDevice(kind: 'read' | 'write', metric: string): PanelQuery {
  return { expr: rates(metric, BLOCK_DEVICES), by: 'device', name: kind, mirrored: kind === 'write' };
}

function perInterface(name: NonNullable<PanelQuery['name']>, metric: string, factor = ''): PanelQuery {
  return { expr: factor + rates(metric, DEVICES), by: 'device', name, mirrored: metric.includes('transmit') };
}

/** A panel of one host's page, under one of its headings. */
export interface HostPanel extends PanelSpec {
  group: keyof Messages['panels']['groups'];
}

export const PANELS: readonly HostPanel[] = [
  {
    id: 'cpu', group: 'compute', unit: 'percent', stacked: true, min: 0, max: 100, wide: true,
    queries: CPU_MODES.map(([mode, hue]) => ({
      expr: `100 * avg by (mode) (${rates('node_cpu_seconds_total', `mode="${mode}"`)})`, by: 'mode', hue,
    })),
  },
  {
    id: 'load', group: 'compute', unit: 'none', min: 0,
    queries: [
      { expr: 'node_load1{$host}', name: 'load1', hue: 'orange' },
      { expr: 'node_load5{$host}', name: 'load5', hue: 'blue' },
      { expr: 'node_load15{$host}', name: 'load15', hue: 'violet' },
      { expr: 'count(node_cpu_seconds_total{$host,mode="idle"})', name: 'cores', hue: 'grey', dashed: true },
    ],
  },
  {
    id: 'pressure', group: 'compute', unit: 'percent', min: 0,
    queries: [
      { expr: `100 * ${rates('node_pressure_cpu_waiting_seconds_total')}`, name: 'cpuWaiting', hue: 'blue' },
      { expr: `100 * ${rates('node_pressure_memory_waiting_seconds_total')}`, name: 'memoryWaiting', hue: 'violet' },
      { expr: `100 * ${rates('node_pressure_io_waiting_seconds_total')}`, name: 'ioWaiting', hue: 'red' },
    ],
  },
  {
    id: 'memory', group: 'memory', unit: 'bytes', stacked: true, min: 0,
    queries: [
      {
        expr: 'node_memory_MemTotal_bytes{$host} - node_memory_MemFree_bytes{$host} - node_memory_Buffers_bytes{$host} - node_memory_Cached_bytes{$host} - node_memory_SReclaimable_bytes{$host}',
        name: 'used', hue: 'violet',
      },
      { expr: 'node_memory_Buffers_bytes{$host}', name: 'buffers', hue: 'cyan' },
      { expr: 'node_memory_Cached_bytes{$host} + node_memory_SReclaimable_bytes{$host}', name: 'cached', hue: 'blue' },
      { expr: 'node_memory_MemTotal_bytes{$host}', name: 'total', hue: 'grey', dashed: true, unstacked: true },
    ],
  },
  {
    id: 'swap', group: 'memory', unit: 'bytes', min: 0,
    queries: [
      { expr: 'node_memory_SwapTotal_bytes{$host} - node_memory_SwapFree_bytes{$host}', name: 'used', hue: 'red' },
      { expr: 'node_memory_SwapTotal_bytes{$host}', name: 'total', hue: 'grey', dashed: true },
    ],
  },
  {
    id: 'filesystem', group: 'storage', unit: 'percent', min: 0, max: 100,
    queries: [{
      expr: `100 * (1 - max by (mountpoint) (node_filesystem_avail_bytes{$host,${DISKS}}) / max by (mountpoint) (node_filesystem_size_bytes{$host,${DISKS}}))`,
      by: 'mountpoint',
    }],
  },
  {
    id: 'diskThroughput', group: 'storage', unit: 'bytesPerSecond',
    queries: [perDevice('read', 'node_disk_read_bytes_total'), perDevice('write', 'node_disk_written_bytes_total')],
  },
  {
    id: 'diskBusy', group: 'storage', unit: 'percent', min: 0,
    queries: [{ expr: `100 * ${rates('node_disk_io_time_seconds_total', BLOCK_DEVICES)}`, by: 'device' }],
  },
  {
    id: 'diskOps', group: 'storage', unit: 'perSecond',
    queries: [perDevice('read', 'node_disk_reads_completed_total'), perDevice('write', 'node_disk_writes_completed_total')],
  },
  {
    id: 'network', group: 'network', unit: 'bitsPerSecond',
    queries: [
      perInterface('receive', 'node_network_receive_bytes_total', '8 * '),
      perInterface('transmit', 'node_network_transmit_bytes_total', '8 * '),
    ],
  },
  {
    id: 'networkErrors', group: 'network', unit: 'perSecond',
    queries: [
      perInterface('receiveErrors', 'node_network_receive_errs_total'),
      perInterface('receiveDrops', 'node_network_receive_drop_total'),
      perInterface('transmitErrors', 'node_network_transmit_errs_total'),
      perInterface('transmitDrops', 'node_network_transmit_drop_total'),
    ],
  },
  {
    id: 'sockets', group: 'system', unit: 'none', min: 0,
    queries: [
      { expr: 'node_sockstat_TCP_inuse{$host}', name: 'inUse', hue: 'blue' },
      { expr: 'node_sockstat_TCP_tw{$host}', name: 'timeWait', hue: 'orange' },
    ],
  },
  {
    id: 'processes', group: 'system', unit: 'none', min: 0,
    queries: [
      { expr: 'node_procs_running{$host}', name: 'running', hue: 'green' },
      { expr: 'node_procs_blocked{$host}', name: 'blocked', hue: 'red' },
    ],
  },
  {
    id: 'files', group: 'system', unit: 'short', min: 0,
    queries: [{ expr: 'node_filefd_allocated{$host}', name: 'allocated', hue: 'brown' }],
  },
  {
    id: 'context', group: 'system', unit: 'perSecond', min: 0,
    queries: [
      { expr: rates('node_context_switches_total'), name: 'switches', hue: 'cyan' },
      { expr: rates('node_intr_total'), name: 'interrupts', hue: 'pink' },
    ],
  },
];

/** A matcher for one host; the value is escaped as PromQL wants it. */
export function hostMatcher(instance: string): string {
  const escaped = instance.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
  return `instance="${escaped}"`;
}
