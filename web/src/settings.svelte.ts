import type { Zone } from './time';

export type Theme = 'system' | 'dark' | 'light';
export type Lang = 'en' | 'ko';

const KEY = 'bongsu.settings';

interface Stored {
  theme: Theme;
  lang: Lang;
  tenant: string;
  zone: Zone;
  scrapeInterval: number;
}

/** What this browser remembers of its user. Nothing here leaves it, but the tenant, as a request header. */
class Settings {
  theme = $state<Theme>('system');
  lang = $state<Lang>('en');
  /** Sent as X-Scope-OrgID; empty sends none. */
  tenant = $state('');
  zone = $state<Zone>('local');
  /** How often hosts report, in seconds: rates of the Hosts page look back four times as far. */
  scrapeInterval = $state(15);
  #systemDark = $state(true);

  /** The theme on screen, after asking the system. */
  readonly dark = $derived(this.theme === 'system' ? this.#systemDark : this.theme === 'dark');

  constructor() {
    const stored = read();
    this.theme = oneOf(stored.theme, ['system', 'dark', 'light'], 'system');
    this.lang = oneOf(stored.lang, ['en', 'ko'], navigator.language.startsWith('ko') ? 'ko' : 'en');
    this.zone = oneOf(stored.zone, ['local', 'utc'], 'local');
    this.tenant = typeof stored.tenant === 'string' ? stored.tenant : '';
    const interval = Number(stored.scrapeInterval);
    this.scrapeInterval = interval >= 1 && interval <= 3_600 ? interval : 15;
    const media = matchMedia('(prefers-color-scheme: dark)');
    this.#systemDark = media.matches;
    media.addEventListener('change', (event) => (this.#systemDark = event.matches));
  }

  /** Keeps the present values for the next visit. */
  save(): void {
    const { theme, lang, tenant, zone, scrapeInterval } = this;
    try {
      localStorage.setItem(KEY, JSON.stringify({ theme, lang, tenant, zone, scrapeInterval } satisfies Stored));
    } catch {
      // Private windows may refuse storage; the settings then last as long as the page.
    }
  }
}

function read(): Partial<Stored> {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(KEY) ?? '{}');
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

function oneOf<T extends string>(value: unknown, allowed: readonly T[], otherwise: T): T {
  return allowed.find((item) => item === value) ?? otherwise;
}

export const settings = new Settings();
