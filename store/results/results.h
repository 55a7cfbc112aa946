/* SPDX-License-Identifier: Apache-2.0
 * The results database: opening, the plan, cells, seals. Reading and rendering: query.h.
 *
 * One SQLite file holds an experiment. schema.sql says what every table and column means
 * (wane_results_schema, `wane schema`); the structs below carry its rows and name its columns.
 *
 * Rules of every row struct. Texts are UTF-8, borrowed for the call, and NULL where the column may
 * be NULL (bytes that are no UTF-8 are stored as U+FFFD). An id is a small integer given by a
 * wane_results_put_ function; 0 = none. An integer that may be missing is WANE_NULL, a double that
 * may be missing is NaN; both are stored as NULL, and so is an infinite double: it is no number to
 * reckon with. Finite doubles go in and out in binary: no bit is lost.
 *
 * Transactions. Every function that writes joins the transaction that is open, or makes one of its
 * own (BEGIN IMMEDIATE, synced at the commit). After a failure inside an open transaction, roll
 * back. SQLite waits 60 s for another process before WANE_EBUSY. One handle serves one thread at a
 * time; several processes may have the same file open, each with its own handle, and a handle must
 * not be used after fork() in the child.
 *
 * Errors of every function: WANE_EIO (disk full, no permission: what was committed stays),
 * WANE_EBUSY, WANE_EFORMAT (the file is damaged), WANE_EINVAL (a row breaks a rule of the schema),
 * WANE_ENOMEM.
 */
#ifndef STORE_RESULTS_RESULTS_H
#define STORE_RESULTS_RESULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/status.h"

#define WANE_NULL INT64_MIN /* an integer that is not there */

/* The reason of a number that is missing because what it stands on is NaN or infinite. */
#define WANE_NOT_FINITE "not_finite"

enum {
    WANE_RESULTS_VERSION = 7, /* user_version of the files this wane writes */
    WANE_STEP_SEALED = -1     /* `step` of everything measured on the sealed stage */
};

typedef struct wane_results wane_results;

typedef enum wane_results_mode {
    WANE_RESULTS_READ,  /* must exist; nothing is ever written through the handle */
    WANE_RESULTS_WRITE, /* must exist */
    WANE_RESULTS_CREATE /* made when it is not there */
} wane_results_mode;

/* Opens `path`. A file of an older version is brought forward first (in every mode; reading alone
 * needs permission for that once), a transaction that a killed process left half-way is undone.
 * WANE_ENOTFOUND: no such file. WANE_EVERSION: written by a newer wane. WANE_EFORMAT: no database,
 * not one of wane's, or damaged. WANE_EINVAL: on a network file system, where SQLite's locks do not
 * hold; the message says what to do. Owned by the caller, free with wane_results_close. */
WANE_MUST_CHECK wane_status wane_results_open(wane_results **out, const char *path,
                                              wane_results_mode mode, wane_error *err);
/* Whether wane_results_open would open it for writing, or could make it: the same errors, before
 * work whose results go there. Nothing is made. */
WANE_MUST_CHECK wane_status wane_results_writable(const char *path, wane_error *err);
/* *out = the file whose lock (wane_lock_take) says that a process is at work on a part of the
 * database at that path: "run-KEY.lock" of a run, "KEY.lock" of a stage. Owned by the caller, free
 * with wane_free. */
WANE_MUST_CHECK wane_status wane_results_lock_path(char **out, const char *database,
                                                   const char *name, wane_error *err);
void wane_results_close(wane_results *db);             /* rolls back what is open; NULL allowed */
const char *wane_results_path(const wane_results *db); /* as given; borrowed until close */

/* The commented schema: tables, indexes, views. A constant. */
const char *wane_results_schema(void);

/* ------------------------------------------------------------------------------ transactions */

WANE_MUST_CHECK wane_status wane_results_begin(wane_results *db, wane_error *err);
WANE_MUST_CHECK wane_status wane_results_commit(wane_results *db, wane_error *err);
void wane_results_rollback(wane_results *db); /* nothing open, or NULL: fine */

