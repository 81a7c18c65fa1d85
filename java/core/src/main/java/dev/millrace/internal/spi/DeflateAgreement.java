// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import dev.millrace.Compression;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A server's answer to what a client has offered (RFC 7692 5.1, 7.1).
 *
 * @param answer the value of {@code Sec-WebSocket-Extensions} in the response
 * @param parameters what both sides do from now on
 * @param memory what was taken of the budget; {@link Admission#UNCOUNTED} if nothing was
 */
public record DeflateAgreement(String answer, DeflateParameters parameters, Admission memory) {

  /**
   * The answer to the first offer that can be agreed to.
   *
   * @param offered the values of {@code Sec-WebSocket-Extensions} in the request, one for each line
   * @param compression what the server wants
   * @param budget what its connections may keep
   * @return null if nothing was offered that can be agreed to, or compression is disabled
   */
  public static @Nullable DeflateAgreement answer(
      List<String> offered, Compression compression, CompressionBudget budget) {
    if (!compression.isEnabled() || offered.isEmpty()) {
      return null;
    }
    for (ExtensionHeader.Extension extension : ExtensionHeader.parse(offered)) {
      DeflateTerms offer = DeflateTerms.of(extension, true);
      if (offer != null) {
        return agree(offer, compression, budget);
      }
    }
    return null;
  }

  private static DeflateAgreement agree(
      DeflateTerms offer, Compression compression, CompressionBudget budget) {
    int serverBits = least(offer.serverBits(), compression.serverWindowBits());
    // Only who offers the parameter can be told to use less.
    int clientBits =
        offer.clientBits() == DeflateTerms.ABSENT
            ? DeflateParameters.MAX_WINDOW_BITS
            : least(offer.clientBits(), compression.clientWindowBits());
    DeflateMemory memory = new DeflateMemory(budget);
    boolean serverTakeover =
        compression.contextTakeover()
            && !offer.serverNoTakeover()
            && memory.take(CompressionBudget.outgoingBytes(serverBits, compression.memoryLevel()));
    boolean clientTakeover =
        compression.contextTakeover()
            && !offer.clientNoTakeover()
            && memory.take(CompressionBudget.incomingBytes(clientBits));
    boolean isFull = serverBits == DeflateParameters.MAX_WINDOW_BITS;
    boolean isAsked = offer.serverBits() != DeflateTerms.ABSENT;
    DeflateTerms answer =
        new DeflateTerms(
            !serverTakeover,
            !clientTakeover,
            isFull && !isAsked ? DeflateTerms.ABSENT : serverBits,
            clientBits == DeflateParameters.MAX_WINDOW_BITS ? DeflateTerms.ABSENT : clientBits);
    return new DeflateAgreement(
        answer.toString(),
        new DeflateParameters(serverBits, serverTakeover, clientBits, clientTakeover),
        memory.isEmpty() ? Admission.UNCOUNTED : memory);
  }

  private static int least(int offered, int wanted) {
    return offered > 0 ? Math.min(offered, wanted) : wanted;
  }
}
