# SPDX-License-Identifier: Apache-2.0
# flatc and the headers of its C++ runtime, both of one version: only tests use them, to compare with. flatc runs on the
# machine that builds; the headers fit every processor.

find_program(MILLRACE_FLATC flatc REQUIRED)
find_path(MILLRACE_FLATBUFFERS flatbuffers/flatbuffers.h NO_CMAKE_FIND_ROOT_PATH REQUIRED)

# Through a folder of links: see native/tests about /usr/include.
set(MILLRACE_FLATBUFFERS_INCLUDE "${CMAKE_BINARY_DIR}/include-flatbuffers")
file(MAKE_DIRECTORY "${MILLRACE_FLATBUFFERS_INCLUDE}")
if(NOT EXISTS "${MILLRACE_FLATBUFFERS_INCLUDE}/flatbuffers")
  file(CREATE_LINK "${MILLRACE_FLATBUFFERS}/flatbuffers" "${MILLRACE_FLATBUFFERS_INCLUDE}/flatbuffers" SYMBOLIC)
endif()

# millrace_flatc(<target> <name.fbs>...): <name>_generated.h, and <name>_bfbs_generated.h with the binary schema. The
# attributes are part of that one: without them nobody can tell a nested buffer from bytes.
function(millrace_flatc target)
  set(folder "${CMAKE_CURRENT_BINARY_DIR}/${target}")
  file(MAKE_DIRECTORY "${folder}")
  foreach(schema IN LISTS ARGN)
    get_filename_component(name "${schema}" NAME_WE)
    set(generated "${folder}/${name}_generated.h" "${folder}/${name}_bfbs_generated.h")
    add_custom_command(OUTPUT ${generated}
      COMMAND "${MILLRACE_FLATC}" --cpp --gen-object-api --bfbs-gen-embed --bfbs-builtins -o "${folder}"
        "${CMAKE_CURRENT_SOURCE_DIR}/${schema}"
      DEPENDS "${schema}" VERBATIM)
    target_sources(${target} PRIVATE ${generated})
  endforeach()
  target_include_directories(${target} SYSTEM PRIVATE "${folder}" "${MILLRACE_FLATBUFFERS_INCLUDE}")
endfunction()
