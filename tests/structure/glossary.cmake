# SPDX-License-Identifier: Apache-2.0
# cmake -P glossary.cmake ROOT SCRATCH: a text of the glossary that is not written as glossary.md says
# ends the build with its place, and a good one becomes what it says.
cmake_minimum_required(VERSION 3.25)
set(parser "${CMAKE_ARGV3}/analysis/report/glossary.cmake")
set(scratch "${CMAKE_ARGV4}")
file(MAKE_DIRECTORY "${scratch}")
set(good [=[
# A family
Prose; of [any] kind.

$BOTH = said in two
  lines
$BO = short

## acc (metric)
what it is, going
on
- formula: a [1] "quoted"; \x
- unit: $BO, $BOTH
- note: the
  end

## bwt (test)
-log of it
]=])
set(wanted [=[
{"acc", WANE_MEANING_METRIC, "what it is, going on", "a [1] \"quoted\"; \\x", "short, said in two lines", NULL, NULL, NULL, "the end"},
{"bwt", WANE_MEANING_TEST, "-log of it", NULL, NULL, NULL, NULL, NULL, NULL},
]=])

function(parse code message)
  execute_process(COMMAND "${CMAKE_COMMAND}" -P "${parser}" "${scratch}/out.inc" ${ARGN}
                  RESULT_VARIABLE result ERROR_VARIABLE text)
  string(REGEX REPLACE "[ \n]+" " " text "${text}")
  set(${code} "${result}" PARENT_SCOPE)
  set(${message} "${text}" PARENT_SCOPE)
endfunction()

file(WRITE "${scratch}/text.md" "${good}")
parse(code message "${scratch}/text.md")
file(READ "${scratch}/out.inc" made)
if(NOT code EQUAL 0 OR NOT made STREQUAL wanted)
  message(FATAL_ERROR "a good text: ${message}\n${made}")
endif()

# refused(WHAT FROM TO PLACE): the good text with FROM turned into TO.
function(refused what from to place)
  string(REPLACE "${from}" "${to}" bad "${good}")
  if(bad STREQUAL good)
    message(FATAL_ERROR "${what}: '${from}' is not in the text")
  endif()
  file(WRITE "${scratch}/text.md" "${bad}")
  parse(code message "${scratch}/text.md")
  string(FIND "${message}" "text.md: ${place}" at)
  if(code EQUAL 0 OR at LESS 0)
    message(SEND_ERROR "${what}: exit code ${code}, not 'text.md: ${place}' in: ${message}")
  endif()
endfunction()
refused("an unknown field" "- note:" "- hint:" "line 13: acc: 'hint' is no field")
refused("a field out of its place" "- unit: $BO, $BOTH\n" "" "line 17: no text says")
refused("fields turned round" "- note: the" "- formula: the" "line 13: acc: 'formula' is no field, or")
refused("the same field twice" "- note: the" "- unit: the" "line 13: acc: 'unit' is no field, or")
refused("no sentence" "-log of it\n" "" "line 17: bwt: nothing says")
refused("a field before the sentence" "what it is, going\non\n" "" "line 9: acc: nothing says")
refused("a name twice" "## bwt" "## acc" "line 16: acc is there twice")
refused("the order" "## bwt" "## aaa" "line 16: aaa does not come after acc")
refused("no kind" "## bwt (test)" "## bwt" "line 16: neither a heading")
refused("a blank in a name" "## bwt" "## b wt" "line 16: neither a heading")
refused("no empty line" "  end\n\n" "  end\n" "line 15: neither a heading")
refused("a line not indented" "  end" "end" "line 14: neither a heading")
refused("text between entries" "  end\n" "  end\n\nMore.\n" "line 16: neither a heading")
refused("an unknown phrase" "$BO, $BOTH" "$BO, $BOTH, $BAD" "line 15: an unknown phrase")
refused("a phrase twice" "$BO = short" "$BOTH = short" "line 7: the phrase BOTH is there twice")
refused("a phrase nobody uses" "$BO, " "" "line 18: no text says the phrase BO")
refused("a blank at the end" "-log of it" "-log of it " "line 17: a blank at the end")
refused("a trigraph" "-log of it" "what??" "line 17: a blank at the end")
string(ASCII 195 169 beyond)
refused("a letter beyond ASCII" "-log of it" "caf${beyond}" "line 17: only printable ASCII")
refused("a tab" "-log of it" "-log\tof it" "line 17: only printable ASCII")
message("a good text is read, 20 bad ones are refused with their place")
