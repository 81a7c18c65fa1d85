// SPDX-License-Identifier: Apache-2.0

const number = new Intl.NumberFormat('en');
const decimal = new Intl.NumberFormat('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 });

export function formatQuantity(quantity: number): string {
  return number.format(quantity);
}

/** Cents as people write them. */
export function formatPrice(cents: number): string {
  return decimal.format(cents / 100);
}

/** What {@link formatPrice} writes, without its grouping, for a field. */
export function priceForField(cents: number): string {
  return (cents / 100).toFixed(2);
}

/** The cents a text stands for, or undefined if it is no price with at most two decimals. */
export function parsePrice(text: string): number | undefined {
  const match = /^(\d{1,7})(?:\.(\d{1,2}))?$/.exec(text.trim().replaceAll(',', ''));
  if (match === null) {
    return undefined;
  }
  // Put together from its digits: 1.15 * 100 is not 115.
  return Number((match[1] ?? '') + (match[2] ?? '').padEnd(2, '0'));
}

/** The whole number a text stands for, or undefined. */
export function parseQuantity(text: string): number | undefined {
  const digits = text.trim().replaceAll(',', '');
  return /^\d{1,9}$/.test(digits) ? Number(digits) : undefined;
}

export function formatBytes(bytes: number): string {
  return bytes < 1024 ? `${bytes} B` : `${(bytes / 1024).toFixed(1)} KiB`;
}

export function formatMilliseconds(milliseconds: number): string {
  return `${milliseconds.toFixed(1)} ms`;
}

export function formatTime(millisSince1970: number): string {
  return new Date(millisSince1970).toLocaleTimeString('en-GB');
}
