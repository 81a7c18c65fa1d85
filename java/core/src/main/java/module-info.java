// SPDX-License-Identifier: Apache-2.0

/**
 * WebSocket for Java with its I/O in a C++ core: the API, the Java half of the native engine, and
 * an engine in Java alone.
 *
 * <p>Start at {@link dev.millrace.Server}.
 */
@SuppressWarnings("module") // the one named in "to" is compiled later
module dev.millrace {
  requires jdk.net;
  requires static jdk.jfr;
  requires static transitive org.jspecify;

  exports dev.millrace;
  // Typed messages read where a message lies, and build in leases that grow.
  exports dev.millrace.internal.spi to
      dev.millrace.flatbuffers;

  uses dev.millrace.internal.spi.EngineProvider;

  provides dev.millrace.internal.spi.EngineProvider with
      dev.millrace.internal.jni.NativeEngineProvider,
      dev.millrace.internal.nio.NioEngineProvider;
}
