// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.millrace.CloseCode;
import dev.millrace.CloseReason;
import dev.millrace.Connection;
import dev.millrace.Handler;
import dev.millrace.Message;
import dev.millrace.SendOptions;
import dev.millrace.SendResult;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AbstractConnectionTest {

  private static final CloseReason NORMAL =
      new CloseReason(CloseCode.NORMAL_CLOSURE, "", CloseReason.Initiator.PEER, null);
  private static final CloseReason INTERNAL =
      new CloseReason(CloseCode.INTERNAL_ERROR, "", CloseReason.Initiator.LOCAL, null);

  private final List<LogRecord> logged = new ArrayList<>();
  private final Logger logger = Logger.getLogger("dev.millrace");
  private final LogCapture capture = new LogCapture();

  /** Printed where the log fails; a trace would only lengthen the test's output. */
  private static final class Traceless extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Traceless() {
      super("boom", null, true, false);
    }
  }

  private final class LogCapture extends java.util.logging.Handler {
    private boolean failing;

    @Override
    public void publish(LogRecord record) {
      if (failing) {
        throw new Traceless();
      }
      logged.add(record);
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
  }

  @BeforeEach
  void captureLog() {
    logger.setUseParentHandlers(false);
    logger.addHandler(capture);
  }

  @AfterEach
  void releaseLog() {
    logger.removeHandler(capture);
    logger.setUseParentHandlers(true);
  }

  /** Writes down what is called, and throws where it is told to. */
  private static final class Script implements Handler {

    private final List<String> calls = new ArrayList<>();
    private final List<Throwable> errors = new ArrayList<>();
    private final List<CloseReason> reasons = new ArrayList<>();
    private final String throwing;
    private final Throwable thrown;

    Script(String throwing, Throwable thrown) {
      this.throwing = throwing;
      this.thrown = thrown;
    }

    Script() {
      this("nowhere", new IllegalStateException());
    }

    private void called(String method) throws Exception {
      calls.add(method);
      if (throwing.contains(method)) {
        if (thrown instanceof Error error) {
          throw error;
        }
        throw (Exception) thrown;
      }
    }

    @Override
    public void onOpen(Connection connection) throws Exception {
      called("onOpen");
    }

    @Override
    public void onMessage(Connection connection, Message message) throws Exception {
      called("onMessage");
    }

    @Override
    public void onWritable(Connection connection) throws Exception {
      called("onWritable");
    }

    @Override
    public void onDropped(Connection connection, long messages) throws Exception {
      called("onDropped " + messages);
    }

    @Override
    public void onClose(Connection connection, CloseReason reason) throws Exception {
      reasons.add(reason);
      called("onClose");
    }

    @Override
    public void onError(Connection connection, Throwable cause) {
      calls.add("onError");
      errors.add(cause);
      if (throwing.contains("onError")) {
        throw new IllegalArgumentException("from onError");
      }
    }
  }

  @Test
  void deliversInOrderAndClosesOnce() {
    Script script = new Script();
    FakeConnection connection = new FakeConnection(script);
    connection.open();
    connection.message();
    connection.writable();
    connection.end(NORMAL);
    connection.end(INTERNAL);
    connection.message();
    connection.writable();

    assertThat(script.calls).containsExactly("onOpen", "onMessage", "onWritable", "onClose");
    assertThat(script.reasons).containsExactly(NORMAL);
    assertThat(connection.closes).isEmpty();
    assertThat(logged).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"onOpen", "onMessage", "onWritable"})
  void aThrowingHandlerIsClosedWith1011ToldOnceAndLoggedOnce(String method) {
    Exception thrown = new Exception("boom");
    Script script = new Script(method, thrown);
    FakeConnection connection = new FakeConnection(script);
    connection.open();
    connection.message();
    connection.writable();
    connection.message();
    connection.end(INTERNAL);

    assertThat(connection.closes).containsExactly("1011 ");
    assertThat(script.errors).containsExactly(thrown);
    assertThat(script.calls).endsWith(method, "onError", "onClose");
    assertThat(logged).hasSize(1);
    assertThat(logged.get(0).getThrown()).isSameAs(thrown);
    assertThat(script.reasons.get(0).cause()).isSameAs(thrown);
  }

  /** Two messages that no room was for. */
  private static void drop(FakeConnection connection) {
    connection.engineBytes = connection.limits().highWaterMarkBytes();
    SendOptions newest = SendOptions.defaults().withPolicy(SendOptions.Policy.DROP_NEWEST);
    for (int i = 0; i < 2; i++) {
      assertThat(connection.send("late", newest)).isEqualTo(SendResult.DROPPED);
    }
  }

  @Test
  void tellsOfDroppedMessagesBeforeTheEnd() {
    Script script = new Script();
    FakeConnection connection = new FakeConnection(script);
    connection.open();
    drop(connection);
    connection.end(NORMAL);

    assertThat(script.calls).containsExactly("onOpen", "onDropped 2", "onClose");
    assertThat(script.reasons).containsExactly(NORMAL);
  }

  /** A backlog that others have made by the time the end looks for it, or later. */
  @Test
  void dropsNothingBehindTheEnd() {
    Script script = new Script();
    FakeConnection connection = new FakeConnection(script);
    connection.open();
    connection.defaultSendOptions(
        SendOptions.defaults().withPolicy(SendOptions.Policy.DROP_NEWEST));
    connection.hasEnded = true;
    connection.end(NORMAL);
    connection.engineBytes = connection.limits().highWaterMarkBytes();

    assertThat(connection.send("late")).isEqualTo(SendResult.CLOSED);
    assertThat(connection.droppedMessages()).isZero();
    assertThat(script.calls).containsExactly("onOpen", "onClose");
  }

  @Test
  void throwingWhereTheLastDroppedAreToldIsTheCauseOfTheEnd() {
    Exception thrown = new Exception("boom");
    Script script = new Script("onDropped 2", thrown);
    FakeConnection connection = new FakeConnection(script);
    connection.open();
    drop(connection);
    connection.end(NORMAL);

    assertThat(script.calls).containsExactly("onOpen", "onDropped 2", "onError", "onClose");
    assertThat(script.reasons.get(0).cause()).isSameAs(thrown);
  }

  @Test
  void anErrorOfTheVirtualMachineIsTreatedLikeAnException() {
    Script script = new Script("onMessage", new StackOverflowError());
    FakeConnection connection = new FakeConnection(script);
    connection.open();
    connection.message();

    assertThat(connection.closes).containsExactly("1011 ");
    assertThat(script.errors).hasSize(1).first().isInstanceOf(StackOverflowError.class);
  }

  @Test
  void whatOnErrorThrowsIsLoggedToo() {
    Script script = new Script("onMessage onError", new Exception("boom"));
    FakeConnection connection = new FakeConnection(script);
    connection.open();
    connection.message();

    assertThat(logged)
        .extracting(entry -> entry.getThrown().getMessage())
        .containsExactly("boom", "from onError");
    assertThat(connection.closes).containsExactly("1011 ");
  }

  @Test
  void aThrowingOnCloseStillEndsTheConnection() {
    Script script = new Script("onClose", new Exception("boom"));
    FakeConnection connection = new FakeConnection(script);
    connection.open();
    CompletableFuture<CloseReason> closed = connection.closed().toCompletableFuture();
    connection.end(NORMAL);

    assertThat(closed).isCompletedWithValue(NORMAL);
    assertThat(script.calls).containsExactly("onOpen", "onClose", "onError");
    assertThat(connection.closes).isEmpty();
    assertThat(logged).hasSize(1);
  }

  @Test
  void aLoggerThatThrowsHarmsNothing() {
    capture.failing = true;
    Exception thrown = new Traceless();
    Script script = new Script("onMessage", thrown);
    FakeConnection connection = new FakeConnection(script);
    connection.open();
    connection.message();

    assertThat(script.errors).containsExactly(thrown);
    assertThat(thrown.getSuppressed()).hasSize(1);
  }

  @Test
  void withoutOnOpenThereIsNoOnClose() {
    Script script = new Script();
    FakeConnection connection = new FakeConnection(script);
    connection.end(NORMAL);

    assertThat(script.calls).isEmpty();
    assertThat(connection.closed().toCompletableFuture()).isCompletedWithValue(NORMAL);
  }

  @Test
  void closedCompletesAfterOnCloseForThoseWhoAskedBeforeAndAfter() {
    List<String> order = new ArrayList<>();
    FakeConnection connection =
        new FakeConnection(
            new Handler() {
              @Override
              public void onMessage(Connection ignored, Message message) {}

              @Override
              public void onClose(Connection ignored, CloseReason reason) {
                order.add("onClose");
              }
            });
    connection.open();
    connection.closed().thenAccept(reason -> order.add("first " + reason.code()));
    connection.closed().thenAccept(reason -> order.add("second " + reason.code()));
    assertThat(order).isEmpty();
    connection.end(NORMAL);
    connection.closed().thenAccept(reason -> order.add("late " + reason.code()));

    assertThat(order)
        .startsWith("onClose")
        .contains("first 1000", "second 1000")
        .endsWith("late 1000");
  }

  @Test
  void nobodyElseCanCompleteTheFuture() {
    FakeConnection connection = new FakeConnection(new Script());
    connection.open();
    CompletableFuture<CloseReason> other = connection.closed().toCompletableFuture();
    CompletableFuture<CloseReason> early = connection.closed().toCompletableFuture();
    early.complete(INTERNAL);
    connection.end(NORMAL);

    assertThat(other).isCompletedWithValue(NORMAL);
  }

  @Test
  void closeWithoutACodeIsNormal() {
    FakeConnection connection = new FakeConnection(new Script());
    connection.close();

    assertThat(connection.closes).containsExactly("1000 ");
  }

  @ParameterizedTest
  @ValueSource(ints = {1000, 1003, 1007, 1014, 3000, 4999})
  void takesCodesThatMayBeSent(int code) {
    FakeConnection connection = new FakeConnection(new Script());
    connection.close(code, "why");

    assertThat(connection.closes).containsExactly(code + " why");
  }

  /** RFC 6455 7.4. */
  @ParameterizedTest
  @ValueSource(ints = {-1, 0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65536 + 1000})
  void refusesCodesThatMayNot(int code) {
    FakeConnection connection = new FakeConnection(new Script());

    assertThatIllegalArgumentException()
        .isThrownBy(() -> connection.close(code, ""))
        .withMessageContaining("code=" + code + ",")
        .withMessageContaining("limits=");
    assertThat(connection.closes).isEmpty();
  }

  /** RFC 6455 5.5: a control frame has at most 125 bytes, two of which are the code. */
  @Test
  void countsTheReasonInBytesOfUtf8() {
    FakeConnection connection = new FakeConnection(new Script());
    String longest = "\uD83D\uDE00".repeat(30) + "xyz";
    connection.close(1000, longest);
    connection.close(1000, "\u20AC".repeat(41));
    connection.close(1000, "\u00E9".repeat(61) + "x");

    assertThat(connection.closes).hasSize(3);
    for (String tooLong : List.of(longest + "x", "\u20AC".repeat(41) + "x", "x".repeat(124))) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> connection.close(1000, tooLong))
          .withMessage("close reason too long: length=124, limit=123");
    }
  }

  @Test
  void refusesALoneSurrogateInTheReason() {
    FakeConnection connection = new FakeConnection(new Script());

    for (String reason : List.of("ab\uD83D", "ab\uDE00", "ab\uD83Dc", "ab\uDE00\uD83D")) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> connection.close(1000, reason))
          .withMessage("lone surrogate in close reason: index=2");
    }
  }

  @Test
  void keepsAnAttachmentWithItsType() {
    FakeConnection connection = new FakeConnection(new Script());
    assertThat(connection.attachment()).isNull();
    assertThatIllegalStateException().isThrownBy(() -> connection.attachment(String.class));

    connection.attach("tied");

    assertThat(connection.attachment(String.class)).isEqualTo("tied");
    assertThatThrownBy(() -> connection.attachment(Integer.class))
        .isInstanceOf(ClassCastException.class);
  }

  @Test
  void givesItsPlaceBackOnceAndBeforeOnClose() {
    List<String> calls = new ArrayList<>();
    Handler handler =
        new Handler() {
          @Override
          public void onMessage(Connection connection, Message message) {}

          @Override
          public void onClose(Connection connection, CloseReason reason) {
            calls.add("onClose");
          }
        };
    CountedHandshake counted = new CountedHandshake(() -> calls.add("release"), null);
    FakeConnection connection = new FakeConnection(handler, counted);
    connection.open();
    assertThat(calls).isEmpty();
    connection.end(NORMAL);
    connection.end(INTERNAL);
    assertThat(calls).containsExactly("release", "onClose");

    FakeConnection unopened = new FakeConnection(handler, counted);
    unopened.end(NORMAL);
    assertThat(calls).containsExactly("release", "onClose", "release");
  }

  @Test
  void isShownWithItsPathAndThePeerThatIsNamed() {
    Script script = new Script();
    assertThat(new FakeConnection(script)).hasToString("Connection[id=42, path=/fake]");
    assertThat(new FakeConnection(script, new CountedHandshake(() -> {}, null)))
        .hasToString("Connection[id=42, path=/counted]");
    assertThat(new FakeConnection(script, new CountedHandshake(() -> {}, "ada")))
        .hasToString("Connection[id=42, path=/counted, peer=ada]");
    assertThat(new FakeConnection(script, new FakeHandshake("/a\u0085b")).toString())
        .contains("path=/a\\u0085b]");
  }
}
