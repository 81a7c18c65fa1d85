// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite.conformance;

import static dev.millrace.suite.conformance.Case.BY_OCTET;
import static dev.millrace.suite.conformance.Cases.continuation;
import static dev.millrace.suite.conformance.Cases.hex;
import static dev.millrace.suite.conformance.Cases.text;
import static dev.millrace.suite.conformance.Cases.utf8;

import dev.millrace.CloseCode;
import dev.millrace.suite.Frame;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;

/** Section 6: text that is UTF-8 and text that is not, whole, in fragments and in parts. */
final class Utf8Cases {

  private static final int INVALID = CloseCode.INVALID_FRAME_PAYLOAD_DATA;
  private static final String MIXED = "Hello-\u00b5@\u00df\u00f6\u00e4\u00fc\u00e0\u00e1-UTF-8!!";

  /** Five Greek letters in eleven bytes. */
  private static final byte[] KOSME = hex("ce ba e1 bd b9 cf 83 ce bc ce b5");

  private static final byte[] EDITED = utf8("edited");
  private static final byte[] SURROGATE = hex("ed a0 80");
  private static final byte[] BEYOND_UNICODE = hex("f4 90 80 80");

  private Utf8Cases() {}

  static List<Case> all() {
    List<Case> cases = new ArrayList<>();
    addEmptyFragments(cases);
    addFragmentedText(cases);
    addFailFast(cases);
    addWellFormed(cases);
    addMalformed(cases);
    cases.sort((one, other) -> Arrays.compare(partsOf(one), partsOf(other)));
    return cases;
  }

  private static int[] partsOf(Case one) {
    return Arrays.stream(one.number().split("\\.")).mapToInt(Integer::parseInt).toArray();
  }

  private static void addEmptyFragments(List<Case> cases) {
    String middle = "middle frame payload";
    cases.add(Case.of("6.1.1", "text of 0 bytes", Frame.text("")).answered(text("")));
    cases.add(
        Case.of(
                "6.1.2",
                "text in three empty fragments",
                Frame.text("").unfinished(),
                continuation("").unfinished(),
                continuation(""))
            .answered(text("")));
    cases.add(
        Case.of(
                "6.1.3",
                "text in three fragments, the first and the last empty",
                Frame.text("").unfinished(),
                continuation(middle).unfinished(),
                continuation(""))
            .answered(text(middle)));
  }

  private static void addFragmentedText(List<Case> cases) {
    cases.add(Case.of("6.2.1", "text of mixed letters", Frame.text(MIXED)).answered(text(MIXED)));
    int between = MIXED.indexOf('\u00fc');
    cases.add(
        Case.of(
                "6.2.2",
                "the same in two fragments, cut between characters",
                Frame.text(MIXED.substring(0, between)).unfinished(),
                continuation(MIXED.substring(between)))
            .answered(text(MIXED)));
    cases.add(
        Case.of("6.2.3", "the same in fragments of one byte", octets(utf8(MIXED)))
            .answered(text(MIXED)));
    cases.add(
        Case.of("6.2.4", "Greek text in fragments of one byte", octets(KOSME))
            .answered(text(KOSME)));
    byte[] invalid = Frame.join(KOSME, SURROGATE, EDITED);
    cases.add(
        Case.of("6.3.1", "text with a surrogate", Frame.of(Frame.TEXT, invalid)).closed(INVALID));
    cases.add(
        Case.of("6.3.2", "the same in fragments of one byte", octets(invalid)).closed(INVALID));
  }

  private static Frame[] octets(byte[] payload) {
    return Cases.fragments(Frame.TEXT, payload, 1).toArray(new Frame[0]);
  }

  /** What would make the message whole is never written: the refusal must not wait for it. */
  private static void addFailFast(List<Case> cases) {
    byte[] firstByte = Arrays.copyOf(BEYOND_UNICODE, 1);
    byte[] secondByte = Arrays.copyOfRange(BEYOND_UNICODE, 1, 2);
    cases.add(
        Case.of(
                "6.4.1",
                "fail fast: bad bytes in the second of three fragments, the third is never sent",
                Frame.of(Frame.TEXT, KOSME).unfinished(),
                Frame.continuation(BEYOND_UNICODE).unfinished())
            .inPieces(Case.BY_FRAME)
            .closed(INVALID));
    cases.add(
        Case.of(
                "6.4.2",
                "fail fast: the second fragment ends with the byte that makes it bad",
                Frame.of(Frame.TEXT, Frame.join(KOSME, firstByte)).unfinished(),
                Frame.continuation(secondByte).unfinished())
            .inPieces(Case.BY_FRAME)
            .closed(INVALID));
    cases.add(
        Case.of(
                "6.4.3",
                "fail fast: bad bytes in the middle of a frame, its rest is never sent",
                begun(Frame.join(KOSME, BEYOND_UNICODE), EDITED.length))
            .closed(INVALID));
    cases.add(
        Case.of(
                "6.4.4",
                "fail fast: the part of the frame that is sent ends with the bad byte",
                begun(Frame.join(KOSME, firstByte, secondByte), 2 + EDITED.length))
            .inPieces(BY_OCTET)
            .closed(INVALID));
  }

