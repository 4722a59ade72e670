import { busy } from './api';
import { router } from './router.svelte';
import { settings } from './settings.svelte';
import { isRelative, parseDuration, resolveRange, type RangeText, type TimeRange } from './time';

/** The time range of the page: text in the address, seconds for queries, a tick that moves "now". */
class Clock {
  #tick = $state(0);
  /** How often a page refreshes when its address does not say; pages set it. */
  defaultRefresh = $state('10s');

  // Strings of their own, so that other parameters may change without asking everything again.
  readonly from = $derived(router.params.get('from') ?? 'now-1h');
  readonly to = $derived(router.params.get('to') ?? 'now');
  readonly text: RangeText = $derived({ from: this.from, to: this.to });
  readonly refresh = $derived(router.params.get('refresh') ?? this.defaultRefresh);
  readonly relative = $derived(isRelative(this.text));
  /** The range to ask for; moves on with every refresh. An unreadable address falls back to the last hour. */
  readonly range: TimeRange = $derived.by(() => {
    void this.#tick;
    const now = Date.now() / 1000;
    return resolveRange(this.text, now, settings.zone) ?? { start: now - 3_600, end: now };
  });

  /** The present moment, in seconds, as of the last refresh: for what is asked of now, whatever the range. */
  readonly now: number = $derived.by(() => {
    void this.#tick;
    return Date.now() / 1000;
  });

  /** Asks everything again; a relative range ends at the present moment. */
  reload(): void {
    this.#tick++;
  }

  set(from: string, to: string): void {
    router.update((params) => {
      params.set('from', from);
      params.set('to', to);
    });
  }

  setRefresh(refresh: string): void {
    router.update((params) => params.set('refresh', refresh), true);
  }

  /** Zooms to an absolute range in seconds. */
  zoom(start: number, end: number): void {
    this.set(String(Math.round(start * 1000)), String(Math.round(end * 1000)));
  }

  /** Doubles the range around its middle. */
  zoomOut(): void {
    const { start, end } = this.range;
    const half = (end - start) / 2;
    this.zoom(start - half, Math.min(end + half, Date.now() / 1000));
  }

  /** Runs the refresh timer while a component lives; hidden pages rest. */
  run(): void {
    $effect(() => {
      const seconds = parseDuration(this.refresh);
      if (seconds === undefined || !this.relative) return;
      const timer = setInterval(() => {
        // A refresh that comes before its answers would abort them, again and again on a slow server.
        if (!document.hidden && !busy()) this.reload();
      }, seconds * 1000);
      return () => clearInterval(timer);
    });
  }

  /** The parameters that links carry on, so that the range outlives a change of page. */
  readonly carried: URLSearchParams = $derived.by(() => {
    const carried = new URLSearchParams();
    for (const key of ['from', 'to']) {
      const value = router.params.get(key);
      if (value !== null) carried.set(key, value);
    }
    return carried;
  });
}

export const clock = new Clock();
