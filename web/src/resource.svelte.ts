import { ApiError, isAbort } from './api';

/** A value that is fetched, and fetched again when what it was asked with changes. */
export class Resource<T> {
  /** The last good value; stays on screen while the next one is under way. */
  data = $state.raw<T>();
  error = $state.raw<ApiError>();
  loading = $state(true);

  /** True once an answer, good or bad, has come. */
  get ready(): boolean {
    return this.data !== undefined || this.error !== undefined;
  }
}

/**
 * Runs `load` now and whenever the state it reads before its first `await` changes; the request before is aborted.
 * `load` may return undefined to ask nothing. To be called while a component starts.
 */
export function resource<T>(load: (signal: AbortSignal) => Promise<T> | undefined): Resource<T> {
  const value = new Resource<T>();
  $effect(() => {
    const abort = new AbortController();
    const promise = load(abort.signal);
    if (promise === undefined) {
      value.loading = false;
      return;
    }
    value.loading = true;
    promise.then(
      (data) => {
        if (abort.signal.aborted) return;
        value.data = data;
        value.error = undefined;
        value.loading = false;
      },
      (error: unknown) => {
        if (abort.signal.aborted || isAbort(error)) return;
        value.error = error instanceof ApiError ? error : new ApiError('server', String(error));
        value.loading = false;
      },
    );
    return () => abort.abort();
  });
  return value;
}
