// SPDX-License-Identifier: Apache-2.0

/** The round-trip times of the last answers. */
export class RoundTrip {
  static readonly #capacity = 101;

  readonly #times: number[] = [];

  add(milliseconds: number): void {
    this.#times.push(milliseconds);
    if (this.#times.length > RoundTrip.#capacity) {
      this.#times.shift();
    }
  }

  last(): number | undefined {
    return this.#times.at(-1);
  }

  median(): number | undefined {
    const sorted = [...this.#times].sort((a, b) => a - b);
    return sorted[sorted.length >> 1];
  }
}
