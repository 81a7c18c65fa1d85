// SPDX-License-Identifier: Apache-2.0
// What every peer sends: made from the size alone, so that a wrong byte cannot hide.

/** Text of exactly `size` bytes of UTF-8, with characters of one, two, three and four bytes. */
export function textOf(size) {
  const unit = 'aé€🚀'; // 1 + 2 + 3 + 4 bytes
  return unit.repeat(Math.floor(size / 10)) + 'z'.repeat(size % 10);
}

export function bytesOf(size) {
  const bytes = new Uint8Array(size);
  let state = size + 1;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1103515245) + 12345) | 0;
    bytes[i] = state >>> 16;
  }
  return bytes;
}
