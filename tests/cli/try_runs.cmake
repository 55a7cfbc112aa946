# SPDX-License-Identifier: Apache-2.0
# What CONTRIBUTING.md tells to do with EXPERIMENT, by PROGRAM in SCRATCH: the run, once more for a
# measure that is asked for then, the list of what it has, a chart.
cmake_minimum_required(VERSION 3.25)
file(REMOVE_RECURSE "${SCRATCH}")
file(MAKE_DIRECTORY "${SCRATCH}")
function(call wanted)
  execute_process(COMMAND "${PROGRAM}" ${ARGN} WORKING_DIRECTORY "${SCRATCH}" RESULT_VARIABLE code
                  OUTPUT_VARIABLE said ERROR_VARIABLE message)
  if(NOT code EQUAL 0 OR NOT "${said}${message}" MATCHES "${wanted}")
    message(FATAL_ERROR "${ARGN}: not \"${wanted}\", exit code ${code}: ${said}${message}")
  endif()
endfunction()
call("4 done, 0 diverged, 0 with a failed gate" run "${EXPERIMENT}" --db try.db --threads 1)
call("0 stages trained .0 steps., 8 cells filled" run "${EXPERIMENT}" --db try.db --threads 1
     "measures=[drift]")
call("\ndrift_abs " ls try.db metrics)
call("" curves try.db -m delta_frobenius_all -o try.svg)
if(NOT EXISTS "${SCRATCH}/try.svg")
  message(FATAL_ERROR "no try.svg")
endif()