/* Every row, damaged page and broken reference of the file, slowly; WANE_EFORMAT with the first. */
WANE_MUST_CHECK wane_status wane_results_check(wane_results *db, wane_error *err);

/* --------------------------------------------------------------------------------- the plan
 * Rows that exist before anything is trained. Put them in plan order in ONE transaction, so that
 * ids depend on nothing else. Each has a unique key: putting a key that is there gives its id back
 * and refreshes what merely describes it (names, paths, counts); ids, stages' parents and every
 * status stay. So the same plan twice changes nothing, and a longer plan adds only what is new. */

typedef struct wane_model_row {
    const char *key;  /* sha256 of the weights, hexadecimal */
    const char *name; /* for people */
    const char *path;
    const char *architecture; /* "llama" */
    int64_t parameters, vocabulary, context, layers, width;
} wane_model_row;

/* One weight matrix that is analysed. (model, name) is its key. */
typedef struct wane_matrix_row {
    int64_t model;
    int64_t position;   /* from 0 in the order of the parameter table */
    const char *name;   /* "model.layers.0.self_attn.q_proj.weight" */
    const char *module; /* "q_proj" */
    int64_t layer;      /* from 0; WANE_NULL outside layers */
    int64_t rows, cols; /* outputs x inputs */
} wane_matrix_row;

/* A task as it is measured. The key must change with anything that changes its scores: content,
 * split, template, labels, limits. */
typedef struct wane_task_row {
    const char *key;  /* unique, for example name@sha256; `subject` of its cells */
    const char *name; /* for people: what tables and charts show */
    const char *path;
    const char *kind;         /* "classification", "choice", ... */
    const char *split;        /* the split that views show: "test", "validation" */
    const char *train_sha256; /* of the training rows, NULL when never trained on or
                                 drawn by each seed anew */
    const char *data_sha256;  /* of the measured rows */
    const char *template_text;
    int64_t train_rows, measured_rows, labels;
    const char *shown; /* a measured row as the model sees it, JSON; or NULL */
} wane_task_row;

/* A corpus as it is measured; likewise its key. */
typedef struct wane_corpus_row {
    const char *key;
    const char *name;
    const char *path;
    const char *data_sha256;
    int64_t documents, windows, tokens, words, bytes;
    double floor; /* entropy in nats per token where it is known (built-in corpora), else NaN */
    double unigram_entropy; /* nats per token, of the scored tokens' own frequencies */
} wane_corpus_row;

typedef struct wane_experiment_row {
    const char *name;   /* the key */
    const char *source; /* the experiment file as it was read, with every default filled in */
    int64_t model;
    bool limited; /* `limit:` runs: left out of means */
} wane_experiment_row;

typedef enum wane_stage_status {
    WANE_STAGE_PLANNED,
    WANE_STAGE_TRAINING,
    WANE_STAGE_DONE,
    WANE_STAGE_DIVERGED, /* data: sealed with its step */
    WANE_STAGE_SKIPPED,  /* a stage before it diverged */
    WANE_STAGE_FAILED
} wane_stage_status;

typedef enum wane_run_status {
    WANE_RUN_PLANNED,
    WANE_RUN_RUNNING,
    WANE_RUN_DONE,
    WANE_RUN_DIVERGED,
    WANE_RUN_FAILED,
    WANE_RUN_GATE_FAILED
} wane_run_status;

const char *wane_stage_status_name(wane_stage_status status); /* "planned", ...; constants */
const char *wane_run_status_name(wane_run_status status);

typedef struct wane_stage_row {
    const char *key; /* sha256, hexadecimal: the training key */
    int64_t parent;  /* 0 for the base */
    int64_t model;
    const char *kind;      /* "base", "sft", "reward", "rl", "joint", "given" */
    const char *task_name; /* what it is trained on, NULL for the base */
    int64_t anchor;        /* the stage a KL penalty holds on to, else 0 */
    int64_t steps_planned; /* optimiser steps; 0 where nothing is trained */
} wane_stage_row;

