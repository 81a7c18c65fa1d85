// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

/** Which implementation carries a server; see {@link Server.Builder#engine}. */
public enum Engine {
  /** The native engine where its library loads, else the Java engine; a log line says which. */
  AUTO,
  /** The C++ core over JNI. */
  NATIVE,
  /** NIO, without native code: what every JDK runs. */
  JAVA
}
