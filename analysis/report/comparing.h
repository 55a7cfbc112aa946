/* SPDX-License-Identifier: Apache-2.0
 * Two configs, or two runs, beside each other: paired over orders and seeds, over examples and over
 * documents.
 */
#ifndef ANALYSIS_REPORT_COMPARING_H
#define ANALYSIS_REPORT_COMPARING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/statistics/paired.h"
#include "analysis/statistics/summary.h"
#include "store/base/memory.h"
#include "store/base/text.h"
#include "store/results/results.h"

typedef struct wane_compare_question {
    const char *side[2]; /* values of `by`; with by = "method" also names of runs */
    const char *by;      /* method, kind, rank, learning_rate, order_name or seed */
    const char *experiment;
    int64_t stage;             /* position; 0 = each run's last */
    const char *const *metric; /* NULL: the usual ones */
    size_t metrics;
} wane_compare_question;

/* One side: how many runs it names and what became of them. */
typedef struct wane_compare_side {
    const char *name;
    size_t runs, unpaired;                /* unpaired: usable, without a partner */
    size_t diverged, gate_failed, failed; /* left out */
    size_t unfinished, limited;           /* left out */
} wane_compare_side;

/* Two runs that share all that `by` leaves to share. */
typedef struct wane_compare_pair {
    const char *label; /* what they share: "given/s0" */
    const char *experiment[2], *run[2];
    int64_t stage[2]; /* ids */
    int64_t base[2];
    double collapsed[2]; /* the flag of the stage; NaN: unknown */
} wane_compare_pair;

/* One metric over the pairs. Pairs in which one side lacks it do not count. */
typedef struct wane_compare_metric {
    const char *name;
    double *value[2]; /* per pair */
    wane_summary side[2], difference;
    double p;     /* paired t */
    size_t agree; /* pairs whose difference has the sign of the mean */
} wane_compare_metric;

/* Correct answers to the same examples, added over the pairs of runs. */
typedef struct wane_compare_task {
    const char *name; /* NULL: all tasks together */
    size_t examples;  /* of one run */
    double
        majority; /* share of its most frequent label; NaN for all tasks, and where it is unknown */
    size_t outcomes; /* examples times pairs */
    size_t right[2];
    size_t only[2];       /* answered right by this side alone */
    size_t example[2];    /* examples this side answers right in more pairs than the other */
    double p;             /* exact McNemar over outcomes */
    double p_examples;    /* exact sign test over examples */
    size_t *pair_only[2]; /* per pair */
} wane_compare_task;

/* Losses on the same documents of a corpus (nats per token) or examples of a task (nats per
 * example), each unit's loss added over the pairs of runs. */
typedef struct wane_compare_loss {
    const char *name;
    bool corpus;
    double base; /* of the model both start from; NaN when they start from different ones */
    wane_paired_loss loss;
    const char *reason; /* why there is none: "missing" (not every unit has a finite loss) */
} wane_compare_loss;

typedef struct wane_comparing {
    const wane_compare_question *question;
    wane_compare_side side[2];
    wane_compare_pair *pair;
    wane_compare_metric *metric;
    wane_compare_task *task; /* the last is that of all tasks together */
    wane_compare_loss *loss;
    size_t pairs, metrics, tasks, losses;
    wane_arena *arena; /* holds all of it */
} wane_comparing;

/* One run of a side. */
typedef struct wane_compare_run {
    const char *experiment, *run, *key, *label;
    int64_t stage, base; /* ids */
    bool usable, taken;
} wane_compare_run;

typedef struct wane_compare_runs {
    wane_compare_run *item; /* freed with wane_free */
    size_t count, room;
} wane_compare_runs;

/* All runs of a side, a value of question->by; or else, by method, a run. Names are held by
 * `arena`. WANE_ENOTFOUND with what there is. */
WANE_MUST_CHECK wane_status wane_comparing_side(wane_compare_runs *list, wane_compare_side *side,
                                                wane_results *db,
                                                const wane_compare_question *question,
                                                const char *name, wane_arena *arena,
                                                wane_error *err);

/* Finds the runs, pairs them and compares. WANE_ENOTFOUND for a side that names no run,
 * WANE_EINVAL when two runs of a side would go with one of the other, or when no pair is left.
 * Owned by the caller, freed with wane_comparing_free. */
WANE_MUST_CHECK wane_status wane_comparing_run(wane_comparing *out, wane_results *db,
                                               const wane_compare_question *question,
                                               wane_error *err);
void wane_comparing_free(wane_comparing *comparing);

/* comparing_measure.c: fills metric, task, loss of a comparison whose pairs are there. */
WANE_MUST_CHECK wane_status wane_comparing_measure(wane_comparing *c, wane_results *db,
                                                   wane_error *err);

/* Parts of pages: a number of so many digits, a change with its sign, a p, an interval; "-" for
 * NaN. wane_comparing_write_side: "4 runs", and what is not among them. */
void wane_comparing_write_number(wane_text *out, double value, int digits);
void wane_comparing_write_change(wane_text *out, double value, int digits);
void wane_comparing_write_p(wane_text *out, double p);
void wane_comparing_write_interval(wane_text *out, double low, double high);
void wane_comparing_write_side(wane_text *out, const char *title, const wane_compare_side *side,
                               bool some_left_out);

/* A page for people; `pairs` lists the pairs however many they are. */
void wane_comparing_page(wane_text *out, const wane_comparing *comparing, bool pairs);
void wane_comparing_json(wane_text *out, const wane_comparing *comparing);

#endif
