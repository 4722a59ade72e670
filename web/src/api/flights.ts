interface Flight {
  promise: Promise<unknown>;
  abort: AbortController;
  waiting: number;
}

/** Questions under way: equal ones are asked once, and one that nobody waits for any more is stopped. */
export class Flights {
  readonly #flights = new Map<string, Flight>();

  /** True while an answer is awaited. */
  get busy(): boolean {
    return this.#flights.size > 0;
  }

  /**
   * Waits for the question `key`, which `start` asks if it is not under way. `start` gets a signal that says when the
   * last one who waited has left; `signal` says when this one leaves.
   */
  join<T>(key: string, signal: AbortSignal | undefined, start: (stop: AbortSignal) => Promise<T>): Promise<T> {
    const flight = this.#flights.get(key) ?? this.#start(key, start);
    return wait(flight, signal) as Promise<T>;
  }

  #start(key: string, start: (stop: AbortSignal) => Promise<unknown>): Flight {
    const abort = new AbortController();
    const leave = () => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    };
    const flight: Flight = { promise: start(abort.signal).finally(leave), abort, waiting: 0 };
    // An aborted flight must not be joined by a later caller.
    abort.signal.addEventListener('abort', leave);
    this.#flights.set(key, flight);
    return flight;
  }
}

/** The last one to give up stops the flight. */
function wait(flight: Flight, signal?: AbortSignal): Promise<unknown> {
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
