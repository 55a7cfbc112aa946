# SPDX-License-Identifier: Apache-2.0
# What PROGRAM init writes, it validates as it stands: with the model and the task of DATABASES, and
# from a folder beside them.
cmake_minimum_required(VERSION 3.25)
file(REMOVE_RECURSE "${SCRATCH}")
file(MAKE_DIRECTORY "${SCRATCH}/beside")
file(COPY "${DATABASES}/model" "${DATABASES}/mood" DESTINATION "${SCRATCH}")
foreach(file first.yaml beside/first.yaml)
  foreach(call "init;-o;${file};--model;model;--task;mood" "validate;${file}")
    execute_process(COMMAND "${PROGRAM}" ${call} WORKING_DIRECTORY "${SCRATCH}" OUTPUT_QUIET
                    RESULT_VARIABLE code ERROR_VARIABLE message)
    if(NOT code EQUAL 0)
      message(FATAL_ERROR "${call}: exit code ${code}: ${message}")
    endif()
  endforeach()
endforeach()
