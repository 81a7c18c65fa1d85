// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

/** A thread whose failure is the failure of whoever joins it. */
public final class Task {

  /** What a task does. */
  public interface Body {
    void run() throws Exception;
  }

  private final Thread thread;
  private volatile Throwable failure;

  private Task(String name, Body body) {
    thread =
        new Thread(
            () -> {
              try {
                body.run();
              } catch (Throwable thrown) {
                failure = thrown;
              }
            },
            name);
  }

  public static Task start(String name, Body body) {
    Task task = new Task(name, body);
    task.thread.start();
    return task;
  }

  public void join() throws Exception {
    Deadline.join(thread);
    if (failure != null) {
      throw new AssertionError(thread.getName() + ": " + failure.getMessage(), failure);
    }
  }
}
