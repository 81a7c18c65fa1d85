// SPDX-License-Identifier: Apache-2.0

import { byId, create } from './dom.js';
import { formatPrice, formatQuantity } from './format.js';
import { type OpenOrderView, Side } from './messages.js';

interface Line {
  readonly row: HTMLTableRowElement;
  readonly quantity: HTMLTableCellElement;
}

/** The page's own orders that rest in the book, each with a button that cancels it. */
export class OpenOrdersView {
  readonly #body = byId('open-orders', HTMLElement);
  readonly #none = byId('no-open-orders', HTMLElement);
  readonly #lines = new Map<number, Line>();
  readonly #onCancel: (order: number) => void;

  constructor(onCancel: (order: number) => void) {
    this.#onCancel = onCancel;
  }

  show(orders: readonly OpenOrderView[]): void {
    const open = new Set(orders.map((order) => order.order));
    for (const [order, line] of this.#lines) {
      if (!open.has(order)) {
        line.row.remove();
        this.#lines.delete(order);
      }
    }
    for (const order of orders) {
      const line = this.#lines.get(order.order) ?? this.#add(order);
      line.quantity.textContent = formatQuantity(order.quantity);
    }
    this.#none.hidden = orders.length > 0;
  }

  #add(order: OpenOrderView): Line {
    const bought = order.side === Side.Buy;
    const cancel = create('button', 'Cancel');
    cancel.type = 'button';
    cancel.setAttribute('aria-label', `Cancel order ${order.order}`);
    cancel.addEventListener('click', () => this.#onCancel(order.order));
    const last = create('td');
    last.append(cancel);
    const line = { row: create('tr', '', bought ? 'buy' : 'sell'), quantity: create('td') };
    line.row.dataset['order'] = String(order.order);
    line.row.append(create('td', bought ? 'Buy' : 'Sell'), line.quantity, create('td', formatPrice(order.price)), last);
    this.#body.append(line.row);
    this.#lines.set(order.order, line);
    return line;
  }
}
