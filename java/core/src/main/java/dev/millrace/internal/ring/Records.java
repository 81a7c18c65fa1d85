// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.ring;

import java.lang.annotation.Native;

/**
 * The records that Java and the core exchange, and the mappings they lie in: the Java side of
 * {@code docs/rings.md}.
 *
 * <pre>
 *       0       1       2       3       4       5       6       7
 *   +-------+-------+---------------+-------------------------------+
 *   | type  |opcode |     flags     |             slot              |
 *   +-------+-------+---------------+-------------------------------+
 *   |             address: region (16 bits), offset (48)            |
 *   +-------------------------------+-------------------------------+
 *   |            length             |          generation           |
 *   +-------------------------------+-------------------------------+
 *   |                           auxiliary                           |
 *   +---------------------------------------------------------------+
 * </pre>
 *
 * All fields are little-endian. The constants become {@code #define}s of a generated header; the
 * glue compares each of them with the core's structs when it is compiled.
 */
public final class Records {
  /** The layout of everything below; the library answers the same number or is refused. */
  @Native public static final int ABI = 6;

  // The record.
  @Native public static final int RECORD_LENGTH = 32;
  @Native public static final int RECORD_COUNT = 4096;
  @Native public static final int TYPE_OFFSET = 0;
  @Native public static final int OPCODE_OFFSET = 1;
  @Native public static final int FLAGS_OFFSET = 2;
  @Native public static final int SLOT_OFFSET = 4;
  @Native public static final int ADDRESS_OFFSET = 8;
  @Native public static final int LENGTH_OFFSET = 16;
  @Native public static final int GENERATION_OFFSET = 20;
  @Native public static final int AUXILIARY_OFFSET = 24;

  // Commands.
  @Native public static final int LISTEN = 1;
  @Native public static final int UNLISTEN = 2;
  @Native public static final int ACCEPT_UPGRADE = 3;
  @Native public static final int RESPOND = 4;
  @Native public static final int SEND = 5;
  @Native public static final int CLOSE = 6;
  @Native public static final int PAUSE_READS = 7;
  @Native public static final int RESUME_READS = 8;
  @Native public static final int RELEASE = 9;
  @Native public static final int SET_TIMER = 10;
  @Native public static final int CANCEL_TIMER = 11;
  @Native public static final int CONNECT = 12;
  @Native public static final int ASK = 13;
  @Native public static final int OPEN = 14;
  @Native public static final int CREDIT = 15;
  @Native public static final int BATCH = 16;
  @Native public static final int HOLD = 17;
  @Native public static final int FINISH = 18;

  // Opcodes of BATCH.
  @Native public static final int SET_BATCH = 0;
  @Native public static final int FLUSH_BATCH = 1;

  // Flags of commands.
  @Native public static final int BODY = 1;
  @Native public static final int STAGED = 2;
  @Native public static final int BORROWED = 4;
  @Native public static final int OWNED = 8;
  @Native public static final int ABORT = 16;
  @Native public static final int UNCOMPRESSED = 32;

  // What was agreed on about compression, in the auxiliary word of ACCEPT_UPGRADE and OPEN.
  @Native public static final int DEFLATE = 1;
  @Native public static final int DEFLATE_OUTGOING_ALONE = 2;
  @Native public static final int DEFLATE_INCOMING_ALONE = 4;
  @Native public static final int DEFLATE_OUTGOING_BITS = 8;
  @Native public static final int DEFLATE_INCOMING_BITS = 12;

  // Events.
  @Native public static final int LISTENING = 129;
  @Native public static final int REQUEST = 130;
  @Native public static final int PEER = 131;
  @Native public static final int MESSAGE = 132;
  @Native public static final int DRAINED = 133;
  @Native public static final int CLOSING = 134;
  @Native public static final int CLOSED = 135;
  // 136 was PONG; ids are never used again.
  @Native public static final int TIMER = 137;
  @Native public static final int SENT = 138;
  @Native public static final int DIALED = 139;
  @Native public static final int CONNECTED = 140;
  @Native public static final int RESPONSE = 141;
  @Native public static final int PROXIED = 142;
  @Native public static final int FINISHED = 143;

