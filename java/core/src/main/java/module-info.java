// SPDX-License-Identifier: Apache-2.0

/**
 * WebSocket for Java with its I/O in a C++ core: the API, the Java half of the native engine, and
 * an engine in Java alone.
 *
 * <p>Start at {@link dev.millrace.Server}.
 */
module dev.millrace {
  requires jdk.net;
  requires static transitive org.jspecify;

  exports dev.millrace;

  uses dev.millrace.internal.spi.EngineProvider;

  provides dev.millrace.internal.spi.EngineProvider with
      dev.millrace.internal.jni.NativeEngineProvider,
      dev.millrace.internal.nio.NioEngineProvider;
}