typedef struct wane_run_row {
    const char *key; /* sha256, hexadecimal */
    int64_t experiment;
    const char *name;       /* "method/order/sN", unique in its experiment */
    const char *method;     /* the config's name: everything of a run but order and seed */
    const char *kind;       /* "full", "full-matrices", "lora", "given", ... */
    int64_t rank;           /* WANE_NULL without an adapter */
    double alpha;           /* NaN likewise */
    double learning_rate;   /* NaN for "given" */
    const char *order_name; /* "given", "reversed", ... */
    int64_t seed;
    int64_t stages;    /* trained stages planned: the last position */
    int64_t trainable; /* number of parameters trained; WANE_NULL unknown */
    const char *bound; /* "joint", "single"; NULL for a run of one task after the other */
    int64_t bounds;    /* the run it is a bound of; 0 likewise */
} wane_run_row;

WANE_MUST_CHECK wane_status wane_results_put_model(wane_results *db, int64_t *id,
                                                   const wane_model_row *row, wane_error *err);
WANE_MUST_CHECK wane_status wane_results_put_matrix(wane_results *db, int64_t *id,
                                                    const wane_matrix_row *row, wane_error *err);
WANE_MUST_CHECK wane_status wane_results_put_task(wane_results *db, int64_t *id,
                                                  const wane_task_row *row, wane_error *err);
WANE_MUST_CHECK wane_status wane_results_put_corpus(wane_results *db, int64_t *id,
                                                    const wane_corpus_row *row, wane_error *err);
WANE_MUST_CHECK wane_status wane_results_put_experiment(wane_results *db, int64_t *id,
                                                        const wane_experiment_row *row,
                                                        wane_error *err);
WANE_MUST_CHECK wane_status wane_results_put_stage(wane_results *db, int64_t *id,
                                                   const wane_stage_row *row, wane_error *err);
/* A run of the experiment that bears the name under another key (the file has changed) is
 * superseded: it stays in the table, its rows stay, and it leaves all views. */
WANE_MUST_CHECK wane_status wane_results_put_run(wane_results *db, int64_t *id,
                                                 const wane_run_row *row, wane_error *err);

/* What belongs to an experiment: views show these tasks and corpora for its runs and no others. One
 * of the same name under another key is taken off the list; nothing else ever leaves it. `watched`:
 * measured, never trained on. role: "pretraining" or "other"; `weight` combines several pretraining
 * corpora into one axis (1 = plain mean). */
WANE_MUST_CHECK wane_status wane_results_put_experiment_task(wane_results *db, int64_t experiment,
                                                             int64_t task, bool watched,
                                                             wane_error *err);
WANE_MUST_CHECK wane_status wane_results_put_experiment_corpus(wane_results *db, int64_t experiment,
                                                               int64_t corpus, const char *role,
                                                               double weight, wane_error *err);

/* A setting of a given stage's config.json that differs from the base's; both as JSON, NULL where
 * one side has none. */
WANE_MUST_CHECK wane_status wane_results_put_difference(wane_results *db, int64_t stage,
                                                        const char *setting, const char *base,
                                                        const char *value, wane_error *err);

/* The path of a run: position 0 is the base (task 0), position p the p-th trained stage and the
 * task it is trained on. */
WANE_MUST_CHECK wane_status wane_results_put_run_stage(wane_results *db, int64_t run,
                                                       int64_t position, int64_t stage,
                                                       int64_t task, wane_error *err);

/* A number or a text, as SQLite keeps it. */
typedef enum wane_value_type {
    WANE_VALUE_NULL,
    WANE_VALUE_INTEGER,
    WANE_VALUE_REAL,
    WANE_VALUE_TEXT
} wane_value_type;

typedef struct wane_value {
    wane_value_type type;
    int64_t integer;
    double real;
    const char *text;
} wane_value;

/* A setting of a run, echoed ("training.batch_size", 16). */
WANE_MUST_CHECK wane_status wane_results_put_parameter(wane_results *db, int64_t run,
                                                       const char *key, const wane_value *value,
                                                       wane_error *err);

