/** One query of Explore. */
export interface Query {
  expr: string;
  hidden: boolean;
}

/** More queries than this make neither a readable chart nor a kind request. */
export const QUERIES_MAX = 8;

/** Reads the queries of an address: `query=…` once for each, `hide=1` names those that rest. */
export function readQueries(params: URLSearchParams): Query[] {
  const hidden = new Set((params.get('hide') ?? '').split(',').filter(Boolean).map(Number));
  const queries = params.getAll('query').slice(0, QUERIES_MAX).map((expr, i) => ({ expr, hidden: hidden.has(i) }));
  return queries.length > 0 ? queries : [{ expr: '', hidden: false }];
}

/** Writes them back, the opposite of `readQueries`. */
export function writeQueries(params: URLSearchParams, queries: readonly Query[]): void {
  params.delete('query');
  params.delete('hide');
  if (queries.every((query) => query.expr.trim() === '')) return;
  for (const query of queries) params.append('query', query.expr);
  const hidden = queries.flatMap((query, i) => (query.hidden ? [i] : []));
  if (hidden.length > 0) params.set('hide', hidden.join(','));
}

/** The letter a query goes by: A, B, C… */
export function letterOf(index: number): string {
  return String.fromCharCode(65 + index);
}
