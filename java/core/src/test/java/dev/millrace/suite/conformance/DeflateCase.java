// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite.conformance;

import dev.millrace.suite.Frame;
import dev.millrace.suite.Seed;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * A case of the sections 12 and 13 of the public conformance suite: messages of a length out of a
 * file of some kind, each echoed before the next is sent, on a connection with these offers.
 *
 * @param fragment the length of its fragments, 0 for one frame
 * @param offer the value of {@code Sec-WebSocket-Extensions}
 */
record DeflateCase(String number, Content content, int length, int fragment, String offer) {

  /** What the public suite reads from files, made here of what those are like. */
  enum Content {
    JSON(Frame.TEXT, "JSON"),
    BITMAP(Frame.BINARY, "a bitmap"),
    PROSE(Frame.BINARY, "prose"),
    HTML(Frame.TEXT, "HTML"),
    DOCUMENT(Frame.BINARY, "a document of compressed pages");

    final int opcode;
    final String what;

    Content(int opcode, String what) {
      this.opcode = opcode;
      this.what = what;
    }

    /** So many bytes, of ASCII where they are text. */
    byte[] bytes(int length) {
      Random random = Seed.random(name());
      byte[] bytes = new byte[length];
      for (int at = 0; at < length; ) {
        byte[] next = next(random, at);
        int count = Math.min(next.length, length - at);
        System.arraycopy(next, 0, bytes, at, count);
        at += count;
      }
      return bytes;
    }

    private byte[] next(Random random, int at) {
      return switch (this) {
        case JSON ->
            ascii(
                "{\"id\":%d,\"name\":\"item %d\",\"price\":%d.%02d,\"tags\":[\"a\",\"b%d\"]},"
                    .formatted(
                        at,
                        random.nextInt(1000),
                        random.nextInt(100),
                        random.nextInt(100),
                        random.nextInt(9)));
        case BITMAP ->
            new byte[] {(byte) (128 + 100 * Math.sin(at / 300.0) + random.nextGaussian())};
        case PROSE -> ascii(WORDS[(int) Math.abs(random.nextGaussian() * 8) % WORDS.length] + " ");
        case HTML ->
            ascii(
                "<li class=\"row\"><a href=\"/item/%d\">item %d</a></li>%n"
                    .formatted(random.nextInt(5000), random.nextInt(50)));
        case DOCUMENT ->
            random.nextInt(8) == 0
                ? ascii("endstream endobj " + at + " 0 obj << /Length 400 >> stream ")
                : Seed.bytes(random, 400);
      };
    }

    private static byte[] ascii(String text) {
      return text.getBytes(StandardCharsets.US_ASCII);
    }
  }

  private static final String[] WORDS =
      ("habe nun ach philosophie juristerei und medizin und leider auch theologie durchaus"
              + " studiert mit heissem bemuehn da steh ich nun ich armer tor und bin so klug als"
              + " wie zuvor")
          .split(" ");

  private static final int[][] SIZES = {
    {16, 0},
    {64, 0},
    {256, 0},
    {1024, 0},
    {4096, 0},
    {8192, 0},
    {16384, 0},
    {32768, 0},
    {65536, 0},
    {131072, 0},
    {8192, 256},
    {16384, 256},
    {32768, 256},
    {65536, 256},
    {131072, 256},
    {131072, 1024},
    {131072, 4096},
    {131072, 32768}
  };

  // What the client of the public suite puts into every offer.
  private static final String OFFER =
      "permessage-deflate; client_no_context_takeover; client_max_window_bits";
  private static final String NO_TAKEOVER = OFFER + "; server_no_context_takeover";

  private static final List<String> OFFERS =
      List.of(
          OFFER,
          NO_TAKEOVER,
          OFFER + "; server_max_window_bits=8",
          OFFER + "; server_max_window_bits=15",
          NO_TAKEOVER + "; server_max_window_bits=8",
          NO_TAKEOVER + "; server_max_window_bits=15",
          NO_TAKEOVER + "; server_max_window_bits=8, " + NO_TAKEOVER + ", " + OFFER);

  static List<DeflateCase> all() {
    List<DeflateCase> cases = new ArrayList<>();
    for (Content content : Content.values()) {
      addTo(cases, "12." + (content.ordinal() + 1), content, OFFER);
    }
    for (String offer : OFFERS) {
      addTo(cases, "13." + (OFFERS.indexOf(offer) + 1), Content.JSON, offer);
    }
    return cases;
  }

  private static void addTo(
      List<DeflateCase> cases, String section, Content content, String offer) {
    for (int i = 0; i < SIZES.length; i++) {
      cases.add(new DeflateCase(section + "." + (i + 1), content, SIZES[i][0], SIZES[i][1], offer));
    }
  }

  /** In one line, for the page. */
  String what() {
    return content.what
        + ", messages of "
        + (length < 1024 ? length + " bytes" : length / 1024 + " KiB")
        + (fragment == 0 ? "" : " in fragments of " + fragment)
        + (offer.equals(OFFER) ? "" : ", asking for " + asked());
  }

  private String asked() {
    List<String> asked = new ArrayList<>();
    for (String one : offer.split(", ")) {
      String terms = one.substring(OFFER.length()).replace("; ", " ").strip();
      asked.add(terms.isEmpty() ? "neither" : terms);
    }
    return String.join(", or ", asked);
  }

  @Override
  public String toString() {
    return number;
  }
}