  // Flags of events.
  @Native public static final int FAILED = 1;
  @Native public static final int IN_BLOCK = 2;
  @Native public static final int PEER_BEGAN = 4;
  @Native public static final int TIMED_OUT = 8;

  // Opcodes of SEND and MESSAGE (RFC 6455 11.8).
  @Native public static final int TEXT = 1;
  @Native public static final int BINARY = 2;
  @Native public static final int PING = 9;

  // Opcodes of REQUEST.
  @Native public static final int UPGRADE = 1;
  @Native public static final int GET = 2;
  @Native public static final int HEAD = 3;

  // Opcodes of PEER, and families of a listen body.
  @Native public static final int IPV4 = 4;
  @Native public static final int IPV6 = 6;
  @Native public static final int LOCAL = 1;

  // The control mapping.
  @Native public static final int SEND_POSITION_OFFSET = 64;
  @Native public static final int BODY_POSITION_OFFSET = 128;
  @Native public static final int COUNTERS_OFFSET = 4096;
  @Native public static final int COMMANDS_OFFSET = 8192;
  @Native public static final int EVENTS_OFFSET = 139_264;
  @Native public static final int BODIES_OFFSET = 270_336;
  @Native public static final int BODIES_LENGTH = 65_536;
  @Native public static final int MAX_CONNECTIONS_OFFSET = 4;
  @Native public static final int BUFFERED_OFFSET = 335_872;
  @Native public static final int BUFFERED_BITS = 48;
  @Native public static final int BUFFERED_GENERATION = 0x7FFF;

  // A loop's region.
  @Native public static final int SEND_AREA_OFFSET = 786_432;
  @Native public static final int SEND_AREA_LENGTH = 262_144;

  /** Bytes below each staged payload that the core writes the frame's header into. */
  @Native public static final int HEADROOM = 14;

  // The body of LISTEN.
  @Native public static final int LISTEN_FAMILY_OFFSET = 0;
  @Native public static final int LISTEN_SHARING_OFFSET = 1;
  @Native public static final int LISTEN_PORT_OFFSET = 2;
  @Native public static final int LISTEN_BACKLOG_OFFSET = 4;
  @Native public static final int LISTEN_PATH_LENGTH_OFFSET = 8;
  @Native public static final int LISTEN_MODE_OFFSET = 12;
  @Native public static final int LISTEN_IP_OFFSET = 16;
  @Native public static final int LISTEN_RECEIVE_BUFFER_OFFSET = 32;
  @Native public static final int LISTEN_SEND_BUFFER_OFFSET = 36;
  @Native public static final int LISTEN_CONGESTION_OFFSET = 40;
  @Native public static final int LISTEN_BODY_LENGTH = 56;

  // The body of CONNECT: one of LISTEN, and behind it this.
  @Native public static final int CONNECT_TIMEOUT_OFFSET = 56;
  @Native public static final int CONNECT_BODY_LENGTH = 64;

  // Which side of its connections a loop is.
  @Native public static final int SERVER = 0;
  @Native public static final int CLIENT = 1;

  // Whether listeners of several loops share a port.
  @Native public static final int ALONE = 0;
  @Native public static final int FIRST = 1;
  @Native public static final int FURTHER = 2;

