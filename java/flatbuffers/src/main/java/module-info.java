// SPDX-License-Identifier: Apache-2.0

/** FlatBuffers over Millrace: built in the bytes that are sent, read where they lie. */
module dev.millrace.flatbuffers {
  requires static transitive org.jspecify;
  requires transitive dev.millrace;
  requires transitive flatbuffers.java;

  exports dev.millrace.flatbuffers;
}
