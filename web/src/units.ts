/** What a number means, so that it can be written for people. */
export type Unit =
  | 'none'
  | 'short'
  | 'bytes'
  | 'bytesPerSecond'
  | 'bitsPerSecond'
  | 'perSecond'
  | 'percent'
  | 'ratio'
  | 'seconds';

export const UNITS: readonly Unit[] = [
  'none', 'short', 'percent', 'ratio', 'bytes', 'bytesPerSecond', 'bitsPerSecond', 'perSecond', 'seconds',
];

const IEC = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];
const SI = ['', 'k', 'M', 'G', 'T', 'P', 'E'];

/** Writes `value` in `unit`; `digits` fixes the decimals, otherwise about three significant digits are kept. */
export function formatValue(value: number, unit: Unit, digits?: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  switch (unit) {
    case 'none':
      return digits === undefined ? plain(value) : value.toFixed(digits);
    case 'short':
      return scaled(value, 1000, SI, '', digits);
    case 'bytes':
      return scaled(value, 1024, IEC, ' ', digits);
    case 'bytesPerSecond':
      return `${scaled(value, 1024, IEC, ' ', digits)}/s`;
    case 'bitsPerSecond':
      return scaled(value, 1000, SI.map((prefix) => `${prefix}b/s`), ' ', digits);
    case 'perSecond':
      return `${scaled(value, 1000, SI, '', digits)}/s`;
    case 'percent':
      return `${decimals(value, digits)}%`;
    case 'ratio':
      return `${decimals(value * 100, digits)}%`;
    case 'seconds':
      return formatSeconds(value, digits);
  }
}

/** Writes the ticks of an axis with as many decimals as each needs, and no more. */
export function formatTicks(ticks: readonly number[], unit: Unit): string[] {
  return ticks.map((tick) => {
    if (unit === 'none') return plain(tick, 9);
    // Ticks are round numbers, so that a few decimals say all; those that are zero say nothing.
    return formatValue(tick, unit, 4).replace(/(\.\d*?)0+(?=\D|$)/, '$1').replace(/\.(?=\D|$)/, '');
  });
}

/** Writes a length of time with its two largest parts: `3d 4h`, `12m`, `1.5s`, `20ms`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–';
  const sign = seconds < 0 ? '-' : '';
  let rest = Math.abs(seconds);
  if (rest < 60) return sign + formatSeconds(rest);
  rest = Math.round(rest);
  const parts: string[] = [];
  for (const [size, name] of [[86_400, 'd'], [3_600, 'h'], [60, 'm'], [1, 's']] as const) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${count}${name}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return sign + parts.join(' ');
}

/** Guesses the unit of an expression's result from the names it uses; `none` when there is any doubt. */
export function guessUnit(expr: string): Unit {
  const bare = expr.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, '').replace(/\{[^}]*\}/g, '');
  if (/[*/%^]|==|!=|[<>]|\bcount|\bchanges\b|\bresets\b|_over_time\s*\(\s*\(/.test(bare)) return 'none';
  const perSecond = /\b(rate|irate|deriv)\s*\(/.test(bare);
  const names = bare.match(/[a-zA-Z_:][a-zA-Z0-9_:]*(?=\s*(?:[[{)\s,]|$))/g) ?? [];
  const metrics = names.filter((name) => name.includes('_') && !FUNCTION_LIKE.test(name));
  if (metrics.length !== 1 || metrics[0] === undefined) return 'none';
  return unitOfMetric(metrics[0], perSecond);
}

const FUNCTION_LIKE = /_over_time$|^label_(replace|join)$|^histogram_|^group_(left|right)$|^day_of|^days_in/;

function unitOfMetric(metric: string, perSecond: boolean): Unit {
  const name = metric.replace(/_(total|sum|bucket)$/, '');
  if (name.endsWith('_bytes')) return perSecond ? 'bytesPerSecond' : 'bytes';
  if (/_timestamp_seconds$|_time_seconds$/.test(name)) return 'none';
  if (name.endsWith('_seconds')) return perSecond ? 'none' : 'seconds';
  if (name.endsWith('_ratio')) return perSecond ? 'none' : 'ratio';
  if (name.endsWith('_percent')) return perSecond ? 'none' : 'percent';
  return perSecond && metric.endsWith('_total') ? 'perSecond' : 'none';
}

/** A number as it is, kept short: its whole part, `significant` digits in all, exponents only where needed. */
function plain(value: number, significant = 4): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e15 || size < 1e-6) return value.toExponential(3).replace(/\.?0+e/, 'e');
  if (Number.isInteger(value)) return String(value);
  const fraction = Math.max(0, Math.min(12, significant - 1 - Math.floor(Math.log10(size))));
  return String(Number(value.toFixed(fraction)));
}

function decimals(value: number, digits?: number): string {
  if (digits !== undefined) return value.toFixed(digits);
  const size = Math.abs(value);
  if (size === 0 || size >= 100) return value.toFixed(0);
  if (size >= 10) return value.toFixed(1);
  return size >= 0.01 ? value.toFixed(2) : plain(Number(value.toPrecision(2)));
}

function scaled(value: number, base: number, names: readonly string[], gap: string, digits?: number): string {
  let size = Math.abs(value);
  let power = 0;
  while (size >= base && power < names.length - 1) {
    size /= base;
    power++;
  }
  const shown = value / base ** power;
  const name = names[power] ?? '';
  const whole = power === 0 && Number.isInteger(value);
  const text = digits === undefined ? (whole ? String(value) : decimals(shown)) : shown.toFixed(digits);
  return name === '' ? text : `${text}${gap}${name}`;
}

function formatSeconds(value: number, digits?: number): string {
  const size = Math.abs(value);
  if (size === 0) return '0s';
  if (size < 1e-6) return `${decimals(value * 1e9, digits)}ns`;
  if (size < 1e-3) return `${decimals(value * 1e6, digits)}µs`;
  if (size < 1) return `${decimals(value * 1e3, digits)}ms`;
  if (size < 60) return `${digits === undefined ? Number(decimals(value)) : value.toFixed(digits)}s`;
  if (size < 3_600) return `${decimals(value / 60, digits ?? (Number.isInteger(value / 60) ? 0 : 1))}m`;
  if (size < 86_400) return `${decimals(value / 3_600, digits ?? (Number.isInteger(value / 3_600) ? 0 : 1))}h`;
  return `${decimals(value / 86_400, digits ?? (Number.isInteger(value / 86_400) ? 0 : 1))}d`;
}
