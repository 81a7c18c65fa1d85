// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.Message;
import dev.millrace.internal.spi.Errno;
import dev.millrace.internal.spi.MessageVerifier;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;

/** The walk of {@code native/verify}, over messages where they lie. */
final class NativeMessageVerifier implements MessageVerifier {
  /** It has no state: schemas are kept by the core. */
  static final NativeMessageVerifier INSTANCE = new NativeMessageVerifier();

  private NativeMessageVerifier() {}

  @Override
  public int load(byte[] bfbs, int maxDepth, int maxTables, boolean checkUtf8) {
    ByteBuffer copy = ByteBuffer.allocateDirect(bfbs.length).put(bfbs);
    int handle = NativeCalls.loadSchema(copy, bfbs.length, maxDepth, maxTables, checkUtf8);
    Reference.reachabilityFence(copy);
    if (handle == -Errno.EMFILE || handle == -Errno.ENOMEM) {
      return FULL;
    }
    if (handle < 0) {
      throw new IllegalArgumentException(
          "the core does not take the schema: length="
              + bfbs.length
              + ", maxDepth="
              + maxDepth
              + ", maxTables="
              + maxTables
              + ", errno="
              + -handle);
    }
    return handle;
  }

  @Override
  public boolean accepts(int handle, Message message) {
    int fault;
    if (message instanceof NativeMessage received) {
      received.requireValid();
      fault = NativeCalls.verify(handle, received.address(), received.payloadLength());
    } else if (message instanceof QueuedMessage queued) {
      queued.requireValid();
      fault = NativeCalls.verify(handle, queued.address(), queued.payloadLength());
    } else {
      throw new IllegalArgumentException("no message of the native engine: " + message.getClass());
    }
    Reference.reachabilityFence(message);
    if (fault < 0) {
      throw new IllegalStateException(
          "no such schema or message: schema=" + handle + ", errno=" + -fault);
    }
    return fault == 0;
  }

  @Override
  public void forget(int handle) {
    NativeCalls.forgetSchema(handle);
  }
}
