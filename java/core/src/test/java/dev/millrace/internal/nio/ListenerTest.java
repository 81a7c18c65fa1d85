// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.millrace.ListenException;
import dev.millrace.SocketOptions;
import dev.millrace.internal.spi.ListenAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ListenerTest {

  private static Listener open(String address) throws ListenException {
    return Listener.open(
        ListenAddress.parse(address), SocketOptions.defaults(), Listener.Sharing.ALONE);
  }

  @Test
  void anAbstractNameIsOneSentenceThatNamesTheWayOut() {
    assertThatThrownBy(() -> open("ws+unix:@name"))
        .isInstanceOf(ListenException.class)
        .hasMessage(
            "cannot listen on ws+unix:@name: abstract names need the native engine; use"
                + " ws+unix:///PATH");
  }

  @Test
  void theFileGoesWithTheListener(@TempDir Path folder) throws Exception {
    Path file = folder.resolve("s");
    Listener listener = open("ws+unix://" + file);
    assertThat(file).exists();
    assertThat(listener.port()).isZero();
    listener.close();
    listener.close();
    assertThat(file).doesNotExist();
  }

  @Test
  void aFileThatIsNoSocketIsLeftAlone(@TempDir Path folder) throws Exception {
    Path file = Files.createFile(folder.resolve("s"));
    assertThatThrownBy(() -> open("ws+unix://" + file))
        .isInstanceOf(ListenException.class)
        .hasMessageContaining("address in use");
    assertThat(file).isRegularFile();
  }

  @Test
  void aPortIsToldAndGivenBack() throws Exception {
    Listener listener = open("ws://127.0.0.1:0");
    int port = listener.port();
    assertThat(port).isPositive();
    assertThatThrownBy(() -> open("ws://127.0.0.1:" + port)).hasMessageContaining("address in use");
    listener.close();
    open("ws://127.0.0.1:" + port).close();
  }
}