/* The id of a row by its key. WANE_ENOTFOUND. */
typedef enum wane_results_table {
    WANE_TABLE_MODEL,
    WANE_TABLE_TASK,
    WANE_TABLE_CORPUS,
    WANE_TABLE_EXPERIMENT,
    WANE_TABLE_STAGE,
    WANE_TABLE_RUN
} wane_results_table;
WANE_MUST_CHECK wane_status wane_results_find(wane_results *db, int64_t *id,
                                              wane_results_table table, const char *key,
                                              wane_error *err);

/* A run as people name it: its name ("lora-r8/given/s0"), or a prefix of its key; `experiment`
 * (name, may be NULL) narrows. WANE_ENOTFOUND with the nearest name, WANE_EINVAL when ambiguous. */
WANE_MUST_CHECK wane_status wane_results_find_run(wane_results *db, int64_t *id, const char *text,
                                                  const char *experiment, wane_error *err);

/* ------------------------------------------------------------------------------------- cells
 * One measurement of one stage. (stage, step, measure, subject) is its natural key; the hashes say
 * under which settings and on which data. It is committed whole, in one transaction, or not. */

/* The measures with tables of their own. Any other text is a measure too: its rows are `measured`,
 * single numbers, whatever its subject. */
#define WANE_CELL_SCORE "score"           /* subject: a task's key; rows: scores, examples */
#define WANE_CELL_LIKELIHOOD "likelihood" /* a corpus's key; one likelihood, windows */
#define WANE_CELL_SPECTRUM                                                                         \
    "spectrum" /* the reference, "base" or "previous"; spectra, directions                         \
                */
#define WANE_CELL_INTERVENTION "intervention" /* "choice/arm/lambda"; interventions */
#define WANE_CELL_SAMPLE "sample"             /* a task's key; samples */
#define WANE_CELL_CHANGE "change"             /* the trained task's key; changes */
#define WANE_CELL_OVERLAP "overlap"           /* a matrix's name; overlaps with the base */
#define WANE_CELL_NULL "null"                 /* the kind, "rotated" or "gaussian"; null draws */

typedef struct wane_cell {
    int64_t stage;
    int64_t step; /* WANE_STEP_SEALED, or the training step it was tracked at */
    const char *measure;
    const char *subject;
    const char *settings_sha256; /* hexadecimal, of everything that decides the numbers */
    const char *data_sha256;     /* of the data measured, "" where there is none */
    const char *reason;          /* why the cell is there without rows, or NULL */
    bool mixed;                  /* filled with --mixed by other kernels than the stage's */
    /* Settings under which one that is there serves as well, or NULL. Not written. */
    const char *settings_as_good;
} wane_cell;

typedef struct wane_score_row {
    const char *split;
    const char *metric; /* "accuracy", "loss", "majority", "kl_on_task_prompt", ... */
    double value, stderr_;
    int64_t n;
    const char *reason; /* why value is NaN */
} wane_score_row;

typedef struct wane_example_row {
    const char *split;
    int64_t row; /* number in the source split */
    int64_t label, predicted;
    double margin, loss;
} wane_example_row;

typedef struct wane_likelihood_row {
    double nll, stderr_;  /* nats per token */
    double change_stderr; /* paired standard error of nll minus stage 0's; NaN at stage 0 */
    double token_perplexity, word_perplexity, byte_perplexity, bits_per_byte;
    double kl_to_base, soft_ce;
    int64_t tokens, words, bytes, unk_tokens;
    int64_t window, stride;
    const char *bos;    /* the rule: "one per document", "none" */
    bool out_of_reach;  /* the base is no better than uniform on it */
    const char *reason; /* why nll is NaN */
} wane_likelihood_row;

typedef struct wane_window_row {
    int64_t document, position; /* both from 0; the window's number in its document */
    double nll;                 /* sum over its scored tokens */
    double kl, soft_ce;         /* sums; NaN without a base */
    int64_t tokens;
} wane_window_row;

/* The two sides of a spectrum: [0] = u, [1] = v. */
typedef struct wane_spectrum_side_row {
    int64_t intruders;  /* k = 10, epsilon = .5; WANE_NULL when the side was not asked for */
    double energy;      /* sum of sigma^2 of the intruders / of the top k */
    int64_t existing;   /* directions among the top k that exist */
    int64_t unresolved; /* of them inside a cluster of near-equal reference directions */
} wane_spectrum_side_row;

