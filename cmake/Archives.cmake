# SPDX-License-Identifier: Apache-2.0
# zlib and libdeflate are linked as archives, so that the library needs nothing on the system that it is loaded on. Debian's
# are position independent. Built for another processor, those that ./millrace unpacks below .build are taken.

set(MILLRACE_ARCHIVES "" CACHE PATH "Root below which libz.a and libdeflate.a lie; empty: the system's own")

set(root "${MILLRACE_ARCHIVES}")
if(NOT root AND CMAKE_CROSSCOMPILING)
  set(root "${CMAKE_SOURCE_DIR}/.build/archives/linux-${CMAKE_SYSTEM_PROCESSOR}")
endif()
set(places "")
if(root)
  set(places PATHS "${root}/usr" NO_DEFAULT_PATH)
endif()

# Through a folder of links: see native/tests about /usr/include.
set(include "${CMAKE_BINARY_DIR}/include-archives")
file(MAKE_DIRECTORY "${include}")
foreach(header zlib.h zconf.h libdeflate.h)
  find_path(MILLRACE_${header} ${header} ${places}
    PATH_SUFFIXES include "include/${CMAKE_CXX_LIBRARY_ARCHITECTURE}" NO_CMAKE_FIND_ROOT_PATH REQUIRED)
  if(NOT EXISTS "${include}/${header}")
    file(CREATE_LINK "${MILLRACE_${header}}/${header}" "${include}/${header}" SYMBOLIC)
  endif()
endforeach()

add_library(millrace_archives INTERFACE)
target_include_directories(millrace_archives SYSTEM INTERFACE "${include}")
target_compile_definitions(millrace_archives INTERFACE ZLIB_CONST)
foreach(archive libz.a libdeflate.a)
  find_library(MILLRACE_${archive} ${archive} ${places}
    PATH_SUFFIXES "lib/${CMAKE_CXX_LIBRARY_ARCHITECTURE}" lib NO_CMAKE_FIND_ROOT_PATH REQUIRED)
  target_link_libraries(millrace_archives INTERFACE "${MILLRACE_${archive}}")
endforeach()
