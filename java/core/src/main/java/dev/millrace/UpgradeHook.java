// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.time.Duration;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;

/** The application's part in deciding on a request. */
sealed interface UpgradeHook {

  /** As {@link Server.Builder#onUpgrade} takes it. */
  record AtOnce(Function<? super UpgradeRequest, ? extends Upgrade> decision)
      implements UpgradeHook {}

  /** As {@link Server.Builder#onUpgradeAsync} takes it. */
  record InTime(
      Function<? super UpgradeRequest, ? extends CompletionStage<? extends Upgrade>> decision,
      Duration deadline)
      implements UpgradeHook {}
}
