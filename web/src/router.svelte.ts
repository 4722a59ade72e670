/** The address of the page as reactive state. Paths are relative to <base href> and start with a slash. */
class Router {
  readonly #base = new URL(document.baseURI).pathname.replace(/[^/]*$/, '');
  #path = $state('/');
  #params = $state.raw(new URLSearchParams());

  constructor() {
    this.#read();
    addEventListener('popstate', () => this.#read());
    document.addEventListener('click', (event) => this.#followLink(event));
  }

  get path(): string {
    return this.#path;
  }

  get params(): URLSearchParams {
    return this.#params;
  }

  /** The decoded segments of the path: `/hosts/a%2Fb` is `['hosts', 'a/b']`. */
  readonly segments = $derived(this.#path.split('/').filter(Boolean).map(decode));

  /** The prefix of every address of this server, ending in a slash. */
  get base(): string {
    return this.#base;
  }

  /** An address for a link within the page. */
  href(path: string, params?: URLSearchParams): string {
    const query = params?.toString();
    return this.#base + path.replace(/^\//, '') + (query ? `?${query}` : '');
  }

  go(path: string, params?: URLSearchParams): void {
    history.pushState(null, '', this.href(path, params));
    this.#read();
  }

  /** Rewrites the query part of the address; `replace` leaves no step for the back button. */
  update(change: (params: URLSearchParams) => void, replace = false): void {
    const params = new URLSearchParams(this.#params);
    change(params);
    if (params.toString() === this.#params.toString()) return;
    const url = this.href(this.#path, params);
    if (replace) history.replaceState(null, '', url);
    else history.pushState(null, '', url);
    this.#read();
  }

  #read(): void {
    const path = location.pathname;
    this.#path = '/' + (path.startsWith(this.#base) ? path.slice(this.#base.length) : path.slice(1));
    this.#params = new URLSearchParams(location.search);
  }

  /** Plain clicks on our own links change the page without loading it anew. */
  #followLink(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element | null)?.closest?.('a[href]');
    if (!(link instanceof HTMLAnchorElement) || link.target || link.origin !== location.origin) return;
    if (!link.pathname.startsWith(this.#base) || link.hasAttribute('data-native')) return;
    event.preventDefault();
    history.pushState(null, '', link.href);
    this.#read();
    scrollTo(0, 0);
  }
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

export const router = new Router();
