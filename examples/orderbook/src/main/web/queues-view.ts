// SPDX-License-Identifier: Apache-2.0

import { byId, create } from './dom.js';
import { formatBytes, formatQuantity } from './format.js';
import type { QueueView } from './messages.js';

/** What waits in the server for this page, and for those who read slowest. */
export class QueuesView {
  readonly #own = byId('own-queue', HTMLElement);
  readonly #dropped = byId('own-dropped', HTMLElement);
  readonly #body = byId('queues', HTMLElement);
  readonly #none = byId('no-queues', HTMLElement);

  show(queues: readonly QueueView[]): void {
    const [own, ...slowest] = queues;
    if (own !== undefined) {
      this.#own.textContent = `${formatQuantity(own.messages)} · ${formatBytes(own.bytes)}`;
      this.#dropped.textContent = formatQuantity(own.dropped);
    }
    this.#body.replaceChildren(...slowest.map(row));
    this.#none.hidden = slowest.length > 0;
  }
}

function row(queue: QueueView): HTMLTableRowElement {
  const row = create('tr');
  row.dataset['trader'] = String(queue.trader);
  row.append(
    create('td', `#${queue.trader}`),
    create('td', formatQuantity(queue.messages)),
    create('td', formatBytes(queue.bytes)),
    create('td', formatQuantity(queue.dropped)),
  );
  return row;
}
