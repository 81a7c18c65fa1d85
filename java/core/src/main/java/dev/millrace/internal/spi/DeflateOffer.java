// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import dev.millrace.Compression;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a client offers, and how it judges the server's answer (RFC 7692 5.1, 7.1). What it may keep
 * is taken of the budget with the offer; {@link #release} gives it back when the connection has
 * ended, or was not agreed on at all.
 */
public final class DeflateOffer implements Admission {

  /** The server answers what was not offered: the connection must fail (RFC 6455 4.1). */
  public static final class BrokenAnswerException extends Exception {
    private static final long serialVersionUID = 1;

    BrokenAnswerException(String message) {
      super(message, null, false, false);
    }
  }

  private final DeflateTerms offer;
  private final DeflateMemory memory;
  private final int memoryLevel;

  private DeflateOffer(DeflateTerms offer, DeflateMemory memory, int memoryLevel) {
    this.offer = offer;
    this.memory = memory;
    this.memoryLevel = memoryLevel;
  }

  /**
   * An offer.
   *
   * @param compression what the client wants
   * @param budget what its connections may keep
   * @return null if compression is disabled
   */
  public static @Nullable DeflateOffer of(Compression compression, CompressionBudget budget) {
    if (!compression.isEnabled()) {
      return null;
    }
    int serverBits = compression.serverWindowBits();
    int clientBits = compression.clientWindowBits();
    DeflateMemory memory = new DeflateMemory(budget);
    boolean takesOver = compression.contextTakeover();
    boolean clientTakeover =
        takesOver
            && memory.take(CompressionBudget.outgoingBytes(clientBits, compression.memoryLevel()));
    boolean serverTakeover = takesOver && memory.take(CompressionBudget.incomingBytes(serverBits));
    return new DeflateOffer(
        new DeflateTerms(
            !serverTakeover,
            !clientTakeover,
            serverBits == DeflateParameters.MAX_WINDOW_BITS ? DeflateTerms.ABSENT : serverBits,
            clientBits == DeflateParameters.MAX_WINDOW_BITS ? DeflateTerms.NO_VALUE : clientBits),
        memory,
        compression.memoryLevel());
  }

  /** The value of {@code Sec-WebSocket-Extensions} in the request. */
  public String header() {
    return offer.toString();
  }

  /**
   * Judges the answer, and gives back what it does not need of the budget.
   *
   * @param answered the values of {@code Sec-WebSocket-Extensions} in the response, one for each
   *     line
   * @return what both sides do from now on; null if the server does not compress
   * @throws BrokenAnswerException if the server answers what was not offered
   */
  public @Nullable DeflateParameters judge(List<String> answered) throws BrokenAnswerException {
    List<ExtensionHeader.Extension> extensions = ExtensionHeader.parse(answered);
    if (extensions.isEmpty()) {
      release();
      return null;
    }
    DeflateTerms answer = extensions.size() == 1 ? DeflateTerms.of(extensions.get(0), false) : null;
    if (answer == null || !isKept(answer)) {
      throw new BrokenAnswerException(
          "the server answers extensions that were not offered: offered="
              + offer
              + ", answered="
              + LogText.of(String.join(", ", answered)));
    }
    return agreed(answer);
  }

  /** Whether the server does what it was asked for. */
  private boolean isKept(DeflateTerms answer) {
    return (answer.serverNoTakeover() || !offer.serverNoTakeover())
        && isNoMore(answer.serverBits(), offer.serverBits())
        && (answer.clientBits() == DeflateTerms.ABSENT
            || isNoMore(answer.clientBits(), offer.clientBits()));
  }

  private static boolean isNoMore(int answered, int offered) {
    return offered <= 0 || answered != DeflateTerms.ABSENT && answered <= offered;
  }

  private DeflateParameters agreed(DeflateTerms answer) {
    int outgoing = bits(answer.clientBits(), offer.clientBits());
    int incoming = bits(answer.serverBits(), offer.serverBits());
    boolean outgoingTakeover = !offer.clientNoTakeover() && !answer.clientNoTakeover();
    boolean incomingTakeover = !answer.serverNoTakeover();
    memory.keep(
        (outgoingTakeover ? CompressionBudget.outgoingBytes(outgoing, memoryLevel) : 0)
            + (incomingTakeover ? CompressionBudget.incomingBytes(incoming) : 0));
    return new DeflateParameters(outgoing, outgoingTakeover, incoming, incomingTakeover);
  }

  private static int bits(int answered, int offered) {
    if (answered > 0) {
      return answered;
    }
    return offered > 0 ? offered : DeflateParameters.MAX_WINDOW_BITS;
  }

  /** Gives back what was taken of the budget. Only the first call counts. Any thread. */
  @Override
  public void release() {
    memory.release();
  }
}
