import { expect, test } from 'vitest';
import { ApiError, isAbort } from './errors';
import { settle } from './settle';

const no = (message: string) => Promise.reject(new ApiError('limit', message));

test('what fails leaves the others standing', async () => {
  expect(await settle([Promise.resolve(1), no('too many'), no('too long')])).toEqual({ answers: [1, undefined, undefined], error: new ApiError('limit', 'too many') });
  expect(await settle([Promise.resolve(1)])).toEqual({ answers: [1], error: undefined });
  expect(await settle([])).toEqual({ answers: [], error: undefined });
});

test('when all fail, or nobody waits, that is the outcome', async () => {
  await expect(settle([no('first'), no('second')])).rejects.toThrow('first');
  await expect(settle([Promise.resolve(1), Promise.reject(new DOMException('gone', 'AbortError'))])).rejects.toSatisfy(isAbort);
});
