// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite.misuse;

import dev.millrace.Batching;
import dev.millrace.Lease;
import dev.millrace.LoopStatistics;
import dev.millrace.Message;
import dev.millrace.SendOptions;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;

/**
 * Arguments for any parameter, likely and hostile ones. What is sent bears the letter of its pair.
 */
final class Arguments {
  private static final Set<Class<?>> MADE =
      Set.of(
          Message.class,
          Lease.class,
          List.class,
          ByteBuffer.class,
          CharSequence.class,
          String.class,
          int.class,
          long.class,
          boolean.class,
          Duration.class,
          Runnable.class,
          SendOptions.class,
          SendOptions.Policy.class,
          Batching.class,
          Class.class,
          Object.class,
          LoopStatistics.class);

  private static final int[] INTS = {
    0,
    1,
    2,
    7,
    100,
    255,
    256,
    1000,
    1001,
    1005,
    1006,
    3000,
    4999,
    5000,
    70_000,
    1 << 20,
    (256 << 20) + 1,
    -1,
    Integer.MAX_VALUE,
    Integer.MIN_VALUE
  };
  private static final long[] LONGS = {
    0, 1, 2, 3, 10, 1000, 1 << 20, -1, Long.MAX_VALUE, Long.MIN_VALUE
  };
  private static final int[] LENGTHS = {0, 1, 2, 10, 60, 125, 126, 300, 1500, 5000};
  private static final int LONG_LENGTH = 70_000;
  private static final Duration[] DURATIONS = {
    Duration.ZERO,
    Duration.ofNanos(1),
    Duration.ofMillis(1),
    Duration.ofMillis(-1),
    Duration.ofSeconds(Long.MAX_VALUE),
    Duration.ofSeconds(Long.MIN_VALUE)
  };

  private final Random random;
  private final Objects objects;
  private final char letter;
  private final Message message;
  private final long messageOrigins;

  /** Bits of the pairs whose bytes are among what was made. */
  private long origins;

  /**
   * Arguments of one call.
   *
   * @param letter what the sent bytes consist of
   * @param message one that is valid where it is called, or null
   * @param messageOrigins a bit for each pair whose bytes that may hold
   */
  Arguments(Random random, Objects objects, char letter, Message message, long messageOrigins) {
    this.random = random;
    this.objects = objects;
    this.letter = letter;
    this.message = message;
    this.messageOrigins = messageOrigins;
  }

  static boolean canMake(Class<?> type) {
    return MADE.contains(type);
  }

  static boolean isOrHoldsNull(Object argument) {
    return argument == null
        || argument instanceof List<?> list && list.stream().anyMatch(java.util.Objects::isNull);
  }

  long origins() {
    return origins;
  }

  Object make(Class<?> type) {
    if (!type.isPrimitive() && random.nextInt(20) == 0) {
      return null;
    }
    if (type == Message.class) {
      return message();
    } else if (type == Lease.class) {
      return lease();
    } else if (type == List.class) {
      return leases();
    } else if (type == ByteBuffer.class) {
      return bytes();
    } else if (type == CharSequence.class) {
      return text();
    } else if (type == String.class) {
      return string();
    } else if (type == int.class) {
      return INTS[random.nextInt(INTS.length)];
    } else if (type == long.class) {
      return LONGS[random.nextInt(LONGS.length)];
    } else if (type == boolean.class) {
      return random.nextBoolean();
    } else if (type == Duration.class) {
      return DURATIONS[random.nextInt(DURATIONS.length)];
    } else if (type == Runnable.class) {
      return task();
    } else if (type == SendOptions.class) {
      return options();
    } else if (type == SendOptions.Policy.class) {
      return policy();
    } else if (type == Batching.class) {
      return batching();
    } else if (type == Class.class) {
      return random.nextBoolean() ? String.class : Integer.class;
    } else if (type == Object.class) {
      return "attached";
    } else if (type == LoopStatistics.class) {
      return new LoopStatistics();
    }
    throw new AssertionError("no argument for " + type);
  }

  private int length() {
    return random.nextInt(200) == 0 ? LONG_LENGTH : LENGTHS[random.nextInt(LENGTHS.length)];
  }

  private Message message() {
    if (message != null && random.nextInt(3) != 0) {
      origins |= messageOrigins;
      return message;
    }
    return objects.message(random.nextInt());
  }

  private Lease lease() {
    Objects.Held held = objects.lease(random.nextInt());
    if (held == null) {
      return null;
    }
    origins |= held.origins();
    return held.lease();
  }

  private List<Lease> leases() {
    List<Lease> leases = new ArrayList<>();
    for (int count = random.nextInt(4); count > 0; count--) {
      leases.add(random.nextInt(30) == 0 ? null : lease());
    }
    return leases;
  }

  private ByteBuffer bytes() {
    byte[] bytes = new byte[length()];
    Arrays.fill(bytes, (byte) letter);
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    return switch (random.nextInt(4)) {
      case 0 -> ByteBuffer.allocateDirect(bytes.length).put(bytes).flip();
      case 1 -> buffer.asReadOnlyBuffer();
      case 2 -> buffer.position(bytes.length / 3);
      default -> buffer;
    };
  }

  private CharSequence text() {
    return switch (random.nextInt(12)) {
      case 0 -> letter + "\ud800";
      case 1 -> new Liar(10, 5, letter);
      case 2 -> new Liar(-1, 0, letter);
      case 3 -> new StringBuilder().append(letter).append(letter);
      default -> String.valueOf(letter).repeat(length());
    };
  }

  private String string() {
    return switch (random.nextInt(6)) {
      case 0 -> "";
      case 1 -> "x".repeat(124);
      case 2 -> "\udc00";
      case 3 -> "key" + random.nextInt(3);
      default -> "tag";
    };
  }

  private Runnable task() {
    if (random.nextInt(30) != 0) {
      return () -> {};
    }
    return () -> {
      throw new IllegalStateException(Journal.PLANTED);
    };
  }

  private SendOptions.Policy policy() {
    SendOptions.Policy[] policies = SendOptions.Policy.values();
    return policies[random.nextInt(policies.length)];
  }

  private SendOptions options() {
    SendOptions options = SendOptions.defaults().withCompress(random.nextBoolean());
    if (random.nextInt(3) == 0) {
      options = options.withPolicy(policy());
    }
    if (random.nextInt(4) == 0) {
      options = options.withReplacementKey("key" + random.nextInt(3));
    }
    return random.nextInt(4) == 0 ? options.withPriority(random.nextInt(256)) : options;
  }

  private Batching batching() {
    return switch (random.nextInt(3)) {
      case 0 -> Batching.none();
      case 1 -> Batching.defaults();
      default -> new Batching(1 + random.nextInt(5), 1000, Duration.ofMillis(1));
    };
  }
}
