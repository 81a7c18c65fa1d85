// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.ring;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * Who wakes a sleeping loop: exactly one producer, and none when the loop is awake.
 *
 * <pre>
 *   loop                                producer
 *   sleeping = 1                        publish the work
 *   full fence                          full fence
 *   look for work once more             if sleeping == 1 and this thread swaps it to 0
 *   none: wait                              wake the loop
 *   sleeping = 0
 * </pre>
 *
 * Each side writes, then fences, then reads what the other wrote. So either the loop sees the work,
 * or the producer sees that the loop may be asleep (Dekker); both seeing it costs one spurious
 * wake.
 */
public final class SleepProtocol {
  private static final VarHandle SLEEPING;

  static {
    try {
      SLEEPING = MethodHandles.lookup().findVarHandle(SleepProtocol.class, "sleeping", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  @SuppressWarnings("unused") // through SLEEPING
  private int sleeping;

  /** Loop: announces that it is about to wait. It must look for work once more after this. */
  public void announce() {
    SLEEPING.setOpaque(this, 1);
    VarHandle.fullFence();
  }

  /** Loop: it does not wait any more. */
  public void awake() {
    SLEEPING.setOpaque(this, 0);
  }

  /** Producer, after publishing: true when the caller must wake the loop. */
  public boolean claimWake() {
    VarHandle.fullFence();
    return (int) SLEEPING.getOpaque(this) == 1 && SLEEPING.compareAndSet(this, 1, 0);
  }
}