typedef struct wane_spectrum_row {
    int64_t matrix;
    int64_t base_count; /* reference directions (numerical rank of the base); WANE_NULL: not
                           counted */
    wane_spectrum_side_row side[2];
    double top_energy; /* sum of sigma^2 of the top 10 */
    double base_frobenius, base_spectral, delta_frobenius, delta_spectral, relative_update;
    double effective_rank, stable_rank, top_share, rho_10;
    double rounding_floor; /* ||dW|| that rounding of a 16-bit file alone could make; NaN if none */
    const char *reason;    /* why some of these are NULL */
    bool changed;          /* differs from the reference in any number */
    double floor;          /* a singular value at or below it has no direction */
} wane_spectrum_row;

typedef struct wane_direction_row {
    int64_t matrix;
    char side;        /* 'u' or 'v' */
    int64_t position; /* from 1 */
    double sigma, max_cosine, span, subspace_overlap;
    int64_t argmax;         /* from 1 */
    int64_t identity;       /* over the looks into a stage, from 1; 0 = not followed */
    double cluster_overlap; /* largest norm of the part inside a cluster of reference directions */
    const char *reason;     /* why max_cosine is NaN: "below_floor", ... */
    /* max_cosine is a bound from below, `high` and cluster_overlap are bounds from above, found in
     * `steps`. Where not, max_cosine is exact, and these two are not read. */
    bool bounded;
    double high;
    int64_t steps;
} wane_direction_row;

typedef struct wane_intervention_row {
    const char
        *choice;     /* "top", "all"; choice, arm and lambda are the same in all rows of a cell */
    const char *arm; /* "intruders", "neighbour", "shrink", "rescale", "energy" */
    double lambda;
    const char *measure; /* "nll_change", "latest_accuracy_change", "delta_frobenius", ... */
    const char *target;  /* name of the corpus or task; "" for means of tasks and the weights */
    double value, stderr_;
    int64_t matrices; /* how many the aggregate covers */
    const char *reason;
} wane_intervention_row;

typedef struct wane_sample_row {
    int64_t row;
    const char *prompt, *response;
    double reward;
} wane_sample_row;

/* How the update of one matrix acts, and how it turns from stage to stage. */
typedef struct wane_change_row {
    int64_t matrix;
    double f_delta; /* mean over tokens of ||dW x|| / ||x||, dW = W - W_0 */
    int64_t tokens;
    int64_t directions;      /* that angles are between; WANE_NULL when there are none */
    double angle_u, angle_v; /* largest principal angle between successive increments, radians */
    const char *reason;      /* why some of these are NULL */
} wane_change_row;

typedef struct wane_overlap_row {
    int64_t matrix;
    char side;    /* 'u' or 'v' */
    int64_t i, j; /* direction of the base, of the tuned matrix; from 1 */
    double value; /* |cosine| */
} wane_overlap_row;

/* Intruders of one random update, all changed matrices together; view intruder_null. */
typedef struct wane_null_draw_row {
    char side;                               /* 'u' or 'v' */
    int64_t draw;                            /* from 1 */
    int64_t intruders, unresolved, existing; /* k = 10, epsilon = .5 */
    const char *below; /* JSON list of 20 counts: intruders at epsilon = .05, .1, ... 1 */
} wane_null_draw_row;

/* A single number. */
typedef struct wane_measured_row {
    const char *matrix; /* tensor's name, "" for the stage */
    const char *name;
    double value;
    const char *reason; /* required when value is NaN */
} wane_measured_row;

typedef struct wane_cell_rows {
    const wane_score_row *scores;
    size_t score_count;
    const wane_example_row *examples;
    size_t example_count;
    const wane_likelihood_row *likelihood; /* one, or NULL */
    const wane_window_row *windows;
    size_t window_count;
    const wane_spectrum_row *spectra;
    size_t spectrum_count;
    const wane_direction_row *directions;
    size_t direction_count;
    const wane_intervention_row *interventions;
    size_t intervention_count;
    const wane_sample_row *samples;
    size_t sample_count;
    const wane_change_row *changes;
    size_t change_count;
    const wane_overlap_row *overlaps;
    size_t overlap_count;
    const wane_null_draw_row *null_draws;
    size_t null_draw_count;
    const wane_measured_row *measured;
    size_t measured_count;
} wane_cell_rows;

