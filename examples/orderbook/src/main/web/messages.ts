// SPDX-License-Identifier: Apache-2.0
//
// The only module that knows FlatBuffers: requests become bytes, bytes become events.

import { Builder, ByteBuffer } from 'flatbuffers';
import {
  Accepted,
  Canceled,
  CancelOrder,
  Event,
  Level,
  MarketMessage,
  OpenOrder,
  OrderMessage,
  PlaceOrder,
  Probe,
  Queue,
  Quote,
  Refused,
  Request,
  Side,
  Trade,
} from '#wire';

export { Side };

export type Order =
  | { readonly kind: 'place'; readonly side: Side; readonly price: number; readonly quantity: number }
  | { readonly kind: 'cancel'; readonly order: number }
  | { readonly kind: 'probe' };

export interface LevelView {
  readonly price: number;
  readonly quantity: number;
  readonly orders: number;
}

export interface TradeView {
  readonly number: number;
  readonly price: number;
  readonly quantity: number;
  readonly taker: Side;
  readonly time: number;
}

export interface OpenOrderView {
  readonly order: number;
  readonly side: Side;
  readonly price: number;
  readonly quantity: number;
}

/** What waits in the server for one connection. */
export interface QueueView {
  readonly trader: number;
  readonly messages: number;
  readonly bytes: number;
  readonly dropped: number;
}

export interface QuoteView {
  readonly kind: 'quote';
  readonly bids: readonly LevelView[];
  readonly asks: readonly LevelView[];
  readonly trades: readonly TradeView[];
  readonly openOrders: readonly OpenOrderView[];
  /** This page's own first, then those for whom most waits. */
  readonly queues: readonly QueueView[];
}

export type Answer =
  | { readonly kind: 'accepted'; readonly order: number; readonly filled: number; readonly rested: number }
  | { readonly kind: 'canceled'; readonly order: number; readonly quantity: number }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'echo' };

export interface Received {
  /** Of the order that this answers; 0 for a quote. */
  readonly correlation: number;
  /** This page's own clock when it sent that order. */
  readonly sentAt: number;
  readonly event: QuoteView | Answer;
}

/** The bytes of one message. */
export function encode(order: Order, correlation: number, sentAt: number): Uint8Array<ArrayBuffer> {
  const builder = new Builder(128);
  const [type, offset] = encodeRequest(builder, order);
  const root = OrderMessage.createOrderMessage(builder, correlation, sentAt, type, offset);
  OrderMessage.finishOrderMessageBuffer(builder, root);
  return new Uint8Array(builder.asUint8Array());
}

function encodeRequest(builder: Builder, order: Order): [Request, number] {
  switch (order.kind) {
    case 'place':
      return [Request.PlaceOrder, PlaceOrder.createPlaceOrder(builder, order.side, order.price, order.quantity)];
    case 'cancel':
      return [Request.CancelOrder, CancelOrder.createCancelOrder(builder, order.order)];
    case 'probe':
      return [Request.Probe, Probe.createProbe(builder)];
  }
}

/** What one message says. */
export function decode(bytes: ArrayBuffer): Received {
  const buffer = new ByteBuffer(new Uint8Array(bytes));
  if (!MarketMessage.bufferHasIdentifier(buffer)) {
    throw new Error('not a market message');
  }
  const message = MarketMessage.getRootAsMarketMessage(buffer);
  return { correlation: message.correlation(), sentAt: message.sentAt(), event: decodeEvent(message) };
}

function decodeEvent(message: MarketMessage): QuoteView | Answer {
  const type = message.eventType();
  switch (type) {
    case Event.Quote: {
      const quote = new Quote();
      message.event(quote);
      return decodeQuote(quote);
    }
    case Event.Accepted: {
      const accepted = new Accepted();
      message.event(accepted);
      return { kind: 'accepted', order: accepted.order(), filled: accepted.filled(), rested: accepted.rested() };
    }
    case Event.Canceled: {
      const canceled = new Canceled();
      message.event(canceled);
      return { kind: 'canceled', order: canceled.order(), quantity: canceled.quantity() };
    }
    case Event.Refused: {
      const refused = new Refused();
      message.event(refused);
      return { kind: 'refused', reason: refused.reason() ?? 'no reason given' };
    }
    case Event.Echo:
      return { kind: 'echo' };
    case Event.NONE:
      throw new Error('a market message without an event');
  }
}

function decodeQuote(quote: Quote): QuoteView {
  return {
    kind: 'quote',
    bids: list(quote.bidsLength(), (index) => quote.bids(index), levelView),
    asks: list(quote.asksLength(), (index) => quote.asks(index), levelView),
    trades: list(quote.tradesLength(), (index) => quote.trades(index), tradeView),
    openOrders: list(quote.openOrdersLength(), (index) => quote.openOrders(index), openOrderView),
    queues: list(quote.queuesLength(), (index) => quote.queues(index), queueView),
  };
}

function list<S, V>(length: number, at: (index: number) => S | null, view: (struct: S) => V): V[] {
  const views: V[] = [];
  for (let index = 0; index < length; index++) {
    const struct = at(index);
    if (struct !== null) {
      views.push(view(struct));
    }
  }
  return views;
}

function levelView(level: Level): LevelView {
  return { price: level.price(), quantity: level.quantity(), orders: level.orders() };
}

function tradeView(trade: Trade): TradeView {
  return {
    number: trade.number(),
    price: trade.price(),
    quantity: trade.quantity(),
    taker: trade.taker(),
    time: trade.time(),
  };
}

function openOrderView(order: OpenOrder): OpenOrderView {
  return { order: order.order(), side: order.side(), price: order.price(), quantity: order.quantity() };
}

function queueView(queue: Queue): QueueView {
  return { trader: queue.trader(), messages: queue.messages(), bytes: queue.bytes(), dropped: queue.dropped() };
}
