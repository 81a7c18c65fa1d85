// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace millrace::tests {

/// What a fixture wants done before the first test; anything but 0 ends the program with that status.
extern int (*before_tests)();

}  // namespace millrace::tests
