import type { Answer } from './types';

export type ErrorKind = 'network' | 'badData' | 'limit' | 'timeout' | 'denied' | 'notFound' | 'unavailable' | 'server';

/** What went wrong with a request, sorted by what the user can do about it. */
export class ApiError extends Error {
  constructor(readonly kind: ErrorKind, message: string, readonly status = 0) {
    super(message);
    this.name = 'ApiError';
  }
}

/** True for the error of a request that nobody waits for any more. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

export interface ClientOptions {
  /** Prefix of all paths, ending in a slash. */
  base: string;
  /** Headers of every request, read anew each time. */
  headers: () => Record<string, string>;
  fetch?: typeof fetch;
}

interface Flight {
  promise: Promise<Answer<unknown>>;
  abort: AbortController;
  waiting: number;
}

/** Beyond this length a query goes into a form body: proxies cut long addresses. */
const LONGEST_URL = 1_800;

/** Reads the API: one place for addresses, headers, errors; equal requests in flight are sent once. */
export class Client {
  readonly #flights = new Map<string, Flight>();

  constructor(readonly options: ClientOptions) {}

  /** True while an answer is awaited. */
  get busy(): boolean {
    return this.#flights.size > 0;
  }

  async get<T>(path: string, params: Record<string, string> = {}, signal?: AbortSignal): Promise<Answer<T>> {
    signal?.throwIfAborted();
    const query = new URLSearchParams(params).toString();
    const headers = this.options.headers();
    const key = `${path}?${query} ${JSON.stringify(headers)}`;
    const flight = this.#flights.get(key) ?? this.#start(key, path, query, headers);
    return (await join(flight, signal)) as Answer<T>;
  }

  /** Asks for something to end; an answer that says no is an error. */
  async delete(path: string): Promise<void> {
    const request = this.options.fetch ?? fetch;
    const response = await request(this.options.base + path, { method: 'DELETE', headers: this.options.headers() });
    if (!response.ok) await readAnswer(response);
  }

  #start(key: string, path: string, query: string, headers: Record<string, string>): Flight {
    const abort = new AbortController();
    const promise = this.#send(path, query, headers, abort.signal).finally(() => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    });
    const flight: Flight = { promise, abort, waiting: 0 };
    // An aborted flight must not be joined by a later caller.
    abort.signal.addEventListener('abort', () => this.#flights.delete(key));
    this.#flights.set(key, flight);
    return flight;
  }

  async #send(path: string, query: string, headers: Record<string, string>, signal: AbortSignal): Promise<Answer<unknown>> {
    const url = this.options.base + path;
    const request = this.options.fetch ?? fetch;
    const long = query.length > LONGEST_URL;
    let response: Response;
    try {
      response = long
        ? await request(url, {
            method: 'POST',
            body: query,
            headers: { ...headers, 'Content-Type': 'application/x-www-form-urlencoded' },
            signal,
          })
        : await request(query ? `${url}?${query}` : url, { headers, signal });
    } catch (error) {
      if (isAbort(error)) throw error;
      throw new ApiError('network', error instanceof Error ? error.message : String(error));
    }
    return readAnswer(response);
  }
}

/** Waits for a flight; the last one to give up stops it. */
function join(flight: Flight, signal?: AbortSignal): Promise<Answer<unknown>> {
  flight.waiting++;
  return new Promise((resolve, reject) => {
    const leave = () => {
      flight.waiting--;
      if (flight.waiting === 0) flight.abort.abort();
      reject(new DOMException('nobody waits', 'AbortError'));
    };
    signal?.addEventListener('abort', leave, { once: true });
    flight.promise.then(resolve, reject).finally(() => signal?.removeEventListener('abort', leave));
  });
}

interface Envelope {
  status?: string;
  data?: unknown;
  errorType?: string;
  error?: string;
  warnings?: string[];
  infos?: string[];
}

async function readAnswer(response: Response): Promise<Answer<unknown>> {
  const text = await response.text();
  const body = parseEnvelope(text);
  if (response.ok && body?.status === 'success') {
    return { data: body.data, warnings: [...(body.warnings ?? []), ...(body.infos ?? [])] };
  }
  const message = body?.error ?? (text.slice(0, 300).trim() || response.statusText || `HTTP ${response.status}`);
  throw new ApiError(kindOf(response.status, body?.errorType), message, response.status);
}

function parseEnvelope(text: string): Envelope | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Envelope) : undefined;
  } catch {
    return undefined;
  }
}

function kindOf(status: number, errorType?: string): ErrorKind {
  if (errorType === 'timeout' || errorType === 'canceled' || status === 504) return 'timeout';
  if (errorType === 'bad_data' || status === 400) return 'badData';
  if (status === 401 || status === 403) return 'denied';
  if (status === 404) return 'notFound';
  if (errorType === 'execution' || status === 422 || status === 429 || status === 413) return 'limit';
  if (status === 502 || status === 503) return 'unavailable';
  return 'server';
}
