/* SPDX-License-Identifier: Apache-2.0
 * An experiment as written in its YAML file, typed and expanded, with every default in place.
 *
 * Nothing is opened here but the YAML itself: paths are resolved, not read.
 */
#ifndef EVAL_EXPERIMENT_EXPERIMENT_H
#define EVAL_EXPERIMENT_EXPERIMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/spectra/interventions.h"
#include "eval/train/train.h"
#include "store/base/memory.h"
#include "store/base/status.h"
#include "store/base/text.h"
#include "store/files/setting.h"
#include "tasks/data/corpus.h"
#include "tasks/data/task.h"

/* Directions are stored at least so many: what is counted at every stage is among the first 10. */
enum { WANE_LEAST_TOP = 10 };

/* A task of the experiment: read from files, or built in. */
typedef struct wane_experiment_task {
    wane_task_spec spec; /* name and path set; path NULL for a built-in task */
    const char *builtin; /* name of the built-in task, or NULL */
    uint64_t builtin_seed;
    bool watched;   /* measured, never trained on */
    bool per_token; /* normalise: tokens */
} wane_experiment_task;

typedef struct wane_experiment_corpus {
    wane_corpus_spec spec;
    bool builtin;
    uint64_t builtin_seed;
    size_t builtin_documents;
    const char *role;  /* "pretraining" (the axis of pretraining_forgetting) or "other" */
    bool role_assumed; /* the file gives its only corpus no role: taken as pretraining */
    double weight;     /* in the mean over the corpora of one role; > 0 */
    size_t tokens, stride, window; /* 0: all tokens, no overlap, the model's context */
} wane_experiment_corpus;

typedef struct wane_order {
    const char *name;
    size_t count;
    const size_t *tasks; /* indices into tasks */
} wane_order;

/* protocol.adapter: what becomes of a stage's adapter when the next stage trains. */
typedef enum wane_policy {
    WANE_POLICY_MERGE,    /* merged into the weights, rounded to fp32; the next adapter is fresh */
    WANE_POLICY_CONTINUE, /* trained on, over the base's weights */
    WANE_POLICY_STACK     /* frozen; the next one is added to it, over the base's weights. What is
                             measured is the base plus the exact sum, rounded once */
} wane_policy;

/* protocol.head: what says the label. */
typedef enum wane_head_protocol {
    WANE_HEAD_VERBALIZER, /* the language model head: the label's tokens after the prompt */
    WANE_HEAD_LINEAR,     /* a linear head per task on the prompt's last token, trained with the
                             stage and kept; a task not yet trained has no score */
    WANE_HEAD_REPROBE     /* trained as under linear; measured by a logistic regression fitted anew
                             after each stage to the frozen features of each task's training rows */
} wane_head_protocol;

/* Runs beside a method's own. The first two bound what it could reach and are not continual
 * themselves; the third tells how far its numbers hang on rounding. */
typedef enum wane_bound {
    WANE_BOUND_NONE,
    WANE_BOUND_JOINT,    /* stage k: tasks 1..k together, from the base */
    WANE_BOUND_SINGLE,   /* stage k: task k alone, from the base */
    WANE_BOUND_PERTURBED /* a run again, from initial numbers changed by WANE_PERTURBATION: the
                            fresh factors of every stage; of a full method the weights that it
                            trains, before its first stage */
} wane_bound;

/* Each initial number is multiplied by 1 + so much times a standard normal. */
#define WANE_PERTURBATION 1e-7

typedef enum wane_joint { WANE_JOINT_NONE, WANE_JOINT_LAST, WANE_JOINT_ALL } wane_joint;

/* Of wane_policy and of wane_head_protocol, each ended by NULL. */
extern const char *const wane_policy_names[], *const wane_head_names[];
const char *wane_bound_name(wane_bound bound); /* "joint", "single", "perturbed"; NULL: none */

/* One method with every list expanded: everything of a run but order and seed. */
typedef struct wane_run_config {
    const char *name;   /* "lora-r4-lr0.003": the method's name plus what was a list */
    const char *method; /* the name in the file, "lora" */
    bool given;         /* nothing is trained: `stages` has a model, tensors or adapter per stage */
    const char *const *stages;
    size_t stage_count;
    wane_method_settings settings;
    wane_training training;        /* total_steps is filled per stage */
    const wane_strategy *strategy; /* against forgetting; none of a given one */
    void *strategy_settings;       /* its struct, in the experiment's memory */
    wane_bound bound;              /* of the config named `bounds`, whose settings it has */
    const char *bounds;            /* NULL when bound is none */
} wane_run_config;

typedef enum wane_keep {
    WANE_KEEP_ALL,
    WANE_KEEP_ADAPTERS,
    WANE_KEEP_LAST,
    WANE_KEEP_NONE
} wane_keep;

/* What is asked of interventions; lambda_count 0: nothing. */
typedef struct wane_interventions {
    bool choice[WANE_CHOICES], arm[WANE_ARMS];
    size_t lambda_count;
    const double *lambdas; /* ascending */
    bool every_stage;      /* stages: all */
    size_t position_count;
    const size_t *positions; /* neither: the last stage of each run */
    size_t k;
    double epsilon;
    wane_side side;
    bool together; /* compare: together (else pairs) */
} wane_interventions;

