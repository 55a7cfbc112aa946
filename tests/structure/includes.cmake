# SPDX-License-Identifier: Apache-2.0
# Reads every #include of the four floors and fails on an upward or sideways one, on "..", on one
# that is not written from the root, and on a foreign header outside the one file that may have it.
cmake_minimum_required(VERSION 3.25)
set(root "${CMAKE_ARGV3}")
set(rooms
  store/base store/files store/results
  tasks/text tasks/data tasks/builtin
  analysis/spectra analysis/statistics analysis/charts analysis/report
  eval/compute eval/model eval/train eval/measure eval/pair eval/experiment eval/stages eval/cells
  eval/plan eval/run eval/cli)
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
