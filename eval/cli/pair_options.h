/* SPDX-License-Identifier: Apache-2.0
 * The options of the commands on two checkpoints.
 */
#ifndef EVAL_CLI_PAIR_OPTIONS_H
#define EVAL_CLI_PAIR_OPTIONS_H

#include "eval/cli/command.h"
#include "eval/pair/pair_page.h"

typedef struct wane_compare_call {
    wane_option_list strip;
    const char *match, *conv1d, *db;
    size_t threads;
    bool json, csv, csv_plain;
} wane_compare_call;

/* Rows of an option table: of all these commands, and of those that give every matrix. */
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
        {"threads", 't', WANE_OPTION_COUNT, &(c)->threads, "N", "threads (every processor)"},        \
    {                                                                                                \
        "json", 0, WANE_OPTION_FLAG, &(c)->json, NULL, "all of it as JSON"                           \
    }
#define WANE_COMPARE_ROWS_OPTIONS(c)                                                               \
    {"db",     0,      WANE_OPTION_DATABASE,                                                       \
     &(c)->db, "FILE", "also keep spectra and directions in this database"},                       \
        {"csv", 0, WANE_OPTION_FLAG, &(c)->csv, NULL, "the matrices as CSV"},                      \
        WANE_CSV_PLAIN((c)->csv_plain)

/* What is asked of each matrix. */
#define WANE_SPECTRA_OPTIONS(q)                                                                    \
    {"top", 'k', WANE_OPTION_COUNT, &(q)->k, "K", "top directions of each matrix (10)"},           \
        {"epsilon",     0,   WANE_OPTION_NUMBER,                                                   \
         &(q)->epsilon, "E", "an intruder's largest |cosine| is below this (0.5)"},                \
        {"cache", 0, WANE_OPTION_TEXT, &(q)->cache, "DIR", "keep the base's spectra here"},        \
        {"exact",     0,    WANE_OPTION_FLAG,                                                      \
         &(q)->exact, NULL, "cosines by the SVD of the base, however wide its matrices"},          \
        {"bounded",     0,    WANE_OPTION_FLAG,                                                    \
         &(q)->bounded, NULL, "cosines by bounds, as of matrices wider than 1,024 on both sides"}, \
        {"null",     0,    WANE_OPTION_FLAG,                                                       \
         &(q)->null, NULL, "draw random updates of whole weights wider than 512 too"},             \
    {                                                                                              \
        "no-null", 0, WANE_OPTION_FLAG, &(q)->no_null, NULL, "draw no random updates"              \
    }

/* False, and a usage error said with *code set, when options do not go together. */
bool wane_compare_options(wane_comparison_options *out, const wane_call *call,
                          const wane_compare_call *asked, int *code);
/* The same of those on spectra. */
bool wane_spectra_options(const wane_call *call, const wane_pair_question *asked, int *code);

#endif