/* How the built-in model is pretrained from its seed (model: builtin, and `wane pretrain`). */
typedef struct wane_pretraining {
    size_t width, layers, heads, kv_heads, hidden, context;
    size_t documents, batch_tokens, steps;
    double learning_rate, warmup_ratio, weight_decay, clip;
    uint64_t seed;
} wane_pretraining;

/* What is measured while a stage trains, at step 0, every `every` steps and the last. */
typedef struct wane_tracking {
    size_t every; /* 0: nothing is */
    bool spectra; /* and norms against the base, with the identity of the first `top` directions */
    size_t top;
    size_t nll_tokens; /* the first of the pretraining corpus; 0: none */
    size_t task_rows;  /* the first of every task trained so far; 0: none */
} wane_tracking;

/* Matrices whose overlaps |U_0^T U| are stored. */
typedef struct wane_shown_matrices {
    const char *pattern; /* wane_matrix_named */
    bool all_stages;     /* else after the last one of a run */
    bool u, v;
    long line, column; /* of the pattern in the file */
} wane_shown_matrices;

/* measures: one that comes only where it is asked for. Whether there is one of that name:
 * wane_measures_check (eval/cells). */
typedef struct wane_asked_measure {
    const char *name;
    long line, column; /* in the file */
} wane_asked_measure;

/* intruders.nulls: which stages have the draws of null.h beside their count. */
typedef enum wane_nulls_asked {
    WANE_NULLS_AUTO, /* those of adapters; where weights are tuned whole, the last of a run */
    WANE_NULLS_ALL,
    WANE_NULLS_NONE
} wane_nulls_asked;

typedef struct wane_experiment {
    const char *name, *file, *root;
    const char *model; /* a folder, or NULL: the built-in model */
    wane_pretraining pretraining;
    size_t corpus_count, task_count, order_count, seed_count, config_count;
    wane_experiment_corpus *corpora;
    wane_experiment_task *tasks; /* trained ones first, in order of the file; then watched */
    size_t trained_tasks;
    wane_order *orders;
    uint64_t *seeds;
    bool sample_seed; /* a run's seed draws its training rows too (else train_rows are the same
                         rows for all) */
    wane_training training; /* what a method has where it does not say otherwise */
    wane_run_config *configs;
    wane_policy policy;
    wane_head_protocol head;
    bool evaluate_seen; /* protocol.evaluate: seen (else all) */
    wane_joint joint;   /* bounds.joint: for every k, for the last one, or none */
    bool single;        /* bounds.single */
    size_t perturbed;   /* bounds.perturbed: how many runs of each config that has them; 0: none */
    size_t intruders_top; /* 0 = all */
    bool intruders_u, intruders_v;
    wane_nulls_asked intruders_nulls;
    wane_spectrum_way intruders_exact; /* by wane_spectra_bounded (eval/cells) */
    wane_tracking track;
    size_t shown_count;
    wane_shown_matrices *shown;
    size_t asked_count;
    wane_asked_measure *asked;
    bool against_previous; /* intruders.against: also the stage before */
    wane_interventions interventions;
    wane_keep keep;
    double checkpoint_minutes;
    double stop_wall_seconds; /* 0 = none */
    size_t limit;             /* test rows per task at most; 0 = none */
    wane_arena *memory;
} wane_experiment;

/* Reads `path` with the overrides applied in order (each "key.path=value"; "root=..." is the folder
 * relative paths start from, by default the folder of the file). Every error names file, key, line
 * and column. Free with wane_experiment_free (NULL allowed). */
WANE_MUST_CHECK wane_status wane_experiment_load(wane_experiment **out, const char *path,
                                                 const char *const *overrides, size_t count,
                                                 wane_error *err);
/* The same from text; `name` is what messages call it, `folder` the default root. */
WANE_MUST_CHECK wane_status wane_experiment_parse(wane_experiment **out, const char *bytes,
                                                  size_t size, const char *name, const char *folder,
                                                  const char *const *overrides, size_t count,
                                                  wane_error *err);
/* Models, adapters and tensors that are names on the hub (store/files/hub.h) and lie at no such
 * path under the root become names with the commit that they stand for now. Its errors. */
WANE_MUST_CHECK wane_status wane_experiment_pin(wane_experiment *experiment, wane_error *err);
void wane_experiment_free(wane_experiment *experiment);

/* What `wane demo` and `wane pretrain` use when nothing else is said. */
wane_pretraining wane_pretraining_defaults(void);

/* Every key of an experiment file: blocks on a wane_experiment, and beside them those of what it
 * holds. The root; the built-in model's, on a wane_pretraining; and the protocol's. */
extern const wane_settings wane_experiment_settings, wane_pretraining_settings,
    wane_protocol_settings;

/* Appends the experiment with every default spelled out, as YAML. */
void wane_experiment_print(wane_text *out, const wane_experiment *experiment);

#endif
