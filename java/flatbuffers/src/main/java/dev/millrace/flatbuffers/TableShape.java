// SPDX-License-Identifier: Apache-2.0
package dev.millrace.flatbuffers;

/** What the walk must know of a table, or of a struct, of which only size and alignment matter. */
final class TableShape {
  private static final FieldShape[] NONE = {};

  /** With its namespace. */
  final String name;

  final boolean isStruct;

  /** Of a struct. */
  final int size;

  /** Of a struct. */
  final int alignment;

  /** Those that are not deprecated, by their place in the vtable. Set once, by who loads it. */
  FieldShape[] fields = NONE;

  private TableShape(String name, boolean isStruct, int size, int alignment) {
    this.name = name;
    this.isStruct = isStruct;
    this.size = size;
    this.alignment = alignment;
  }

  static TableShape table(String name) {
    return new TableShape(name, false, Integer.BYTES, Integer.BYTES);
  }

  static TableShape struct(String name, int size, int alignment) {
    return new TableShape(name, true, size, alignment);
  }

  String nameWithoutNamespace() {
    return name.substring(name.lastIndexOf('.') + 1);
  }
}
