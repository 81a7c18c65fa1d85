// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.util.Locale;

/** Writes one JSON document (RFC 8259). */
final class JsonText {
  private final StringBuilder text = new StringBuilder(4096);

  /** Whether the next name or value stands behind another. */
  private boolean follows;

  JsonText begin(char bracket) {
    separate();
    text.append(bracket);
    follows = false;
    return this;
  }

  JsonText end(char bracket) {
    text.append(bracket);
    follows = true;
    return this;
  }

  JsonText name(String name) {
    separate();
    quote(name);
    text.append(':');
    follows = false;
    return this;
  }

  JsonText value(long value) {
    separate();
    text.append(value);
    return this;
  }

  /** With three digits behind the point; what is no number becomes null. */
  JsonText value(double value) {
    separate();
    text.append(Double.isFinite(value) ? String.format(Locale.ROOT, "%.3f", value) : "null");
    return this;
  }

  JsonText value(String value) {
    separate();
    quote(value);
    return this;
  }

  JsonText member(String name, long value) {
    return name(name).value(value);
  }

  JsonText member(String name, double value) {
    return name(name).value(value);
  }

  JsonText member(String name, String value) {
    return name(name).value(value);
  }

  private void separate() {
    if (follows) {
      text.append(',');
    }
    follows = true;
  }

  private void quote(String value) {
    text.append('"');
    for (int i = 0; i < value.length(); i++) {
      char c = value.charAt(i);
      if (c == '"' || c == '\\') {
        text.append('\\').append(c);
      } else if (c < 0x20 || Character.isSurrogate(c)) {
        // An escaped surrogate is well formed whether or not it has its other half.
        text.append(String.format("\\u%04x", (int) c));
      } else {
        text.append(c);
      }
    }
    text.append('"');
  }

  @Override
  public String toString() {
    return text.toString();
  }
}
