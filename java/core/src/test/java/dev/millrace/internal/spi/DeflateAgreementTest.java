// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.millrace.Compression;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** RFC 7692 5 and 7.1: what a server answers, and what a client makes of an answer. */
class DeflateAgreementTest {

  private static final String NAME = "permessage-deflate";
  private static final Compression PLAIN = Compression.enabled();
  private static final Compression TAKEOVER = PLAIN.withContextTakeover(true);

  private CompressionBudget budget = new CompressionBudget(1 << 30);

  private DeflateAgreement agree(Compression compression, String... offered) {
    return DeflateAgreement.answer(List.of(offered), compression, budget);
  }

  private String answer(Compression compression, String... offered) {
    DeflateAgreement agreement = agree(compression, offered);
    return agreement == null ? "none" : agreement.answer();
  }

  // ---- The server.

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "permessage-deflate | permessage-deflate",
        "permessage-deflate; client_max_window_bits | permessage-deflate",
        "permessage-deflate; client_max_window_bits=15 | permessage-deflate",
        "permessage-deflate; client_max_window_bits=9"
            + " | permessage-deflate; client_max_window_bits=9",
        "permessage-deflate; server_max_window_bits=15"
            + " | permessage-deflate; server_max_window_bits=15",
        "permessage-deflate; server_max_window_bits=8"
            + " | permessage-deflate; server_max_window_bits=8",
        "permessage-deflate; server_no_context_takeover"
            + " | permessage-deflate; server_no_context_takeover",
        "permessage-deflate; client_no_context_takeover"
            + " | permessage-deflate; client_no_context_takeover",
        "permessage-deflate;client_max_window_bits=10;server_no_context_takeover;"
            + "server_max_window_bits=\"11\";client_no_context_takeover"
            + " | permessage-deflate; server_no_context_takeover; client_no_context_takeover;"
            + " server_max_window_bits=11; client_max_window_bits=10",
      })
  void anOfferIsAgreedToAsItIs(String offer, String answer) {
    assertThat(answer(TAKEOVER, offer)).isEqualTo(answer);
  }

  @Test
  void withoutTakeoverBothSidesAreToldSo() {
    assertThat(answer(PLAIN, NAME))
        .isEqualTo(NAME + "; server_no_context_takeover; client_no_context_takeover");
    assertThat(budget.takenBytes()).isZero();
  }

  @Test
  void smallerWindowsAreAskedForWhereTheClientCan() {
    Compression small = TAKEOVER.withServerWindowBits(10).withClientWindowBits(9);
    assertThat(agree(small, NAME).parameters())
        .isEqualTo(new DeflateParameters(10, true, 15, true));
    assertThat(answer(small, NAME)).isEqualTo(NAME + "; server_max_window_bits=10");
    assertThat(answer(small, NAME + "; client_max_window_bits"))
        .isEqualTo(NAME + "; server_max_window_bits=10; client_max_window_bits=9");
    assertThat(answer(small, NAME + "; client_max_window_bits=8; server_max_window_bits=12"))
        .isEqualTo(NAME + "; server_max_window_bits=10; client_max_window_bits=8");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "x-webkit-deflate-frame",
        "Permessage-Deflate",
        "permessage-deflate; unknown",
        "permessage-deflate; unknown=1",
        "permessage-deflate; Server_No_Context_Takeover",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover=\"true\"",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=8; server_max_window_bits=8",
        "permessage-deflate; client_max_window_bits; client_max_window_bits",
        "permessage-deflate; client_max_window_bits=8; client_max_window_bits",
        "permessage-deflate; client_max_window_bits; client_max_window_bits=8",
        "permessage-deflate;",
        "permessage-deflate; client_max_window_bits=",
        "permessage-deflate; client_max_window_bits=\"\"",
        "permessage-deflate client_max_window_bits",
      })
  void anOfferThatIsNoneIsDeclined(String offer) {
    assertThat(answer(TAKEOVER, offer)).isEqualTo("none");
    assertThat(answer(TAKEOVER, offer, NAME)).isEqualTo(NAME);
    assertThat(answer(TAKEOVER, offer + ", " + NAME)).isEqualTo(NAME);
    assertThat(budget.takenBytes()).isPositive();
  }

  @Test
  void everyWindowFrom8To15AndNoOther() {
    for (String side : List.of("server", "client")) {
      for (int bits = -1; bits < 100; bits++) {
        String offer = NAME + "; " + side + "_max_window_bits=" + bits;
        boolean legal = bits >= 8 && bits <= 15;
        String answer = side.equals("client") && bits == 15 ? NAME : offer;
        assertThat(answer(TAKEOVER, offer)).isEqualTo(legal ? answer : "none");
      }
      for (String bits : List.of("08", "008", "+8", "8.0", "0x8", "1e1", "a", "4294967304")) {
        assertThat(answer(TAKEOVER, NAME + "; " + side + "_max_window_bits=" + bits))
            .isEqualTo("none");
      }
    }
  }

  /** Every offer of up to three parameters: whether it is one, and what is answered to it. */
  @Test
  void everyShortOffer() {
    List<String> parameters =
        List.of(
            "server_no_context_takeover",
            "client_no_context_takeover",
            "server_no_context_takeover=15",
            "server_max_window_bits",
            "server_max_window_bits=9",
            "server_max_window_bits=\"10\"",
            "server_max_window_bits=16",
            "client_max_window_bits",
            "client_max_window_bits=9",
            "client_max_window_bits=\"10\"",
            "client_max_window_bits=010",
            "another");
    everyOffer(parameters, List.of());
  }

  private void everyOffer(List<String> parameters, List<String> chosen) {
    String offer = NAME;
    for (String parameter : chosen) {
      offer += "; " + parameter;
    }
    assertThat(answer(TAKEOVER, offer)).as(offer).isEqualTo(expected(chosen));
    for (int i = 0; chosen.size() < 3 && i < parameters.size(); i++) {
      List<String> more = new ArrayList<>(chosen);
      more.add(parameters.get(i));
      everyOffer(parameters, more);
    }
  }

  /** The answer by the letter of RFC 7692 7.1, of a server that takes whatever it can. */
  private static String expected(List<String> offered) {
    TreeMap<String, String> values = new TreeMap<>();
    for (String parameter : offered) {
      String[] parts = parameter.replace("\"", "").split("=");
      String value = parts.length > 1 ? parts[1] : "";
      String legal =
          switch (parts[0]) {
            case "server_no_context_takeover", "client_no_context_takeover" -> "";
            case "server_max_window_bits" -> "9|10";
            case "client_max_window_bits" -> "|9|10";
            default -> "none";
          };
      boolean isLegal = List.of(legal.split("\\|", -1)).contains(value);
      if (!isLegal || values.put(parts[0], value) != null) {
        return "none";
      }
    }
    StringBuilder answer = new StringBuilder(NAME);
    for (String name : List.of("server_no_context_takeover", "client_no_context_takeover")) {
      answer.append(values.containsKey(name) ? "; " + name : "");
    }
    for (String name : List.of("server_max_window_bits", "client_max_window_bits")) {
      String value = values.getOrDefault(name, "");
      answer.append(value.isEmpty() ? "" : "; " + name + "=" + value);
    }
    return answer.toString();
  }

  @Test
  void theFirstOfferThatCanBeAgreedToIsIt() {
    assertThat(answer(TAKEOVER, NAME + "; server_max_window_bits=10, " + NAME))
        .isEqualTo(NAME + "; server_max_window_bits=10");
    assertThat(answer(TAKEOVER, NAME + ", " + NAME + "; server_max_window_bits=10"))
        .isEqualTo(NAME);
    assertThat(answer(TAKEOVER, "foo", "bar; a=1, " + NAME)).isEqualTo(NAME);
  }

  @Test
  void disabledMeansNone() {
    assertThat(answer(Compression.disabled(), NAME)).isEqualTo("none");
    assertThat(DeflateOffer.of(Compression.disabled(), budget)).isNull();
  }

  // ---- The budget.

  @Test
  void whatTheBudgetHasNotIsNotAgreedTo() {
    long outgoing = CompressionBudget.outgoingBytes(15, 8);
    long incoming = CompressionBudget.incomingBytes(15);
    assertThat(outgoing).isEqualTo((128 << 10) + (128 << 10) + (8 << 10));
    assertThat(incoming).isEqualTo((32 << 10) + (8 << 10));
    budget = new CompressionBudget(outgoing + 2 * incoming);

    DeflateAgreement first = agree(TAKEOVER, NAME);
    DeflateAgreement second = agree(TAKEOVER, NAME);
    DeflateAgreement third = agree(TAKEOVER, NAME);

    assertThat(first.answer()).isEqualTo(NAME);
    assertThat(second.answer()).isEqualTo(NAME + "; server_no_context_takeover");
    assertThat(third.answer())
        .isEqualTo(NAME + "; server_no_context_takeover; client_no_context_takeover");
    assertThat(third.memory()).isSameAs(Admission.UNCOUNTED);
    assertThat(budget.takenBytes()).isEqualTo(outgoing + 2 * incoming);
    first.memory().release();
    first.memory().release();
    assertThat(budget.takenBytes()).isEqualTo(incoming);
    assertThat(agree(TAKEOVER, NAME).answer()).isEqualTo(NAME);
    second.memory().release();
    third.memory().release();
    assertThat(budget.takenBytes()).isEqualTo(outgoing + incoming);
  }

  @Test
  void smallWindowsTakeLittleOfIt() {
    DeflateAgreement agreement =
        agree(
            TAKEOVER.withMemoryLevel(1),
            NAME + "; server_max_window_bits=8; client_max_window_bits=8");
    assertThat(budget.takenBytes()).isEqualTo(1024 + 1024 + (8 << 10) + 256 + (8 << 10));
    agreement.memory().release();
    assertThat(budget.takenBytes()).isZero();
  }

  @Test
  void oneSideAloneIsTakenFor() {
    agree(TAKEOVER, NAME + "; server_no_context_takeover");
    assertThat(budget.takenBytes()).isEqualTo(CompressionBudget.incomingBytes(15));
  }

  // ---- The client.

  private DeflateOffer offer(Compression compression) {
    DeflateOffer offer = DeflateOffer.of(compression, budget);
    assertThat(offer).isNotNull();
    return offer;
  }

  @Test
  void whatAClientOffers() {
    assertThat(offer(TAKEOVER).header()).isEqualTo(NAME + "; client_max_window_bits");
    assertThat(offer(PLAIN).header())
        .isEqualTo(
            NAME
                + "; server_no_context_takeover; client_no_context_takeover"
                + "; client_max_window_bits");
    assertThat(offer(TAKEOVER.withServerWindowBits(9).withClientWindowBits(10)).header())
        .isEqualTo(NAME + "; server_max_window_bits=9; client_max_window_bits=10");
    budget = new CompressionBudget(0);
    assertThat(offer(TAKEOVER).header()).isEqualTo(offer(PLAIN).header());
  }

  @Test
  void noAnswerMeansNoCompression() throws Exception {
    DeflateOffer offer = offer(TAKEOVER);
    assertThat(offer.judge(List.of())).isNull();
    assertThat(budget.takenBytes()).isZero();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "'' | 15 true 15 true",
        "; client_max_window_bits=8 | 8 true 15 true",
        "; server_max_window_bits=8 | 15 true 8 true",
        "; server_max_window_bits=15 | 15 true 15 true",
        "; server_no_context_takeover | 15 true 15 false",
        "; client_no_context_takeover | 15 false 15 true",
      })
  void whatAClientMakesOfAnAnswer(String answered, String expected) throws Exception {
    DeflateOffer offer = offer(TAKEOVER);
    DeflateParameters agreed = offer.judge(List.of(NAME + answered));
    assertThat(
            agreed.outgoingWindowBits()
                + " "
                + agreed.outgoingTakeover()
                + " "
                + agreed.incomingWindowBits()
                + " "
                + agreed.incomingTakeover())
        .isEqualTo(expected);
    long outgoing = CompressionBudget.outgoingBytes(agreed.outgoingWindowBits(), 8);
    long incoming = CompressionBudget.incomingBytes(agreed.incomingWindowBits());
    assertThat(budget.takenBytes())
        .isEqualTo(
            (agreed.outgoingTakeover() ? outgoing : 0)
                + (agreed.incomingTakeover() ? incoming : 0));
    offer.release();
    offer.release();
    assertThat(budget.takenBytes()).isZero();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "permessage-deflate, permessage-deflate",
        "permessage-deflate, foo",
        "foo",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; client_max_window_bits=16",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; unknown",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate;",
      })
  void anAnswerThatWasNotOfferedIsBroken(String answered) {
    DeflateOffer offer = offer(TAKEOVER);
    assertThatThrownBy(() -> offer.judge(List.of(answered)))
        .isInstanceOf(DeflateOffer.BrokenAnswerException.class)
        .hasMessageContaining(answered);
    offer.release();
    assertThat(budget.takenBytes()).isZero();
  }

  @Test
  void aServerMustKeepWhatItWasAskedFor() {
    DeflateOffer plain = offer(PLAIN);
    assertThatThrownBy(() -> plain.judge(List.of(NAME + "; client_no_context_takeover")))
        .isInstanceOf(DeflateOffer.BrokenAnswerException.class);
    DeflateOffer small = offer(TAKEOVER.withServerWindowBits(9).withClientWindowBits(10));
    for (String answer :
        List.of(
            NAME,
            NAME + "; server_max_window_bits=10",
            NAME + "; server_max_window_bits=9; client_max_window_bits=11")) {
      assertThatThrownBy(() -> small.judge(List.of(answer)))
          .isInstanceOf(DeflateOffer.BrokenAnswerException.class);
    }
  }

  /** Whatever both sides want, both come to the same. */
  @Test
  void ourClientAndOurServerAlwaysAgree() throws Exception {
    int[] windows = {8, 9, 12, 15};
    List<Compression> all = new ArrayList<>();
    for (int server : windows) {
      for (int client : windows) {
        for (boolean takeover : new boolean[] {false, true}) {
          all.add(
              PLAIN
                  .withContextTakeover(takeover)
                  .withServerWindowBits(server)
                  .withClientWindowBits(client));
        }
      }
    }
    for (Compression wanted : all) {
      for (Compression served : all) {
        DeflateOffer offer = offer(wanted);
        DeflateAgreement agreement = agree(served, offer.header());
        DeflateParameters mine = offer.judge(List.of(agreement.answer()));
        DeflateParameters theirs = agreement.parameters();
        assertThat(mine)
            .isEqualTo(
                new DeflateParameters(
                    theirs.incomingWindowBits(),
                    theirs.incomingTakeover(),
                    theirs.outgoingWindowBits(),
                    theirs.outgoingTakeover()));
        offer.release();
        agreement.memory().release();
      }
    }
    assertThat(budget.takenBytes()).isZero();
  }
}
