# SPDX-License-Identifier: Apache-2.0

# The folders of a room that belong to another kernel or another processor.
function(millrace_foreign_folders out)
  set(folders "")
  if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
    list(APPEND folders bsd kqueue)
  else()
    list(APPEND folders linux epoll)
  endif()
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    list(APPEND folders neon)
  else()
    list(APPEND folders sse2 ssse3 avx2 avx512)
  endif()
  set(${out} "${folders}" PARENT_SCOPE)
endfunction()

# Reaches a room through an include folder of its own that holds one link, <name> -> native/<name>. A file that includes
# a room which its target does not link therefore fails to compile: the arrows are checked by every build.
function(millrace_room_include name out)
  set(include "${CMAKE_BINARY_DIR}/rooms/${name}")
  file(MAKE_DIRECTORY "${include}")
  if(NOT EXISTS "${include}/${name}")
    file(CREATE_LINK "${CMAKE_CURRENT_SOURCE_DIR}/${name}" "${include}/${name}" SYMBOLIC)
  endif()
  set(${out} "${include}" PARENT_SCOPE)
endfunction()

function(millrace_room_sources name out)
  set(folder "${CMAKE_CURRENT_SOURCE_DIR}/${name}")
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${folder}/*.cpp")
  millrace_foreign_folders(foreign)
  foreach(other IN LISTS foreign)
    list(FILTER sources EXCLUDE REGEX "^${folder}/${other}/")
  endforeach()
  set(${out} "${sources}" PARENT_SCOPE)
endfunction()

# millrace_os_room(): the kernel is chosen at link time. Rooms see the headers of os alone (millrace_os_headers); a program
# links millrace_os, or a simulated kernel in its place. Objects, not an archive: nothing below a room names them.
function(millrace_os_room)
  millrace_room_include(os include)
  millrace_room_sources(os sources)
  add_library(millrace_os_headers INTERFACE)
  target_include_directories(millrace_os_headers INTERFACE "${include}")
  add_library(millrace_os OBJECT ${sources})
  target_link_libraries(millrace_os PUBLIC millrace_os_headers PRIVATE millrace_core)
endfunction()

# millrace_room(<name> [<room it may use>...]): one library per folder of native/
#
# The rooms it uses are linked with it, but their headers are its own affair: who uses protocol does not see simd.
function(millrace_room name)
  millrace_room_include(${name} include)
  millrace_room_sources(${name} sources)
  list(TRANSFORM ARGN PREPEND millrace_ OUTPUT_VARIABLE used)
  list(TRANSFORM used REPLACE "^millrace_os$" millrace_os_headers)
  if(sources)
    add_library(millrace_${name} STATIC ${sources})
    target_include_directories(millrace_${name} PUBLIC "${include}")
    target_link_libraries(millrace_${name} PRIVATE ${used} millrace_core)
  else() # headers only
    add_library(millrace_${name} INTERFACE)
    target_include_directories(millrace_${name} INTERFACE "${include}")
    list(TRANSFORM used REPLACE "(.+)" "$<LINK_ONLY:\\1>" OUTPUT_VARIABLE linked)
    target_link_libraries(millrace_${name} INTERFACE ${linked})
  endif()
  # For what is built around a room: its tests, and the glue around the engine.
  set(MILLRACE_${name}_USES "${used}" CACHE INTERNAL "what native/${name} may use")
endfunction()
