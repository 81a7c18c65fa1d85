// SPDX-License-Identifier: Apache-2.0
package dev.millrace.differential;

import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Between the native engine and node {@code ws}: the same messages and pongs, each in order, and
 * the same close code; no more is said of what both may choose, such as headers or a reason. What
 * {@code ws} does otherwise is excused by a rule of RFC 6455 that it takes another way, and
 * counted; docs/differential.md has the list.
 */
final class WsJudge implements Judge {
  private final Map<String, Long> excused = new TreeMap<>();

  /** How often each excuse was needed. */
  Map<String, Long> excused() {
    return excused;
  }

  @Override
  public boolean isAlike(Script script, Outcome ours, Outcome theirs) {
    boolean isSame =
        ours.messages().equals(theirs.messages()) && ours.pongs().equals(theirs.pongs());
    if (isSame && ours.code() == theirs.code()) {
      return true;
    }
    String excuse = excuse(script, ours, theirs);
    if (excuse != null) {
      excused.merge(excuse, 1L, Long::sum);
    }
    return excuse != null;
  }

  private static @Nullable String excuse(Script script, Outcome ours, Outcome theirs) {
    // Where ours stops earlier, it has answered less, and the other has answered that too.
    if (!theirs.messages().startsWith(ours.messages())
        || !theirs.pongs().startsWith(ours.pongs())) {
      return null;
    }
    FirstFault fault = FirstFault.of(script.bytes());
    int code = ours.code();
    if (code == 1002 && fault == FirstFault.LONG_FORM) {
      return "5.2 a length that is not in its shortest form is taken";
    }
    if (code == 1002 && fault == FirstFault.TOP_BIT) {
      return "5.2 the top bit of a length is answered as too big";
    }
    if (code == 1007) {
      return "8.1 text is judged when its message is complete";
    }
    if (fault == FirstFault.TRUNCATED && (code == 101 || theirs.code() == 101)) {
      return "a frame that never ends is judged by more or by less of its header";
    }
    return null;
  }
}
