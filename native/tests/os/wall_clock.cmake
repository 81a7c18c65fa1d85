# SPDX-License-Identifier: Apache-2.0
# cmake -DCORE=native -P wall_clock.cmake
#
# The core knows no time of day: a wall clock that is set would move deadlines. Its one clock is CLOCK_MONOTONIC.

file(GLOB_RECURSE sources "${CORE}/*.cpp" "${CORE}/*.hpp")
list(FILTER sources EXCLUDE REGEX "/(tests|fuzz)/")
set(found "")
set(monotonic 0)
foreach(source IN LISTS sources)
  file(READ "${source}" text)
  string(REGEX MATCHALL "CLOCK_[A-Z_]+|gettimeofday|timespec_get|std::chrono|[^a-z_]time\\(|timerfd" uses "${text}")
  foreach(use IN LISTS uses)
    if(use STREQUAL "CLOCK_MONOTONIC")
      math(EXPR monotonic "${monotonic} + 1")
    else()
      list(APPEND found "${source}: ${use}")
    endif()
  endforeach()
endforeach()
if(monotonic EQUAL 0)
  message(FATAL_ERROR "no clock found in ${CORE}")
endif()
if(found)
  list(JOIN found "\n" found)
  message(FATAL_ERROR "clocks other than the monotonic one:\n${found}")
endif()
