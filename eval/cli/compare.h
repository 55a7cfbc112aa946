/* SPDX-License-Identifier: Apache-2.0
 * What the commands on two checkpoints share: their options, what they say of names, and the
 * comparison as rows of a database.
 */
#ifndef EVAL_CLI_COMPARE_H
#define EVAL_CLI_COMPARE_H

#include "eval/cli/command.h"
#include "eval/cli/page.h"
#include "eval/cli/spectra_of_pair.h"

typedef struct wane_compare_call {
    wane_option_list strip;
    const char *match, *conv1d, *db;
    size_t threads;
    bool json, csv, csv_plain;
} wane_compare_call;

/* Rows of an option table. */
#define WANE_COMPARE_OPTIONS(c)                                                                      \
    {"strip",                                                                                        \
     0,                                                                                              \
     WANE_OPTION_REPEAT,                                                                             \
     &(c)->strip,                                                                                    \
     "PREFIX",                                                                                       \
     "take this off names that begin with it (by itself: module. and the like)"},                    \
        {"match",          0,                                                                        \
         WANE_OPTION_TEXT, &(c)->match,                                                              \
         "PCRE2",          "matrices: those whose name matches (all but embeddings, heads, norms)"}, \
        {"conv1d",         0,                                                                        \
         WANE_OPTION_TEXT, &(c)->conv1d,                                                             \
         "yes|no|auto",    "GPT-2's modules hold inputs x outputs (auto: by config.json or names)"}, \
        {"db",     0,      WANE_OPTION_DATABASE,                                                     \
         &(c)->db, "FILE", "also keep spectra and directions in this database"},                     \
        {"threads", 't', WANE_OPTION_COUNT, &(c)->threads, "N", "threads (every processor)"},        \
        {"csv", 0, WANE_OPTION_FLAG, &(c)->csv, NULL, "the matrices as CSV"},                        \
        WANE_CSV_PLAIN((c)->csv_plain),                                                              \
    {                                                                                                \
        "json", 0, WANE_OPTION_FLAG, &(c)->json, NULL, "all of it as JSON"                           \
    }

#define WANE_NULL_OPTIONS(q)                                                                       \
    {"null",     0,    WANE_OPTION_FLAG,                                                           \
     &(q)->null, NULL, "draw random updates of whole weights wider than 512 too"},                 \
    {                                                                                              \
        "no-null", 0, WANE_OPTION_FLAG, &(q)->no_null, NULL, "draw no random updates"              \
    }

/* False, and a usage error said with *code set, when options do not go together. */
bool wane_compare_options(wane_comparison_options *out, const wane_call *call,
                          const wane_compare_call *asked, int *code);

/* Messages to stderr. */
extern const wane_log wane_compare_log;

/* Beside a CSV of matrices: on stderr, in which settings the two config.json differ. */
void wane_compare_tell_settings(const wane_comparison *comparison);

/* Lines on a tie, on resized vocabularies, on tensors of one side alone and on such without real
 * numbers; nothing where all is paired. */
void wane_compare_write_unmatched(wane_text *out, const wane_comparison *comparison);
/* What a total is without, "without 1 tensor of the base, 16 rows of the tuned"; nothing where all
 * is compared. For the place beside the total. */
void wane_compare_write_left_out(wane_text *out, const wane_comparison *comparison);
/* "only_base": [...], "only_tuned": [...], "tie": ..., "resized": [...] */
void wane_compare_write_unmatched_json(wane_text *out, const wane_comparison *comparison);

/* The question as a database wants it: both sides, at least 32 directions. */
void wane_compare_widen(wane_pair_question *question);

/* Puts the comparison into the database `path` (made if missing): the base as stage 0 and the tuned
 * checkpoint as a given stage of the one run TUNED/given/s0, of the experiment NAME@KEY named by
 * the base. The same call again changes nothing; others add to it. */
WANE_MUST_CHECK wane_status wane_compare_store(const char *path, const wane_comparison *comparison,
                                               const wane_pair_spectra *spectra,
                                               const wane_pair_question *question, size_t threads,
                                               wane_error *err);

#endif