/* *out: whether the cell is there under the same settings and data. */
WANE_MUST_CHECK wane_status wane_cell_exists(wane_results *db, bool *out, const wane_cell *cell,
                                             wane_error *err);

/* Writes the cell and its rows, and for a spectrum the stage's totals. One that is there under the
 * same settings and data is left as it is (another process was first); under others it is replaced
 * whole. Rows of another measure than the cell's: WANE_EINVAL. */
WANE_MUST_CHECK wane_status wane_cell_commit(wane_results *db, const wane_cell *cell,
                                             const wane_cell_rows *rows, wane_error *err);

/* Adds spectra and directions to the spectrum cell of that stage, step and reference, which must be
 * there and hold none of these matrices; totals and hashes are made anew. For spectra that are kept
 * as they are found: `cell` has the settings of all that are there now, so that a part is a cell of
 * other settings than the whole. WANE_EINVAL for another measure; WANE_ENOTFOUND. */
WANE_MUST_CHECK wane_status wane_cell_extend(wane_results *db, const wane_cell *cell,
                                             const wane_cell_rows *rows, wane_error *err);

/* Takes away all intervention cells of the sealed stage, with their rows: they stand on a count of
 * intruders that another has replaced. */
WANE_MUST_CHECK wane_status wane_cells_drop_interventions(wane_results *db, int64_t stage,
                                                          wane_error *err);

/* -------------------------------------------------------------------- stages and runs in work */

/* `path` must be synced before it is named here; relative to the database's artifact folder. */
typedef struct wane_artifact_row {
    const char *kind; /* "adapter", "tensors", "merged", ... */
    const char *path;
    const char *sha256;
    int64_t bytes;
} wane_artifact_row;

typedef struct wane_environment_row {
    const char *version;      /* of wane */
    int64_t numbers;          /* version of the numerics */
    const char *blas_core;    /* openblas_get_corename() */
    const char *blas_build;   /* openblas_get_config() */
    const char *cpu;          /* model name */
    const char *cpu_features; /* those that decide code paths */
    const char *compiler;
    const char *system; /* uname */
    int64_t threads, jobs;
    bool mixed; /* another core or numerics has a part in the weights, as --mixed allows */
} wane_environment_row;

/* On what a stage is being trained, before its seal; replaces what was there. */
WANE_MUST_CHECK wane_status wane_results_put_environment(wane_results *db, int64_t stage,
                                                         const wane_environment_row *row,
                                                         wane_error *err);

typedef struct wane_stage_seal {
    wane_stage_status status; /* DONE, DIVERGED, SKIPPED or FAILED */
    int64_t steps;            /* trained */
    int64_t diverged_at;      /* step, else WANE_NULL */
    const wane_artifact_row *artifacts;
    size_t artifact_count;
    const wane_environment_row *environment; /* may be NULL */
} wane_stage_seal;

/* Another seal for an artifact whose bytes were found to be the right ones. WANE_ENOTFOUND. */
WANE_MUST_CHECK wane_status wane_results_reseal_artifact(wane_results *db, int64_t stage,
                                                         const char *kind, const char *sha256,
                                                         wane_error *err);

WANE_MUST_CHECK wane_status wane_results_set_stage_status(wane_results *db, int64_t stage,
                                                          wane_stage_status status,
                                                          wane_error *err);
WANE_MUST_CHECK wane_status wane_results_seal_stage(wane_results *db, int64_t stage,
                                                    const wane_stage_seal *seal, wane_error *err);

typedef struct wane_stage_state {
    int64_t id;
    wane_stage_status status;
    int64_t steps, diverged_at; /* WANE_NULL before the seal, and when it did not diverge */
} wane_stage_state;
WANE_MUST_CHECK wane_status wane_results_stage_state(wane_results *db, wane_stage_state *out,
                                                     int64_t stage, wane_error *err);

