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

/** The error that a refusal means: the API's JSON, or whatever a proxy on the way says. */
export function errorOf(status: number, text: string, statusText: string): ApiError {
  const { error, errorType } = parseRefusal(text);
  const message = error ?? (text.slice(0, 300).trim() || statusText || `HTTP ${status}`);
  return new ApiError(kindOf(status, errorType), message, status);
}

interface Refusal {
  errorType?: string;
  error?: string;
}

function parseRefusal(text: string): Refusal {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Refusal) : {};
  } catch {
    return {};
  }
}

function kindOf(status: number, errorType?: string): ErrorKind {
  if (errorType === 'timeout' || errorType === 'canceled' || status === 504) return 'timeout';
  if (errorType === 'bad_data' || status === 400) return 'badData';
  if (status === 401 || status === 403) return 'denied';
  if (errorType === 'not_found' || status === 404) return 'notFound';
  if (errorType === 'execution' || errorType === 'too_many_requests' || status === 422 || status === 429 || status === 413) return 'limit';
  if (errorType === 'unavailable' || status === 502 || status === 503) return 'unavailable';
  return 'server';
}
