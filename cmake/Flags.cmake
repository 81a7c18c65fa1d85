# SPDX-License-Identifier: Apache-2.0
# What every target shares. Rooms of the core add millrace_core, which forbids exceptions and RTTI.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# Line numbers and frame pointers stay, so that perf can read a server in production.
set(CMAKE_CXX_FLAGS_RELEASE "-O3 -g1 -DNDEBUG")

find_package(Threads REQUIRED)

add_library(millrace_flags INTERFACE)
target_compile_options(millrace_flags INTERFACE
  -Wall -Wextra -Werror
  -fno-omit-frame-pointer
  # The same library from every folder: no absolute path in debug information or __FILE__.
  "-ffile-prefix-map=${CMAKE_BINARY_DIR}=build"
  "-ffile-prefix-map=${CMAKE_SOURCE_DIR}=.")
target_link_libraries(millrace_flags INTERFACE Threads::Threads)

if(MILLRACE_SANITIZE)
  target_compile_options(millrace_flags INTERFACE
    "-fsanitize=${MILLRACE_SANITIZE}" -fno-sanitize-recover=all -O1)
  target_link_options(millrace_flags INTERFACE "-fsanitize=${MILLRACE_SANITIZE}")
endif()

add_library(millrace_core INTERFACE)
target_compile_options(millrace_core INTERFACE
  -fno-exceptions -fno-rtti -fvisibility=hidden -fvisibility-inlines-hidden
  -ffunction-sections -fdata-sections)
target_link_libraries(millrace_core INTERFACE millrace_flags)

# The rooms are optimised as one program where they are linked into libmillrace.so, the target whose property
# MILLRACE_LINK_TIME is set. Their object files hold ordinary code as well: tests and tools would only link more slowly.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT MILLRACE_SANITIZE)
  target_compile_options(millrace_core INTERFACE -flto -ffat-lto-objects)
  target_link_options(millrace_flags INTERFACE
    "$<IF:$<BOOL:$<TARGET_PROPERTY:MILLRACE_LINK_TIME>>,-flto=auto,-fno-lto>")
endif()
