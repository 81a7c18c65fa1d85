// SPDX-License-Identifier: Apache-2.0

/** The statistics of Millrace as meters of Micrometer. */
module dev.millrace.micrometer {
  requires static transitive org.jspecify;
  requires transitive dev.millrace;
  requires transitive micrometer.core;

  exports dev.millrace.micrometer;
}