  /** A frame that announces more than it holds. */
  private static Frame begun(byte[] payload, int missing) {
    return Frame.of(Frame.TEXT, payload).declaring(payload.length + missing);
  }

  private static void addWellFormed(List<Case> cases) {
    addTexts(
        cases,
        "6.5.",
        "68656c6c6f 24 776f726c64",
        "68656c6c6f c2a2 776f726c64",
        "68656c6c6f e282ac 776f726c64",
        "68656c6c6f f0a4ada2 776f726c64",
        HexFormat.of().formatHex(KOSME));
    Set<Integer> ends = Set.of(2, 5, 7, 9, 11);
    for (int length = 1; length <= KOSME.length; length++) {
      byte[] prefix = Arrays.copyOf(KOSME, length);
      cases.add(single("6.6." + length, prefix, ends.contains(length)));
    }
    addTexts(cases, "6.7.", "00", "c280", "e0a080", "f0908080");
    addTexts(cases, "6.9.", "7f", "dfbf", "efbfbf", "f48fbfbf");
    addTexts(cases, "6.11.", "ed9fbf", "ee8080", "efbfbd", "f48fbfbf");
    addTexts(cases, "6.22.", nonCharacters());
    addTexts(cases, "6.23.", "efbfb9", "efbfba", "efbfbb", "efbfbc", "efbfbd", "efbfbe", "efbfbf");
  }

  /** U+xFFFE and U+xFFFF of every plane: no characters, and well-formed all the same. */
  private static String[] nonCharacters() {
    List<String> texts = new ArrayList<>(List.of("efbfbe", "efbfbf"));
    for (int plane = 1; plane <= 16; plane++) {
      for (int last = 0xFFFE; last <= 0xFFFF; last++) {
        texts.add(HexFormat.of().formatHex(utf8(Character.toString(plane << 16 | last))));
      }
    }
    return texts.toArray(new String[0]);
  }

  private static void addMalformed(List<Case> cases) {
    addBad(cases, "6.8.", "f888808080", "fc8480808080");
    addBad(cases, "6.10.", "f7bfbfbf", "fbbfbfbfbf", "fdbfbfbfbfbf");
    cases.add(single("6.11.5", BEYOND_UNICODE, false));
    addBad(cases, "6.12.", "80", "bf", "80bf", "80bf80", "80bf80bf", "80bf80bf80", "80bf80bf80bf");
    cases.add(single("6.12.8", range(0x80, 0xBF, false), false));
    int[][] starts = {{0xC0, 0xDF}, {0xE0, 0xEF}, {0xF0, 0xF7}, {0xF8, 0xFB}, {0xFC, 0xFD}};
    for (int i = 0; i < starts.length; i++) {
      byte[] lonely = range(starts[i][0], starts[i][1], true);
      cases.add(single("6.13." + (i + 1), lonely, false));
    }
    String[] cut = {
      "c0", "e080", "f08080", "f8808080", "fc80808080",
      "df", "efbf", "f7bfbf", "fbbfbfbf", "fdbfbfbfbf"
    };
    addBad(cases, "6.14.", cut);
    addBad(cases, "6.15.", String.join("", cut));
    addBad(cases, "6.16.", "fe", "ff", "fefeffff");
    addBad(cases, "6.17.", "c0af", "e080af", "f08080af", "f8808080af", "fc80808080af");
    addBad(cases, "6.18.", "c1bf", "e09fbf", "f08fbfbf", "f887bfbfbf", "fc83bfbfbfbf");
    addBad(cases, "6.19.", "c080", "e08080", "f0808080", "f880808080", "fc8080808080");
    addBad(cases, "6.20.", "eda080", "edadbf", "edae80", "edafbf", "edb080", "edbe80", "edbfbf");
    addBad(
        cases,
        "6.21.",
        "eda080edb080",
        "eda080edbfbf",
        "edadbfedb080",
        "edadbfedbfbf",
        "edae80edb080",
        "edae80edbfbf",
        "edafbfedb080",
        "edafbfedbfbf");
  }

  /** The bytes from one up to another, which is left out, with or without a space behind each. */
  private static byte[] range(int first, int end, boolean spaces) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (int octet = first; octet < end; octet++) {
      bytes.write(octet);
      if (spaces) {
        bytes.write(' ');
      }
    }
    return bytes.toByteArray();
  }

  private static void addTexts(List<Case> cases, String section, String... texts) {
    for (int i = 0; i < texts.length; i++) {
      cases.add(single(section + (i + 1), hex(texts[i]), true));
    }
  }

  private static void addBad(List<Case> cases, String section, String... texts) {
    for (int i = 0; i < texts.length; i++) {
      cases.add(single(section + (i + 1), hex(texts[i]), false));
    }
  }

  private static Case single(String number, byte[] payload, boolean valid) {
    String digits = HexFormat.of().formatHex(payload);
    String shown = digits.length() <= 48 ? digits : digits.substring(0, 48) + "...";
    Case.Draft draft =
        Case.of(
            number,
            (valid ? "text " : "text that is not UTF-8: ") + shown,
            Frame.of(Frame.TEXT, payload));
    return valid ? draft.answered(text(payload)) : draft.closed(INVALID);
  }
}
