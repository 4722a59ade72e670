/** Colours of series: each entry is legible on the panels of its theme and far from its neighbours. */
const DARK = ['#5aa9ff', '#ffa94d', '#4fd1a1', '#ff7b7b', '#b794f6', '#3ccbe0', '#f48fc4', '#c3d350', '#d9a07a', '#90a4bd'];
const LIGHT = ['#1f6fd6', '#d9730d', '#12875d', '#d13c3c', '#7c4ddb', '#0a8ca3', '#c2388a', '#71830d', '#9a5b2d', '#56687f'];

/** The colour of the `index`-th series of a chart. */
export function seriesColor(index: number, dark: boolean): string {
  const palette = dark ? DARK : LIGHT;
  return palette[index % palette.length] ?? '#888888';
}

/** A colour of the palette by name, for series that should look the same on every chart. */
export type Hue = 'blue' | 'orange' | 'green' | 'red' | 'violet' | 'cyan' | 'pink' | 'lime' | 'brown' | 'grey';
const HUES: Hue[] = ['blue', 'orange', 'green', 'red', 'violet', 'cyan', 'pink', 'lime', 'brown', 'grey'];

export function hueColor(hue: Hue, dark: boolean): string {
  return seriesColor(HUES.indexOf(hue), dark);
}

/** Adds an alpha channel (0 to 1) to a `#rrggbb` colour. */
export function withAlpha(color: string, alpha: number): string {
  return color + Math.round(alpha * 255).toString(16).padStart(2, '0');
}
