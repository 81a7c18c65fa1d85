// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a process may use, as files of a kernel say that a test plays. */
class MemoryCeilingTest {
  @TempDir Path root;

  private void write(String file, String content) throws IOException {
    Path path = root.resolve(file);
    Files.createDirectories(path.getParent());
    Files.writeString(path, content + "\n");
  }

  @BeforeEach
  void machineOf64Gibibytes() throws IOException {
    write("proc/meminfo", "MemTotal:       67108864 kB\nMemFree:        1 kB");
  }

  private long mebibytes() {
    return MemoryCeiling.available(root) >> 20;
  }

  @Test
  void machineIsTheLimitWhereNobodySetsOne() throws IOException {
    assertThat(mebibytes()).isEqualTo(65_536);
    write("proc/self/cgroup", "0::/user.slice");
    write("sys/fs/cgroup/user.slice/memory.max", "max");
    assertThat(mebibytes()).isEqualTo(65_536);
  }

  @Test
  void groupOfTheProcessAndThoseAboveIt() throws IOException {
    write("proc/self/cgroup", "0::/system.slice/x.service");
    write("sys/fs/cgroup/system.slice/x.service/memory.max", "536870912");
    assertThat(mebibytes()).isEqualTo(512);
    write("sys/fs/cgroup/system.slice/memory.max", "268435456");
    assertThat(mebibytes()).isEqualTo(256);
    write("sys/fs/cgroup/system.slice/memory.max", "max");
    assertThat(mebibytes()).isEqualTo(512);
  }

  @Test
  void containerSeesItsOwnGroupAsTheRoot() throws IOException {
    write("proc/self/cgroup", "0::/");
    write("sys/fs/cgroup/memory.max", "1073741824");
    assertThat(mebibytes()).isEqualTo(1024);
    write("proc/self/cgroup", "0::/../../elsewhere");
    assertThat(mebibytes()).isEqualTo(1024);
  }

  @Test
  void versionOne() throws IOException {
    write("proc/self/cgroup", "3:cpu,cpuacct:/a\n2:memory:/docker/b\n1:name=systemd:/c");
    write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712");
    assertThat(mebibytes()).isEqualTo(65_536);
    write("sys/fs/cgroup/memory/docker/b/memory.limit_in_bytes", "134217728");
    write("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "1048576");
    assertThat(mebibytes()).isEqualTo(128);
  }
}
