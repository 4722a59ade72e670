import type { ApiError } from '../api';
import { settings } from '../settings.svelte';
import { en, type Messages } from './en';
import { ko } from './ko';

const dictionaries: Record<'en' | 'ko', Messages> = { en, ko };

class I18n {
  /** The texts of the chosen language. */
  readonly t: Messages = $derived(dictionaries[settings.lang]);

  /** What to tell the user about a failed request: what it means, then the server's own words. */
  error(error: ApiError): { title: string; detail: string } {
    return { title: this.t.errors[error.kind], detail: error.message };
  }
}

export const i18n = new I18n();
