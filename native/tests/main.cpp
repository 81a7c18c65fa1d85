// SPDX-License-Identifier: Apache-2.0
#include "main.hpp"

#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

int (*millrace::tests::before_tests)() = nullptr;

int main(int count, char** arguments) {
  if (millrace::tests::before_tests != nullptr) {
    if (const int status = millrace::tests::before_tests(); status != 0) return status;
  }
  return doctest::Context(count, arguments).run();
}
