# SPDX-License-Identifier: Apache-2.0
# libmillrace.so has to load on systems older than the one it is built on. The compiler stays the same; headers, crt files,
# libc and the static parts of libstdc++ and libgcc come from an older Debian, which ./millrace unpacks below .build. Without
# it the library is built for the C library of this machine, as are the sanitizer builds (their runtime is the compiler's)
# and the benchmarks (they do not ship).

set(MILLRACE_SYSROOT "" CACHE PATH "Root of an older system to build against; empty: the one below .build, if any")

set(sysroot "${MILLRACE_SYSROOT}")
if(NOT sysroot AND CMAKE_SYSTEM_PROCESSOR STREQUAL CMAKE_HOST_SYSTEM_PROCESSOR)
  set(sysroot "${CMAKE_SOURCE_DIR}/.build/sysroot/linux-${CMAKE_SYSTEM_PROCESSOR}")
endif()
if(MILLRACE_SANITIZE OR MILLRACE_BUILD_BENCHMARKS OR NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU" OR NOT EXISTS "${sysroot}/complete")
  return()
endif()

set(triplet "${CMAKE_CXX_LIBRARY_ARCHITECTURE}")
file(GLOB cxx LIST_DIRECTORIES true "${sysroot}/usr/include/c++/*")
get_filename_component(version "${cxx}" NAME)
set(gcc "${sysroot}/usr/lib/gcc/${triplet}/${version}")
message(STATUS "building against the libraries in ${sysroot} (libstdc++ ${version})")

target_compile_options(millrace_flags INTERFACE
  "--sysroot=${sysroot}" -nostdinc++ "SHELL:-isystem ${cxx}" "SHELL:-isystem ${sysroot}/usr/include/${triplet}/c++/${version}")
# -B for the crt files, -L for the archives: the driver would look in its own folders first, whatever the sysroot.
target_link_options(millrace_flags INTERFACE
  "--sysroot=${sysroot}" "-B${gcc}" "-B${sysroot}/usr/lib/${triplet}"
  "-L${gcc}" "-L${sysroot}/usr/lib/${triplet}" "-L${sysroot}/lib/${triplet}"
  # Threads were a library of their own; CMake asked this machine, where they are part of libc.
  $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:-pthread>)
