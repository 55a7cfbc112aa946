/* SPDX-License-Identifier: Apache-2.0
 * The options of every command that reads a database, and how such a command ends.
 */
#ifndef EVAL_CLI_READING_OPTIONS_H
#define EVAL_CLI_READING_OPTIONS_H

#include "analysis/report/reading.h"
#include "eval/cli/command.h"

/* Entries of an option table; the first are those of every command that reads. */
#define WANE_READING_WHERE(r)                                                                      \
    {"where",                                                                                      \
     'w',                                                                                          \
     WANE_OPTION_TEXT,                                                                             \
     &(r).where,                                                                                   \
     "SQL",                                                                                        \
     "only runs for which this holds; wane "                                                       \
     "explain where names the columns"},                                                           \
        {"experiment", 'e', WANE_OPTION_TEXT, &(r).experiment, "NAME", "only this experiment"},    \
        {"timeout", 0, WANE_OPTION_TEXT, &(r).timeout, "SECONDS", "give up after so long (60)"},   \
    {                                                                                              \
        "max-rows", 0, WANE_OPTION_TEXT, &(r).max_rows, "N",                                       \
            "no more rows of a table or list than this (all)"                                      \
    }
#define WANE_READING_JSON(r)                                                                       \
    {                                                                                              \
        "json", 0, WANE_OPTION_FLAG, &(r).json, NULL, "the same as JSON"                           \
    }
#define WANE_READING_FORMAT(r)                                                                     \
    {"format",         'f',      WANE_OPTION_TEXT,                                                 \
     &(r).format_name, "FORMAT", "table, csv, json, jsonl, markdown or latex"},                    \
        WANE_CSV_PLAIN((r).csv_plain), WANE_READING_JSON(r)

/* Closes; the exit code of the command, said what was cut or what `err` holds unless st is WANE_OK.
 */
int wane_reading_end(wane_reading *reading, wane_status st, const wane_error *err);

#endif
