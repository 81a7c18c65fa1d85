// SPDX-License-Identifier: Apache-2.0
package dev.millrace.differential;

/** Says whether two peers of one script have seen the same. */
interface Judge {

  /** Between our engines: everything is the same. */
  Judge STRICT = (script, one, other) -> one.looksLike(other);

  boolean isAlike(Script script, Outcome one, Outcome other);
}
