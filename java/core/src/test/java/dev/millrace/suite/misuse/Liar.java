// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite.misuse;

/** Text that claims one length and has another. */
record Liar(int claimed, int real, char letter) implements CharSequence {

  static final class Planted extends IndexOutOfBoundsException {
    private static final long serialVersionUID = 1;

    Planted(int index) {
      super("planted: index=" + index);
    }
  }

  @Override
  public int length() {
    return claimed;
  }

  @Override
  public char charAt(int index) {
    if (index >= real) {
      throw new Planted(index);
    }
    return letter;
  }

  @Override
  public CharSequence subSequence(int start, int end) {
    return this;
  }
}
