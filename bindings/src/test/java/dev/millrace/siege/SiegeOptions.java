// SPDX-License-Identifier: Apache-2.0
package dev.millrace.siege;

import dev.millrace.Engine;
import java.util.List;
import java.util.Locale;

/**
 * What a siege is made of.
 *
 * @param engines the servers
 * @param attacks in this order
 * @param seconds each attack lasts
 * @param connections hostile ones of each attack
 * @param isShort whether memory, counts and liveness alone are judged, and nothing runs unpaced
 */
record SiegeOptions(
    List<Engine> engines, List<Attack> attacks, double seconds, int connections, boolean isShort) {

  /** What a process may open, less what it needs otherwise. */
  private static final int MAX_CONNECTIONS = 15_000;

  static SiegeOptions parse(String... arguments) {
    SiegeOptions options =
        new SiegeOptions(
            List.of(Engine.NATIVE, Engine.JAVA), List.of(Attack.values()), 5, 1_000, false);
    for (int i = 0; i + 1 < arguments.length; i += 2) {
      options = options.with(arguments[i], arguments[i + 1]);
    }
    return options;
  }

  private SiegeOptions with(String option, String value) {
    return switch (option) {
      case "--engine" ->
          new SiegeOptions(List.of(engine(value)), attacks, seconds, connections, isShort);
      case "--attack" ->
          new SiegeOptions(engines, List.of(Attack.of(value)), seconds, connections, isShort);
      case "--seconds" ->
          new SiegeOptions(engines, attacks, number(option, value, 3_600), connections, isShort);
      case "--connections" ->
          new SiegeOptions(
              engines, attacks, seconds, number(option, value, MAX_CONNECTIONS), isShort);
      default -> throw new IllegalArgumentException("unknown option " + option);
    };
  }

  private static Engine engine(String name) {
    if (!name.equals("native") && !name.equals("java")) {
      throw new IllegalArgumentException("--engine is native or java, not " + name);
    }
    return Engine.valueOf(name.toUpperCase(Locale.ROOT));
  }

  private static int number(String option, String value, int highest) {
    int number;
    try {
      number = Integer.parseInt(value);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(option + " is no number: " + value, e);
    }
    if (number < 1 || number > highest) {
      throw new IllegalArgumentException(
          option + " out of range: value=" + value + ", limits=1.." + highest);
    }
    return number;
  }
}
