// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import java.io.IOException;
import java.net.BindException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What the numbers of failed system calls mean, in words that are the same in every engine. The
 * numbers are those of Linux.
 */
public final class Errno {
  public static final int EPERM = 1;
  public static final int ENOENT = 2;
  public static final int EIO = 5;
  public static final int EBADF = 9;
  public static final int ENOMEM = 12;
  public static final int EACCES = 13;
  public static final int EEXIST = 17;
  public static final int ENOTDIR = 20;
  public static final int EINVAL = 22;
  public static final int ENFILE = 23;
  public static final int EMFILE = 24;
  public static final int EROFS = 30;
  public static final int EPIPE = 32;
  public static final int ENAMETOOLONG = 36;
  public static final int EMSGSIZE = 90;
  public static final int EAFNOSUPPORT = 97;
  public static final int EADDRINUSE = 98;
  public static final int EADDRNOTAVAIL = 99;
  public static final int ENETUNREACH = 101;
  public static final int ECONNABORTED = 103;
  public static final int ECONNRESET = 104;
  public static final int ENOBUFS = 105;
  public static final int ETIMEDOUT = 110;
  public static final int ECONNREFUSED = 111;
  public static final int EHOSTUNREACH = 113;

  /** What C libraries and the JDK say, in lower case; the longer before what it contains. */
  private static final List<Saying> SAYINGS =
      List.of(
          new Saying("connection reset", ECONNRESET),
          new Saying("forcibly closed", ECONNRESET),
          new Saying("broken pipe", EPIPE),
          new Saying("connection abort", ECONNABORTED),
          new Saying("connection was aborted", ECONNABORTED),
          new Saying("connection timed out", ETIMEDOUT),
          new Saying("connection refused", ECONNREFUSED),
          new Saying("network is unreachable", ENETUNREACH),
          new Saying("no route to host", EHOSTUNREACH),
          new Saying("too many open files in system", ENFILE),
          new Saying("too many open files", EMFILE),
          new Saying("address already in use", EADDRINUSE),
          new Saying("permission denied", EACCES),
          new Saying("operation not permitted", EPERM),
          new Saying("assign requested address", EADDRNOTAVAIL),
          new Saying("no such file", ENOENT),
          new Saying("not a directory", ENOTDIR),
          new Saying("file exists", EEXIST),
          new Saying("read-only file system", EROFS),
          new Saying("name too long", ENAMETOOLONG),
          new Saying("too long", EMSGSIZE),
          new Saying("no buffer space", ENOBUFS),
          new Saying("cannot allocate memory", ENOMEM),
          new Saying("address family not supported", EAFNOSUPPORT),
          new Saying("protocol family", EAFNOSUPPORT));

  private record Saying(String text, int errno) {}

  private Errno() {}

  /** A few words, such as {@code permission denied}. */
  public static String text(int errno) {
    return switch (errno) {
      case EPERM -> "operation not permitted";
      case ENOENT -> "no such file or directory";
      case EIO -> "input or output error";
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
      case ECONNREFUSED -> "connection refused";
      case ENETUNREACH -> "network unreachable";
      case EHOSTUNREACH -> "no route to host";
      default -> "system error";
    };
  }

  /**
   * The number of a failure that came as an exception, by what the system says of it: Java has no
   * other sign of it. {@link #EIO} where that is in no language we know.
   */
  public static int of(IOException failure) {
    if (failure instanceof NoSuchFileException) {
      return ENOENT;
    }
    if (failure instanceof AccessDeniedException) {
      return EACCES;
    }
    String said = String.valueOf(failure.getMessage()).toLowerCase(Locale.ROOT);
    for (Saying saying : SAYINGS) {
      if (said.contains(saying.text)) {
        return saying.errno;
      }
    }
    return failure instanceof BindException ? EADDRINUSE : EIO;
  }

  /** What a connection died of, or null for 0. */
  public static @Nullable IOException failure(int errno) {
    return errno == 0 ? null : new IOException(text(errno) + ": errno=" + errno);
  }
}
