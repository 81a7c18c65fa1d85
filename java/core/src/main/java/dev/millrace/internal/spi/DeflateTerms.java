// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import org.jspecify.annotations.Nullable;

/**
 * The parameters of one permessage-deflate element (RFC 7692 7.1), of an offer or of an answer.
 *
 * @param serverNoTakeover {@code server_no_context_takeover} is there
 * @param clientNoTakeover {@code client_no_context_takeover} is there
 * @param serverBits {@code server_max_window_bits}, or {@link #ABSENT}
 * @param clientBits {@code client_max_window_bits}, {@link #ABSENT}, or {@link #NO_VALUE}
 */
record DeflateTerms(
    boolean serverNoTakeover, boolean clientNoTakeover, int serverBits, int clientBits) {

  static final String EXTENSION = "permessage-deflate";
  static final String SERVER_NO_TAKEOVER = "server_no_context_takeover";
  static final String CLIENT_NO_TAKEOVER = "client_no_context_takeover";
  static final String SERVER_BITS = "server_max_window_bits";
  static final String CLIENT_BITS = "client_max_window_bits";

  /** The parameter is not there. */
  static final int ABSENT = 0;

  /** The parameter is there without a value, as only an offer may have it. */
  static final int NO_VALUE = -1;

  /**
   * Reads an element.
   *
   * @param isOffer whether it is one
   * @return null if a parameter is not known, there twice, or has a value that it may not have
   */
  static @Nullable DeflateTerms of(ExtensionHeader.Extension extension, boolean isOffer) {
    if (!extension.isWellFormed() || !extension.name().equals(EXTENSION)) {
      return null;
    }
    DeflateTerms terms = new DeflateTerms(false, false, ABSENT, ABSENT);
    for (ExtensionHeader.Parameter parameter : extension.parameters()) {
      DeflateTerms more = terms.with(parameter, isOffer);
      if (more == null || more.equals(terms)) {
        return null;
      }
      terms = more;
    }
    return terms;
  }

  /** Itself if the parameter is there already, null if it may not be there so. */
  private @Nullable DeflateTerms with(ExtensionHeader.Parameter parameter, boolean isOffer) {
    String value = parameter.value();
    int bits = bits(value);
    switch (parameter.name()) {
      case SERVER_NO_TAKEOVER:
        return value == null
            ? new DeflateTerms(true, clientNoTakeover, serverBits, clientBits)
            : null;
      case CLIENT_NO_TAKEOVER:
        return value == null
            ? new DeflateTerms(serverNoTakeover, true, serverBits, clientBits)
            : null;
      case SERVER_BITS:
        return serverBits == ABSENT && bits > 0
            ? new DeflateTerms(serverNoTakeover, clientNoTakeover, bits, clientBits)
            : null;
      case CLIENT_BITS:
        return clientBits == ABSENT && (bits > 0 || isOffer && value == null)
            ? new DeflateTerms(
                serverNoTakeover, clientNoTakeover, serverBits, value == null ? NO_VALUE : bits)
            : null;
      default:
        return null;
    }
  }

  /** 8 to 15 without leading zeroes, else {@link #ABSENT}. */
  private static int bits(@Nullable String value) {
    if (value == null || value.isEmpty() || value.length() > 2) {
      return ABSENT;
    }
    int bits = 0;
    for (int i = 0; i < value.length(); i++) {
      char c = value.charAt(i);
      if (c < '0' || c > '9' || i == 0 && c == '0') {
        return ABSENT;
      }
      bits = 10 * bits + c - '0';
    }
    return bits >= DeflateParameters.MIN_WINDOW_BITS && bits <= DeflateParameters.MAX_WINDOW_BITS
        ? bits
        : ABSENT;
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder(EXTENSION);
    if (serverNoTakeover) {
      text.append("; ").append(SERVER_NO_TAKEOVER);
    }
    if (clientNoTakeover) {
      text.append("; ").append(CLIENT_NO_TAKEOVER);
    }
    append(text, SERVER_BITS, serverBits);
    append(text, CLIENT_BITS, clientBits);
    return text.toString();
  }

  private static void append(StringBuilder text, String name, int bits) {
    if (bits != ABSENT) {
      text.append("; ").append(name);
    }
    if (bits > 0) {
      text.append('=').append(bits);
    }
  }
}
