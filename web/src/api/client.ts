import { ApiError, errorOf, isAbort } from './errors';
import { Flights } from './flights';
import type { Answer } from './types';

export interface ClientOptions {
  /** Prefix of all paths, ending in a slash. */
  base: string;
  /** Headers of every request, read anew each time. */
  headers: () => Record<string, string>;
  fetch?: typeof fetch;
}

/** Beyond this length a query goes into a form body: proxies cut long addresses. */
const LONGEST_URL = 1_800;

/** Reads the API: one place for addresses, headers, errors; equal requests in flight are sent once. */
export class Client {
  readonly flights = new Flights();

  constructor(readonly options: ClientOptions) {}

  /** True while an answer is awaited. */
  get busy(): boolean {
    return this.flights.busy;
  }

  async get<T>(path: string, params: Record<string, string> = {}, signal?: AbortSignal): Promise<Answer<T>> {
    signal?.throwIfAborted();
    const headers = this.options.headers();
    const key = `${path} ${JSON.stringify([params, headers])}`;
    return this.flights.join(key, signal, (stop) => this.ask<T>(path, params, headers, stop));
  }

  /** Sends one request of its own, with these headers. */
  async ask<T>(path: string, params: Record<string, string>, headers: Record<string, string>, signal: AbortSignal): Promise<Answer<T>> {
    const query = new URLSearchParams(params).toString();
    if (query.length <= LONGEST_URL) return readAnswer<T>(await this.send(query ? `${path}?${query}` : path, { headers, signal }));
    const form = { ...headers, 'Content-Type': 'application/x-www-form-urlencoded' };
    return readAnswer<T>(await this.send(path, { method: 'POST', body: query, headers: form, signal }));
  }

  /** Reads a page that is no JSON, such as `/metrics`. */
  async text(path: string, signal?: AbortSignal): Promise<string> {
    const response = await this.send(path, { headers: this.options.headers(), signal: signal ?? null });
    const text = await response.text();
    if (!response.ok) throw errorOf(response.status, text, response.statusText);
    return text;
  }

  /** Asks for something to end; an answer that says no is an error. */
  async delete(path: string): Promise<void> {
    const response = await this.send(path, { method: 'DELETE', headers: this.options.headers() });
    if (!response.ok) await readAnswer(response);
  }

  /** A server that cannot be reached is an `ApiError`; whatever it answers is not. */
  async send(path: string, init: RequestInit): Promise<Response> {
    const request = this.options.fetch ?? fetch;
    try {
      return await request(this.options.base + path, init);
    } catch (error) {
      if (isAbort(error)) throw error;
      throw new ApiError('network', error instanceof Error ? error.message : String(error));
    }
  }
}

async function readAnswer<T>(response: Response): Promise<Answer<T>> {
  return parseAnswer<T>(await response.text(), response.status, response.statusText);
}

interface Envelope {
  status?: string;
  data?: unknown;
  warnings?: string[];
  infos?: string[];
}

/** Reads an answer of the API; what is none, or says no, is thrown. A line of a batch has no status of its own. */
export function parseAnswer<T>(text: string, status = 200, statusText = ''): Answer<T> {
  const body = parseEnvelope(text);
  if (status >= 200 && status < 300 && body?.status === 'success') {
    return { data: body.data as T, warnings: [...(body.warnings ?? []), ...(body.infos ?? [])] };
  }
  throw errorOf(status, text, statusText);
}

function parseEnvelope(text: string): Envelope | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Envelope) : undefined;
  } catch {
    return undefined;
  }
}
