import { ApiError } from './errors';

/** What became of several questions that belong together. */
export interface Settled<T> {
  /** In the order of the questions; absent where one failed. */
  answers: (T | undefined)[];
  /** The first that went wrong, when something else went well. */
  error: ApiError | undefined;
}

/** Waits for all; one that fails leaves the others standing, and when all fail the first error is thrown. */
export async function settle<T>(asked: readonly Promise<T>[]): Promise<Settled<T>> {
  const outcomes = await Promise.allSettled(asked);
  const failed = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
  // What is no refusal of the server concerns all of them: nobody waits, or this page is wrong.
  const other = failed.find((error) => !(error instanceof ApiError));
  if (other !== undefined) throw other;
  if (failed.length > 0 && failed.length === outcomes.length) throw failed[0];
  const answers = outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : undefined));
  return { answers, error: failed[0] as ApiError | undefined };
}
