// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks.jmh;

import dev.millrace.internal.ring.CommandWriter;
import dev.millrace.internal.ring.EventReader;
import dev.millrace.internal.ring.Records;
import java.nio.ByteBuffer;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/**
 * The records between Java and the core, 256 a turn. The time is that of one record. Each answers a
 * sum over all fields that it wrote or read.
 */
@State(Scope.Thread)
public class RingBenchmark extends Microbenchmark {
  static final int RECORDS = 256;
  private static final int GENERATION = 7;
  private static final int LENGTH = 64;

  private final ByteBuffer control = ByteBuffer.allocateDirect(Records.BUFFERED_OFFSET);
  private final long address = NativeKernels.address(control);
  private final CommandWriter commands = new CommandWriter(control);
  private final EventReader events = new EventReader(control);

  /** Leaves events for {@link #readEvents}. */
  @Setup
  public void turn() {
    writeCommands();
    NativeKernels.echo(address, RECORDS);
  }

  @Benchmark
  @OperationsPerInvocation(RECORDS)
  public int writeCommands() {
    commands.reset();
    for (int slot = 0; slot < RECORDS; slot++) {
      write(slot);
    }
    return commands.count();
  }

  @Benchmark
  @OperationsPerInvocation(RECORDS)
  public long readEvents() {
    return read(RECORDS);
  }

  /**
   * A turn: writes commands, one call in which the core reads them and writes events, reads those.
   */
  @Benchmark
  @OperationsPerInvocation(RECORDS)
  public long turnOf256() {
    writeCommands();
    return read(NativeKernels.echo(address, RECORDS));
  }

  /** The same with one command: the call is not shared. */
  @Benchmark
  public long turnOf1() {
    commands.reset();
    write(0);
    return read(NativeKernels.echo(address, commands.count()));
  }

  /** Without rings: a native call for each command, its fields as arguments, and no event back. */
  @Benchmark
  @OperationsPerInvocation(RECORDS)
  public long callPerCommand() {
    long sum = 0;
    for (int slot = 0; slot < RECORDS; slot++) {
      sum +=
          NativeKernels.send(
              Records.BINARY, Records.OWNED, slot, GENERATION, place(slot), LENGTH, slot);
    }
    return sum;
  }

  private void write(int slot) {
    commands.send(Records.BINARY, Records.OWNED, slot, GENERATION, place(slot), LENGTH, slot);
  }

  private long read(int count) {
    long sum = 0;
    for (int index = 0; index < count; index++) {
      events.wrap(index);
      sum +=
          events.type()
              + events.opcode()
              + events.flags()
              + events.slot()
              + events.generation()
              + events.address()
              + events.length()
              + events.auxiliary();
    }
    return sum;
  }

  private static long place(int slot) {
    return Records.address(1, (long) slot << 8);
  }
}
