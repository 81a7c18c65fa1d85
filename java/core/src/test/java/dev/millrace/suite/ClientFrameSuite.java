// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.millrace.Client;
import dev.millrace.CloseCode;
import dev.millrace.CloseReason;
import dev.millrace.CloseReason.Initiator;
import dev.millrace.Connection;
import dev.millrace.Message;
import dev.millrace.Server;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The frames of {@link BadFrameSuite} with the roles turned: a server writes them without masks,
 * and with one where a client must not leave it out.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
public abstract class ClientFrameSuite extends ClientEngineSuite {

  private static final int MAX_CUTS = 40;

  private Client client;
  private ScriptedServer server;
  private Server turns;
  private Connection probe;

  private static final class Echo extends Recorder {
    @Override
    public void onMessage(Connection connection, Message message) throws Exception {
      super.onMessage(connection, message);
      ECHO.onMessage(connection, message);
    }
  }

  @BeforeAll
  final void startClient() throws Exception {
    client = client().build();
    server = ScriptedServer.start();
    turns = server().route("/", ECHO).start();
    probe = connect(client, address(turns), new Recorder());
  }

  @AfterAll
  final void stopClient() throws Exception {
    server.close();
    client.close();
    turns.close();
  }

  static Stream<Arguments> badStreams() {
    return BadFrameSuite.badStreams();
  }

  private ScriptedServer.Accepted open(Recorder recorder) throws Exception {
    CompletionStage<Connection> opening = client.connect(server.uri(), recorder);
    ScriptedServer.Accepted accepted = server.upgrade();
    Deadline.await(opening, "the connection");
    return accepted;
  }

  private static byte[] behindAnEcho(byte[] bad) {
    return Frame.turned(Frame.join(Frame.text("before").bytes(), Frame.ping("p").bytes(), bad));
  }

  private static void expectRefusal(ScriptedServer.Accepted accepted, Recorder recorder, int code)
      throws Exception {
    accepted.expectEchoAndPong("before", "p");
    accepted.expectClose(code);
    accepted.close(); // the server closes first (RFC 6455 7.1.1)
    CloseReason reason = recorder.awaitClose();
    assertEquals(code, reason.code());
    assertEquals(Initiator.LOCAL, reason.initiator());
    assertEquals(1, recorder.deliveries(), "deliveries: " + recorder.order());
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("badStreams")
  void ruleBroken(byte[] stream, int code) throws Exception {
    Recorder recorder = new Echo();
    ScriptedServer.Accepted accepted = open(recorder);
    accepted.write(behindAnEcho(stream));
    expectRefusal(accepted, recorder, code);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("badStreams")
  void ruleBrokenAndMoreBehindIt(byte[] stream, int code) throws Exception {
    byte[] behind =
        RawClient.bytesOf(Frame.text("behind"), Frame.ping("behind"), Frame.close(1000, "behind"));
    Recorder recorder = new Echo();
    ScriptedServer.Accepted accepted = open(recorder);
    accepted.write(Frame.join(behindAnEcho(stream), Frame.turned(behind)));
    expectRefusal(accepted, recorder, code);
  }

  /** Cut at each byte, each on a connection of its own, a turn of the loop between the parts. */
  @ParameterizedTest(name = "{0}")
  @MethodSource("badStreams")
  void ruleBrokenAndCut(byte[] bad, int code) throws Exception {
    byte[] stream = behindAnEcho(bad);
    int first = behindAnEcho(new byte[0]).length;
    int last = Math.min(stream.length, first + MAX_CUTS);
    List<ScriptedServer.Accepted> all = new ArrayList<>();
    List<Recorder> recorders = new ArrayList<>();
    for (int cut = first; cut < last; cut++) {
      Recorder recorder = new Echo();
      all.add(open(recorder).write(stream, 0, cut));
      recorders.add(recorder);
    }
    awaitTurn(probe);
    for (int i = 0; i < all.size(); i++) {
      all.get(i).write(stream, first + i, stream.length);
    }
    for (int i = 0; i < all.size(); i++) {
      expectRefusal(all.get(i), recorders.get(i), code);
    }
  }

  @Test
  void rfc6455_5_1_aServerThatMasksIsLeft() throws Exception {
    Recorder recorder = new Echo();
    ScriptedServer.Accepted accepted = open(recorder);
    accepted.write(Frame.text("masked").bytes());
    accepted.expectClose(CloseCode.PROTOCOL_ERROR);
    accepted.close();

    assertEquals(CloseCode.PROTOCOL_ERROR, recorder.awaitClose().code());
    assertEquals(0, recorder.deliveries());
  }

  @Test
  void badServerHarmsNobodyElse() throws Exception {
    Recorder good = new Echo();
    ScriptedServer.Accepted accepted = open(good);
    accepted.write(Frame.text("half ").unfinished());
    ScriptedServer.Accepted bad = open(new Echo());
    bad.write(Frame.of(3, new byte[0]));
    bad.expectClose(CloseCode.PROTOCOL_ERROR);
    bad.close();
    accepted.write(Frame.continuation("done".getBytes("UTF-8")));
    accepted.expectText("half done");
    accepted.close();
  }
}
