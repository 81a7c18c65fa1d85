// SPDX-License-Identifier: Apache-2.0

import { byId } from './dom.js';
import { formatPrice, formatQuantity, parsePrice, parseQuantity, priceForField } from './format.js';
import { type Answer, type LevelView, type Order, Side } from './messages.js';

type Send = (order: Order, answered: (answer: Answer | undefined) => void) => void;

/** Where people write orders. Limits are the server's: what it refuses, it says why. */
export class OrderForm {
  readonly #form = byId('order', HTMLFormElement);
  readonly #price = byId('price', HTMLInputElement);
  readonly #quantity = byId('quantity', HTMLInputElement);
  readonly #submit = byId('submit', HTMLButtonElement);
  readonly #status = byId('order-status', HTMLElement);
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
    this.#form.addEventListener('input', () => this.#label());
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#place();
    });
  }

  enable(enabled: boolean): void {
    this.#submit.disabled = !enabled;
  }

  /** Takes a price over, and lets the user go on with the quantity. */
  pick(price: number): void {
    this.#price.value = priceForField(price);
    this.#quantity.select();
    this.#label();
  }

  /** Offers the best price as long as the user has written none. */
  suggest(best: LevelView | undefined): void {
    if (this.#price.value === '' && document.activeElement !== this.#price && best !== undefined) {
      this.#price.value = priceForField(best.price);
      this.#label();
    }
  }

  cancel(order: number): void {
    this.#send({ kind: 'cancel', order }, (answer) => this.#answered(answer));
  }

  #side(): Side {
    return new FormData(this.#form).get('side') === 'sell' ? Side.Sell : Side.Buy;
  }

  #place(): void {
    const price = parsePrice(this.#price.value);
    const quantity = parseQuantity(this.#quantity.value);
    if (price === undefined) {
      this.#say('refused', `“${this.#price.value}” is no price with at most two decimals`);
      this.#price.focus();
    } else if (quantity === undefined) {
      this.#say('refused', `“${this.#quantity.value}” is no whole number`);
      this.#quantity.focus();
    } else {
      this.#say('sent', 'sent');
      this.#send({ kind: 'place', side: this.#side(), price, quantity }, (answer) => this.#answered(answer));
    }
  }

  #answered(answer: Answer | undefined): void {
    switch (answer?.kind) {
      case 'accepted':
        this.#say(
          'accepted',
          `order ${answer.order}: ${formatQuantity(answer.filled)} filled, ${formatQuantity(answer.rested)} resting`,
        );
        break;
      case 'canceled':
        this.#say('accepted', `order ${answer.order} canceled, ${formatQuantity(answer.quantity)} taken back`);
        break;
      case 'refused':
        this.#say('refused', `refused: ${answer.reason}`);
        break;
      case 'echo':
        break;
      case undefined:
        this.#say('refused', 'the connection was lost before an answer came; what rested is canceled');
    }
  }

  #say(outcome: 'sent' | 'accepted' | 'refused', text: string): void {
    this.#status.dataset['outcome'] = outcome;
    this.#status.textContent = text;
  }

  /** The button says what it will do. */
  #label(): void {
    const buy = this.#side() === Side.Buy;
    const price = parsePrice(this.#price.value);
    const quantity = parseQuantity(this.#quantity.value);
    const known = price !== undefined && quantity !== undefined;
    this.#submit.textContent =
      (buy ? 'Buy' : 'Sell') + (known ? ` ${formatQuantity(quantity)} at ${formatPrice(price)}` : '');
    this.#form.classList.toggle('sell', !buy);
  }
}
