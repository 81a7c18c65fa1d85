// SPDX-License-Identifier: Apache-2.0

import { type Answer, decode, encode, type Order, type QuoteView, type Received } from './messages.js';

export type ConnectionState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'connected' }
  /** Connected as far as the browser knows, but the last probes got no answer. */
  | { readonly kind: 'silent'; readonly seconds: number }
  | { readonly kind: 'waiting'; readonly reason: string; readonly retryInSeconds: number };

/** What a page wants to know; called in the order in which things happen. */
export interface MarketListener {
  onState(state: ConnectionState): void;
  onQuote(quote: QuoteView): void;
  onRoundTrip(milliseconds: number): void;
}

type Answered = (answer: Answer | undefined) => void;

const PROBE_INTERVAL_MS = 1000;
const SILENCE_MS = 3000;
const FIRST_RETRY_SECONDS = 1;
const LAST_RETRY_SECONDS = 16;
const MAX_CORRELATION = 0xffff_ffff;

/** A connection to the market that comes back by itself and always says how it stands. */
export class MarketConnection {
  readonly #url: string;
  readonly #listener: MarketListener;
  readonly #pending = new Map<number, Answered>();
  #socket: WebSocket | undefined;
  #lastCorrelation = 0;
  #lastHeard = 0;
  #probes = 0;
  #countdown = 0;
  #retrySeconds = FIRST_RETRY_SECONDS;

  constructor(url: string, listener: MarketListener) {
    this.#url = url;
    this.#listener = listener;
  }

  /** Connects now, also when it is waiting to. Does nothing while there is a connection. */
  connect(): void {
    if (this.#socket !== undefined) {
      return;
    }
    clearInterval(this.#countdown);
    this.#listener.onState({ kind: 'connecting' });
    const socket = new WebSocket(this.#url);
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('open', () => this.#opened());
    socket.addEventListener('message', (message: MessageEvent<unknown>) => this.#received(message.data));
    socket.addEventListener('close', (close) => this.#closed(close));
    this.#socket = socket;
  }

  /**
   * Sends an order. The callback gets the answer, or undefined when the connection ends before it comes: then nobody
   * knows whether the order arrived.
   */
  send(order: Order, answered: Answered): void {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) {
      answered(undefined);
      return;
    }
    this.#lastCorrelation = this.#lastCorrelation === MAX_CORRELATION ? 1 : this.#lastCorrelation + 1;
    this.#pending.set(this.#lastCorrelation, answered);
    socket.send(encode(order, this.#lastCorrelation, performance.now()));
  }

  #opened(): void {
    this.#retrySeconds = FIRST_RETRY_SECONDS;
    this.#lastHeard = performance.now();
    this.#listener.onState({ kind: 'connected' });
    this.#probe();
    this.#probes = setInterval(() => this.#probe(), PROBE_INTERVAL_MS);
  }

  #probe(): void {
    const silence = performance.now() - this.#lastHeard;
    if (silence > SILENCE_MS) {
      this.#listener.onState({ kind: 'silent', seconds: Math.floor(silence / 1000) });
    }
    this.send({ kind: 'probe' }, () => {});
  }

  #received(data: unknown): void {
    if (!(data instanceof ArrayBuffer)) {
      throw new Error('the market sent text');
    }
    const now = performance.now();
    if (now - this.#lastHeard > SILENCE_MS) {
      this.#listener.onState({ kind: 'connected' });
    }
    this.#lastHeard = now;
    this.#deliver(decode(data), now);
  }

  #deliver({ correlation, sentAt, event }: Received, now: number): void {
    if (event.kind === 'quote') {
      this.#listener.onQuote(event);
      return;
    }
    this.#listener.onRoundTrip(now - sentAt);
    const answered = this.#pending.get(correlation);
    this.#pending.delete(correlation);
    answered?.(event);
  }

  #closed(close: CloseEvent): void {
    this.#socket = undefined;
    clearInterval(this.#probes);
    const unanswered = [...this.#pending.values()];
    this.#pending.clear();
    for (const answered of unanswered) {
      answered(undefined);
    }
    this.#retryLater(close.reason === '' ? `closed with ${close.code}` : `closed with ${close.code}, ${close.reason}`);
  }

  #retryLater(reason: string): void {
    let seconds = this.#retrySeconds;
    this.#retrySeconds = Math.min(2 * seconds, LAST_RETRY_SECONDS);
    this.#listener.onState({ kind: 'waiting', reason, retryInSeconds: seconds });
    this.#countdown = setInterval(() => {
      seconds--;
      if (seconds > 0) {
        this.#listener.onState({ kind: 'waiting', reason, retryInSeconds: seconds });
      } else {
        this.connect();
      }
    }, 1000);
  }
}