  // The options of a loop.
  @Native public static final int OPTION_REGION_BYTES_OFFSET = 0;
  @Native public static final int OPTION_MAX_MESSAGE_BYTES_OFFSET = 8;
  @Native public static final int OPTION_HIGH_WATER_BYTES_OFFSET = 16;
  @Native public static final int OPTION_HANDSHAKE_TIMEOUT_OFFSET = 24;
  @Native public static final int OPTION_CLOSE_TIMEOUT_OFFSET = 32;
  @Native public static final int OPTION_IDLE_TIMEOUT_OFFSET = 40;
  @Native public static final int OPTION_PING_INTERVAL_OFFSET = 48;
  @Native public static final int OPTION_MAX_PING_INTERVAL_OFFSET = 56;
  @Native public static final int OPTION_PONG_TIMEOUT_OFFSET = 64;
  @Native public static final int OPTION_WRITE_TIMEOUT_OFFSET = 72;
  @Native public static final int OPTION_MAX_CONNECTIONS_OFFSET = 80;
  @Native public static final int OPTION_MAX_FRAGMENTS_OFFSET = 84;
  @Native public static final int OPTION_MAX_HEADER_BYTES_OFFSET = 88;
  @Native public static final int OPTION_MAX_REQUEST_LINE_OFFSET = 92;
  @Native public static final int OPTION_ALLOCATOR_OFFSET = 96;
  @Native public static final int OPTION_RELAXED_OFFSET = 100;
  @Native public static final int OPTION_ROLE_OFFSET = 104;
  @Native public static final int OPTION_PROXY_PROTOCOL_OFFSET = 108;
  @Native public static final int OPTION_DEFLATE_LEVEL_OFFSET = 112;
  @Native public static final int OPTION_DEFLATE_MEMORY_LEVEL_OFFSET = 116;
  @Native public static final int OPTION_DEFLATE_THRESHOLD_OFFSET = 120;
  @Native public static final int OPTION_MESSAGES_PER_SECOND_OFFSET = 128;
  @Native public static final int OPTION_BYTES_PER_SECOND_OFFSET = 136;
  @Native public static final int OPTION_CHECKED_OFFSET = 144;
  @Native public static final int OPTION_MAX_CREDIT_BYTES_OFFSET = 152;
  @Native public static final int OPTIONS_LENGTH = 160;

  // Allocators of a loop's options.
  @Native public static final int ALLOCATOR_BLOCKS = 0;
  @Native public static final int ALLOCATOR_GENERAL = 1;

