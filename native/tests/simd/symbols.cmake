# SPDX-License-Identifier: Apache-2.0
# cmake -DNM=nm -DARCHIVE=libmillrace_simd.a -P symbols.cmake
#
# No kernel may emit a function that other files share (native/simd/kernels.hpp): such a function is a weak symbol.

execute_process(COMMAND "${NM}" -C "${ARCHIVE}" OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
string(REPLACE "\n" ";" lines "${output}")
set(member "")
set(kernels 0)
set(shared "")
foreach(line IN LISTS lines)
  if(line MATCHES "^(.+\\.o):$")
    set(member "${CMAKE_MATCH_1}")
  elseif(line MATCHES " T millrace::simd::[a-z0-9]+::(unmask|utf8)\\(")
    math(EXPR kernels "${kernels} + 1")
  elseif(line MATCHES "^[0-9a-f]+ [WVu] " AND NOT member MATCHES "dispatch")
    list(APPEND shared "${member}: ${line}")
  endif()
endforeach()
if(kernels LESS 2)
  message(FATAL_ERROR "no kernels found in ${ARCHIVE}")
endif()
if(shared)
  list(JOIN shared "\n" shared)
  message(FATAL_ERROR "kernels share these with other files:\n${shared}")
endif()
