// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import dev.millrace.Connection;
import dev.millrace.Handler;

/**
 * Whether a handler has an {@code onDropped} of its own. Most have none, and nobody wakes a loop,
 * or gives an executor a turn, to call what does nothing.
 */
public final class OnDropped {
  private static final ClassValue<Boolean> OF_HANDLERS =
      new ClassValue<>() {
        @Override
        protected Boolean computeValue(Class<?> type) {
          return isOverridden(type, Handler.class);
        }
      };

  private OnDropped() {}

  static boolean isOverriddenBy(Handler handler) {
    return OF_HANDLERS.get(handler.getClass());
  }

  /**
   * Whether a class has another one than the interface.
   *
   * @param type the handler's class
   * @param declaring the interface whose method does nothing
   * @return true if a call does more than nothing
   */
  public static boolean isOverridden(Class<?> type, Class<?> declaring) {
    try {
      return type.getMethod("onDropped", Connection.class, long.class).getDeclaringClass()
          != declaring;
    } catch (NoSuchMethodException e) {
      throw new IllegalArgumentException("no handler: " + type, e);
    }
  }
}
