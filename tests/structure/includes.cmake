# SPDX-License-Identifier: Apache-2.0
# Reads every #include of the four floors and fails on an upward or sideways one, on "..", on one
# that is not written from the root, on a foreign header outside the one file that may have it, and on
# a header that says "For this room alone." or "For a.c and b.c alone." and is included elsewhere.
cmake_minimum_required(VERSION 3.25)
set(root "${CMAKE_ARGV3}")
file(STRINGS "${CMAKE_CURRENT_LIST_DIR}/rooms.txt" rooms) # from the ground up
# foreign header = the only files that may include it
set(foreign
  "cblas.h=store/base/blas.c"
  "Random123/philox.h=store/base/random.c"
  "openssl/evp.h=store/base/hash.c"
  "jansson.h=store/files/json.c"
  "yaml.h=store/files/yaml.c"
  "archive.h=store/files/entries.c"
  "archive_entry.h=store/files/entries.c"
  "sqlite3.h=store/results/"
  "pcre2.h=store/files/pcre.h"
  "utf8proc.h=tasks/"
  "lapacke.h=analysis/spectra/"
  "xxhash.h=store/base/hash.c")
set(system
  assert.h complex.h ctype.h dirent.h errno.h fcntl.h float.h ftw.h getopt.h inttypes.h limits.h locale.h
  malloc.h math.h poll.h pthread.h regex.h sched.h setjmp.h signal.h spawn.h stdalign.h stdarg.h stdatomic.h
  stdbool.h stddef.h stdint.h stdio.h stdlib.h stdnoreturn.h string.h strings.h sys/file.h
  sys/ioctl.h sys/mman.h sys/resource.h sys/stat.h sys/time.h sys/statfs.h sys/sysmacros.h sys/statvfs.h sys/types.h sys/utsname.h
  sys/vfs.h sys/wait.h termios.h time.h unistd.h cpuid.h immintrin.h linux/magic.h sys/random.h)
set(failures 0)
macro(bad text)
  message("${file}: ${text}")
  math(EXPR failures "${failures} + 1")
endmacro()

# *out: who may include the header of the house: "" = any room that may see it, a room, or files.
function(readers_of out header)
  string(MAKE_C_IDENTIFIER "readers_${header}" known)
  get_property(found GLOBAL PROPERTY ${known} SET)
  if(NOT found)
    file(READ "${root}/${header}" text LIMIT 4096)
    string(FIND "${text}" "*/" end)
    string(SUBSTRING "${text}" 0 ${end} text)
    string(REGEX REPLACE "[ \t]*\n \\*[ \t]*" " " text "${text}")
    set(readers)
    if(text MATCHES "For this room alone\\.")
      get_filename_component(readers "${header}" DIRECTORY)
    elseif(text MATCHES "For ([a-z0-9_., ]+\\.[ch]) alone\\.")
      string(REGEX REPLACE ",? and |, " ";" readers "${CMAKE_MATCH_1}")
    endif()
    set_property(GLOBAL PROPERTY ${known} "${readers}")
  endif()
  get_property(readers GLOBAL PROPERTY ${known})
  set(${out} "${readers}" PARENT_SCOPE)
endfunction()

set(checked 0)
list(LENGTH rooms room_count)
math(EXPR last "${room_count} - 1")
foreach(i RANGE ${last})
  list(GET rooms ${i} room)
  string(REGEX REPLACE "/.*" "" floor "${room}")
  file(GLOB files RELATIVE "${root}" "${root}/${room}/*.c" "${root}/${room}/*.h")
  foreach(file ${files})
    file(STRINGS "${root}/${file}" lines REGEX "^[ \t]*#[ \t]*include")
    foreach(line ${lines})
      math(EXPR checked "${checked} + 1")
      if(line MATCHES "<([^>]+)>")
        set(name "${CMAKE_MATCH_1}")
        if(name IN_LIST system)
          continue()
        endif()
        set(allowed "")
        set(place -1)
        foreach(entry ${foreign})
          string(REGEX MATCH "^([^=]+)=(.*)$" _ "${entry}")
          if(name STREQUAL CMAKE_MATCH_1)
            string(FIND "${file}" "${CMAKE_MATCH_2}" here)
            string(APPEND allowed " ${CMAKE_MATCH_2}")
            if(here EQUAL 0)
              set(place 0)
            endif()
          endif()
        endforeach()
        if(allowed STREQUAL "")
          bad("<${name}> is no known header: add it to tests/structure/includes.cmake")
        elseif(NOT place EQUAL 0)
          bad("<${name}> belongs in${allowed} alone")
        endif()
      elseif(line MATCHES "\"([^\"]+)\"")
        set(name "${CMAKE_MATCH_1}")
        if(name MATCHES "\\.\\.")
          bad("\"${name}\": no '..' in an include")
        endif()
        if(EXISTS "${root}/${room}/${name}" AND NOT EXISTS "${root}/${name}")
          bad("\"${name}\": write the path from the root")
          continue()
        endif()
        string(REGEX MATCH "^[^/]+/[^/]+" other "${name}")
        if(EXISTS "${root}/${name}")
          readers_of(readers "${name}")
          get_filename_component(here "${file}" NAME)
          string(REGEX REPLACE "\\.h$" ".c" source "${name}")
          if(readers AND NOT room STREQUAL readers AND NOT here IN_LIST readers AND
             NOT file STREQUAL source)
            string(REPLACE ";" ", " readers "${readers}")
            bad("\"${name}\" is for ${readers} alone")
          endif()
        endif()
        string(REGEX REPLACE "/.*" "" other_floor "${other}")
        list(FIND rooms "${other}" j)
        if(j LESS 0)
          if(NOT EXISTS "${root}/${name}" AND name MATCHES "\\.inc$")
            continue()
          endif()
          bad("\"${name}\" is in no room")
        elseif(other STREQUAL room)
        elseif(other_floor STREQUAL floor)
          if(j GREATER i)
            bad("\"${name}\" is a later room of the same floor")
          endif()
        elseif(floor STREQUAL "store")
          bad("\"${name}\": store includes no other floor")
        elseif(other_floor STREQUAL "eval")
          bad("\"${name}\" looks upward")
        elseif(NOT floor STREQUAL "eval" AND NOT other_floor STREQUAL "store")
          bad("\"${name}\": tasks and analysis do not see each other")
        endif()
      endif()
    endforeach()
  endforeach()
endforeach()
if(checked LESS 20)
  message(FATAL_ERROR "only ${checked} includes found under ${root}: wrong folder?")
endif()
if(failures GREATER 0)
  message(FATAL_ERROR "${failures} include(s) break the order of the house")
endif()
message("${checked} includes in order")
