# SPDX-License-Identifier: Apache-2.0
# cmake -P embed.cmake OUT IN...: the bytes of the files IN, one after the other, as a list of C
# character constants (a string literal of this length is more than C17 promises).
set(hex "")
math(EXPR last "${CMAKE_ARGC} - 1")
foreach(i RANGE 4 ${last})
  file(READ "${CMAKE_ARGV${i}}" part HEX)
  string(APPEND hex "${part}")
  file(READ "${CMAKE_ARGV${i}}" text)
  if(text MATCHES "[^ -~\n]")
    message(FATAL_ERROR "${CMAKE_ARGV${i}}: only printable ASCII can be embedded")
  endif()
endforeach()
string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "(0a,)" "\\1\n" bytes "${bytes}")
file(WRITE "${CMAKE_ARGV3}" "${bytes}0x00\n")
