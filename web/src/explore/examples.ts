/** Questions to begin with; they work as soon as one host reports. */
export const EXAMPLES = [
  { id: 'up', expr: 'up' },
  { id: 'cpu', expr: '100 * (1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[1m])))' },
  { id: 'memory', expr: 'node_memory_MemTotal_bytes - node_memory_MemAvailable_bytes' },
  { id: 'network', expr: 'rate(node_network_receive_bytes_total{device!="lo"}[1m])' },
] as const;