  // Counters, by index.
  @Native public static final int COUNTER_TICKS = 0;
  @Native public static final int COUNTER_COMMANDS = 1;
  @Native public static final int COUNTER_EVENTS = 2;
  @Native public static final int COUNTER_RECEIVES = 3;
  @Native public static final int COUNTER_SENDS = 4;
  @Native public static final int COUNTER_BYTES_RECEIVED = 5;
  @Native public static final int COUNTER_BYTES_SENT = 6;
  @Native public static final int COUNTER_MESSAGES_RECEIVED = 7;
  @Native public static final int COUNTER_MESSAGES_SENT = 8;
  @Native public static final int COUNTER_PAYLOAD_BYTES_COPIED = 9;
  @Native public static final int COUNTER_ACCEPTED = 10;
  @Native public static final int COUNTER_CLOSED = 11;
  @Native public static final int COUNTER_CONNECTIONS = 12;
  @Native public static final int COUNTER_EVENT_RING_FULL = 13;
  @Native public static final int COUNTER_FLUSHES = 15;
  @Native public static final int COUNTER_STALE_COMMANDS = 17;
  @Native public static final int COUNTER_PROTOCOL_ERRORS = 18;
  @Native public static final int COUNTER_HANDSHAKES_REFUSED = 19;
  @Native public static final int COUNTER_WAKEUPS = 22;
  @Native public static final int COUNTER_PARTIAL_SENDS = 23;
  @Native public static final int COUNTER_READS_STOPPED = 24;
  @Native public static final int COUNTER_ACCEPT_FAILURES = 26;
  @Native public static final int COUNTER_PONGS_SENT = 28;
  @Native public static final int COUNTER_REGION_FULL = 25;
  @Native public static final int COUNTER_BLOCKS_IN_USE = 20;
  @Native public static final int COUNTER_BLOCK_BYTES_KEPT = 33;
  @Native public static final int COUNTER_BLOCK_BYTES_RETURNED = 34;
  @Native public static final int COUNTER_ARENA_USE = 29;
  @Native public static final int COUNTER_ARENA_HIGH_WATER = 27;
  @Native public static final int COUNTER_ARENA_SPILLS = 30;
  @Native public static final int COUNTER_BLOCK_BYTES_IN_USE = 21;
  @Native public static final int COUNTER_BLOCK_BYTES_HIGH_WATER = 31;
  @Native public static final int COUNTER_BLOCK_SPILLS = 32;
  @Native public static final int COUNTER_SLAB_USE = 35;
  @Native public static final int COUNTER_SLAB_HIGH_WATER = 36;
  @Native public static final int COUNTER_SLAB_SPILLS = 37;
  @Native public static final int COUNTER_TEMPORARY_USE = 38;
  @Native public static final int COUNTER_TEMPORARY_HIGH_WATER = 39;
  @Native public static final int COUNTER_TEMPORARY_SPILLS = 40;
  @Native public static final int COUNTER_SEND_AREA_USE = 41;
  @Native public static final int COUNTER_SEND_AREA_HIGH_WATER = 42;
  @Native public static final int COUNTER_SHARED_USE = 43;
  @Native public static final int COUNTER_SHARED_HIGH_WATER = 44;
  @Native public static final int COUNTER_SHARED_SPILLS = 45;
  @Native public static final int COUNTER_PINGS_SENT = 46;
  @Native public static final int COUNTER_DEADLINES_PASSED = 47;
  @Native public static final int COUNTER_COMPRESSION_USE = 48;
  @Native public static final int COUNTER_COMPRESSION_HIGH_WATER = 49;
  @Native public static final int COUNTER_COMPRESSION_SPILLS = 50;
  @Native public static final int COUNTER_WAITED_NS = 51;
  @Native public static final int COUNTER_MESSAGES_BATCHED = 52;
  @Native public static final int COUNTER_SENDS_SAVED = 53;
  @Native public static final int COUNTER_QUOTA_STOPS = 54;
  @Native public static final int COUNTER_CREDIT_STOPS = 55;
  @Native public static final int COUNTER_INBOUND_BYTES_PINNED = 56;
  @Native public static final int COUNTER_WAITING_SINCE_NS = 58;
  @Native public static final int COUNTER_BLOCKS_WRITTEN_LATE = 60;
  @Native public static final int COUNTER_WRITTEN_LATE = 61;
  @Native public static final int COUNTER_BLOCKS_BY_CLASS = 64;
  @Native public static final int BLOCK_CLASSES = 23;
  @Native public static final int ROUND_TRIP_BUCKETS = 4608;

  private static final int OFFSET_BITS = 48;

  private Records() {}

  /** The address of a byte of a region, as records carry it. */
  public static long address(int region, long offset) {
    return (long) region << OFFSET_BITS | offset;
  }

  /** The region of an address; 0 is the one that belongs to no loop. */
  public static int region(long address) {
    return (int) (address >>> OFFSET_BITS);
  }

  /** The place of an address in its region. */
  public static int offset(long address) {
    return (int) (address & (1L << OFFSET_BITS) - 1);
  }

  /** The first eight bytes of a record as one word. */
  static long head(int type, int opcode, int flags, int slot) {
    return type
        | (long) opcode << 8 * OPCODE_OFFSET
        | (long) flags << 8 * FLAGS_OFFSET
        | (long) slot << 8 * SLOT_OFFSET;
  }

  static int type(long head) {
    return (int) head & 0xFF;
  }

  static int opcode(long head) {
    return (int) head >>> 8 * OPCODE_OFFSET & 0xFF;
  }

  static int flags(long head) {
    return (int) head >>> 8 * FLAGS_OFFSET;
  }

  static int slot(long head) {
    return (int) (head >>> 8 * SLOT_OFFSET);
  }

  /** The third eight bytes of a record as one word. */
  static long lengthAndGeneration(int length, int generation) {
    return Integer.toUnsignedLong(length) | (long) generation << 32;
  }
}
