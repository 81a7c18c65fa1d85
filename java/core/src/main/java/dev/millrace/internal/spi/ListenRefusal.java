// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import dev.millrace.ListenException;
import dev.millrace.SocketOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * An address that could not be listened on, and what to do about it.
 *
 * @param address where
 * @param options what was asked for
 * @param errno why, in Linux's numbers
 */
public record ListenRefusal(ListenAddress address, SocketOptions options, int errno) {
  private static final Path SETTINGS = Path.of("/proc/sys/net");

  /** One sentence with the remedy. */
  public ListenException exception() {
    return exception(Errno.failure(errno));
  }

  /** As {@link #exception()}, with what the system said. */
  public ListenException exception(@Nullable IOException cause) {
    return new ListenException(
        address.uri(), "cannot listen on " + address.uri() + ": " + reason(), cause);
  }

  private String reason() {
    return address.tcp() != null ? tcpReason() : localReason();
  }

  private String tcpReason() {
    String congestionControl = options.congestionControl().orElse("");
    // The core says ENOENT and EPERM of TCP for this option only.
    return switch (errno) {
      case Errno.ENOENT ->
          "no such congestion control: congestionControl="
              + congestionControl
              + setting(", available=", "ipv4/tcp_available_congestion_control");
      case Errno.EPERM ->
          "congestion control not allowed for this user: congestionControl="
              + congestionControl
              + setting(", allowed=", "ipv4/tcp_allowed_congestion_control");
      case Errno.EADDRINUSE ->
          text() + "; stop what listens there, or choose another port (0 lets the system choose)";
      case Errno.EACCES -> text() + "; ports below 1024 need a privilege: choose a higher one";
      case Errno.EADDRNOTAVAIL -> text() + "; 0.0.0.0 or [::] means every address of this machine";
      case Errno.EAFNOSUPPORT ->
          text() + "; choose an address of the other family, such as 0.0.0.0";
      default -> commonReason();
    };
  }

  private String localReason() {
    return switch (errno) {
      case Errno.EADDRINUSE ->
          text()
              + (address.abstractName() == null
                  ? "; stop what listens there, remove the file if it is none of ours, or choose"
                      + " another path"
                  : "; stop what listens there, or choose another name");
      case Errno.EEXIST ->
          "a socket file of another user is there; remove it, or choose another path";
      case Errno.EACCES, Errno.EPERM -> text() + "; choose a folder in which this user may write";
      case Errno.ENOENT, Errno.ENOTDIR, Errno.EROFS ->
          text() + "; choose a folder that exists and can be written";
      case Errno.ENAMETOOLONG -> text() + "; choose a shorter path";
      default -> commonReason();
    };
  }

  private String commonReason() {
    return switch (errno) {
      case Errno.EMSGSIZE ->
          "buffer larger than the system allows: receiveBufferBytes="
              + options.receiveBufferBytes()
              + ", sendBufferBytes="
              + options.sendBufferBytes()
              + setting(", net.core.rmem_max=", "core/rmem_max")
              + setting(", net.core.wmem_max=", "core/wmem_max")
              + "; ask for less, or raise the system's limit";
      case Errno.EMFILE, Errno.ENFILE -> text() + "; raise the limit of open files (ulimit -n)";
      default -> text() + ", errno=" + errno;
    };
  }

  private String text() {
    return Errno.text(errno);
  }

  /** A setting of the system; nothing where it does not tell, as in some containers. */
  private static String setting(String prefix, String name) {
    try {
      return prefix + Files.readString(SETTINGS.resolve(name)).strip();
    } catch (IOException untold) {
      return "";
    }
  }
}
