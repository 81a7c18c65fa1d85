// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * What the numbers mean that the core reports, in words, without going back to it. The numbers are
 * those of Linux.
 */
final class Errno {
  static final int EPERM = 1;
  static final int ENOENT = 2;
  static final int EBADF = 9;
  static final int ENOMEM = 12;
  static final int EACCES = 13;
  static final int EEXIST = 17;
  static final int ENOTDIR = 20;
  static final int EINVAL = 22;
  static final int ENFILE = 23;
  static final int EMFILE = 24;
  static final int EROFS = 30;
  static final int EPIPE = 32;
  static final int ENAMETOOLONG = 36;
  static final int EMSGSIZE = 90;
  static final int EAFNOSUPPORT = 97;
  static final int EADDRINUSE = 98;
  static final int EADDRNOTAVAIL = 99;
  static final int ECONNABORTED = 103;
  static final int ECONNRESET = 104;
  static final int ENOBUFS = 105;
  static final int ETIMEDOUT = 110;

  private Errno() {}

  /** A few words, such as {@code permission denied}. */
  static String text(int errno) {
    return switch (errno) {
      case EPERM -> "operation not permitted";
      case ENOENT -> "no such file or directory";
      case EBADF -> "bad descriptor";
      case ENOMEM -> "no memory left";
      case EACCES -> "permission denied";
      case EEXIST -> "file exists";
      case ENOTDIR -> "not a directory";
      case EINVAL -> "invalid argument";
      case ENFILE -> "too many open files in the system";
      case EMFILE -> "too many open files in this process";
      case EROFS -> "read-only file system";
      case EPIPE -> "broken pipe";
      case ENAMETOOLONG -> "name too long";
      case EMSGSIZE -> "too long";
      case EAFNOSUPPORT -> "address family not supported";
      case EADDRINUSE -> "address in use";
      case EADDRNOTAVAIL -> "address not of this machine";
      case ECONNABORTED -> "connection aborted";
      case ECONNRESET -> "connection reset by peer";
      case ENOBUFS -> "no buffer space left";
      case ETIMEDOUT -> "connection timed out";
      default -> "system error";
    };
  }

  /** What a connection died of, or null for 0. */
  static @Nullable IOException failure(int errno) {
    return errno == 0 ? null : new IOException(text(errno) + ": errno=" + errno);
  }
}