/* An artifact of a stage. *path and *sha256 owned by the caller (wane_free), either may be NULL.
 * WANE_ENOTFOUND when there is none of the kind or its file was let go. */
WANE_MUST_CHECK wane_status wane_results_find_artifact(wane_results *db, char **path, char **sha256,
                                                       int64_t stage, const char *kind,
                                                       wane_error *err);
/* Marks a file that `keep:` lets go as gone; commit this before unlinking it. */
WANE_MUST_CHECK wane_status wane_results_drop_artifact(wane_results *db, int64_t stage,
                                                       const char *kind, wane_error *err);

/* A metric of a run after the stage at `position`. subject: a task's or corpus's name, or "". */
typedef struct wane_metric_row {
    int64_t position;
    const char *name; /* measures.md's names: "acc", "bwt", "forgetting", ... */
    const char *subject;
    double value;
    const char *reason; /* required when value is NaN */
} wane_metric_row;

typedef struct wane_gate_row {
    const char *name;
    const char *subject; /* a task, a corpus, or "" */
    bool passed;
    double value, bound; /* NaN where the gate has no number */
    const char *detail;  /* one line, or NULL */
} wane_gate_row;

typedef struct wane_run_seal {
    wane_run_status status;
    const char *error; /* one line, or NULL */
    const wane_metric_row *metrics;
    size_t metric_count;
    const wane_gate_row *gates;
    size_t gate_count;
} wane_run_seal;

WANE_MUST_CHECK wane_status wane_results_set_run_status(wane_results *db, int64_t run,
                                                        wane_run_status status, const char *error,
                                                        wane_error *err);
/* Status, metrics and gates at once; replaces the metrics of an earlier seal of the run, and gates
 * of the same name and subject. */
WANE_MUST_CHECK wane_status wane_results_seal_run(wane_results *db, int64_t run,
                                                  const wane_run_seal *seal, wane_error *err);
/* A gate known before the seal (an earlier one of the same name and subject is replaced). */
WANE_MUST_CHECK wane_status wane_results_put_gate(wane_results *db, int64_t run,
                                                  const wane_gate_row *gate, wane_error *err);

typedef struct wane_run_state {
    int64_t id;
    wane_run_status status;
} wane_run_state;
WANE_MUST_CHECK wane_status wane_results_run_state(wane_results *db, wane_run_state *out,
                                                   int64_t run, wane_error *err);

typedef struct wane_step_row {
    int64_t step;
    double loss, learning_rate, grad_norm; /* NaN is stored as NULL */
    int64_t tokens;
    double seconds;
} wane_step_row;

/* Steps of a stage; one that is there (a resume repeats what no checkpoint kept) is replaced. */
WANE_MUST_CHECK wane_status wane_results_put_steps(wane_results *db, int64_t stage,
                                                   const wane_step_row *steps, size_t count,
                                                   wane_error *err);

/* Time, memory and tokens of a phase ("train", "likelihood", ...) of a stage; adds to what an
 * interrupted process left there, the peak is the larger. What is WANE_NULL adds nothing. */
typedef struct wane_usage_row {
    const char *phase;
    double wall_s, cpu_s;
    int64_t peak_bytes; /* WANE_NULL: the system does not tell */
    int64_t tokens;     /* WANE_NULL: the phase counts none */
} wane_usage_row;
WANE_MUST_CHECK wane_status wane_results_add_usage(wane_results *db, int64_t stage,
                                                   const wane_usage_row *usage, wane_error *err);

/* One line of what happened, with the clock; run and stage may be 0. level: "info", "warning",
 * "error". */
WANE_MUST_CHECK wane_status wane_results_add_event(wane_results *db, int64_t run, int64_t stage,
                                                   const char *level, const char *message,
                                                   wane_error *err);
/* An event of level "warning", of a run and a stage or (0) of none, unless the same message is
 * there. */
WANE_MUST_CHECK wane_status wane_results_add_warning(wane_results *db, int64_t run, int64_t stage,
                                                     const char *message, wane_error *err);

#endif
