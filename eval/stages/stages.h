/* SPDX-License-Identifier: Apache-2.0
 * A stage: its training and its seal, what it leaves on disk, its weights read back.
 */
#ifndef EVAL_STAGES_STAGES_H
#define EVAL_STAGES_STAGES_H

#include "eval/stages/work.h"
#include "store/files/safetensors.h"
#include "store/files/tensors.h"

/* What looks at a stage while it trains: it changes no trained bit. A table of functions that the
 * caller of the training gives (work->watcher); the tracker is theirs. */
typedef struct wane_tracker wane_tracker;
typedef struct wane_watcher {
    /* Of the stage at `position` that `trainer` trains on chain->model; all borrowed. *out = NULL
     * when nothing is to be looked at; then nothing below is called. */
    wane_status (*begin)(wane_tracker **out, wane_work *work, const wane_plan_run *run,
                         size_t position, const wane_chain *chain, const wane_trainer *trainer,
                         wane_error *err);
    /* Goes on behind a checkpoint of `done` steps. */
    wane_status (*resume)(wane_tracker *tracker, size_t done, wane_error *err);
    /* Looks, when a look is due after `done` of `steps` steps. */
    wane_status (*look)(wane_tracker *tracker, size_t done, size_t steps, wane_error *err);
    /* Keeps what `resume` needs; called before the checkpoint of the trainer is written. */
    wane_status (*save)(wane_tracker *tracker, wane_error *err);
    /* Stores what looks have cost; *wall and *cpu the sum. */
    wane_status (*usage)(wane_tracker *tracker, double *wall, double *cpu, wane_error *err);
    /* The stage is over: nothing is to be resumed. */
    wane_status (*end)(wane_tracker *tracker, wane_error *err);
    void (*free)(wane_tracker *tracker);
} wane_watcher;

/* stage_train.c: trains stage `position` of the run from chain->model (the weights of position - 1)
 * and seals it; afterwards the chain stands at `position`. A diverged stage is sealed as such and
 * *diverged set; the chain then is of no further use. */
WANE_MUST_CHECK wane_status wane_stage_train(wane_work *work, const wane_plan_run *run,
                                             size_t run_index, size_t position, wane_chain *chain,
                                             bool *diverged, wane_error *err);
/* Unlinks what a process killed right behind the seal of a stage has left of its training. */
WANE_MUST_CHECK wane_status wane_stage_clear(wane_work *work, const wane_plan_run *run,
                                             size_t position, wane_error *err);

/* stage_save.c: what a trained stage leaves on disk, and the rows that name it at the seal. */
enum { WANE_SAVED = 4 };
typedef struct wane_saved {
    wane_artifact_row row[WANE_SAVED];
    char *path[WANE_SAVED], sha[WANE_SAVED][WANE_SHA256_HEX];
    size_t count;
} wane_saved;
void wane_saved_free(wane_saved *saved);
/* kind: "adapter" or "tensors": the stage's update; "stack": all adapters up to it as one. */
WANE_MUST_CHECK wane_status wane_save_update(wane_saved *saved, const wane_work *work,
                                             const wane_plan_stage *stage, const char *kind,
                                             const wane_update *update, wane_error *err);
WANE_MUST_CHECK wane_status wane_save_head(wane_saved *saved, const wane_work *work,
                                           const wane_plan_stage *stage,
                                           const wane_class_head *head, wane_error *err);
/* "strategy": what its strategy keeps for the stage behind it. */
WANE_MUST_CHECK wane_status wane_save_strategy(wane_saved *saved, const wane_work *work,
                                               const wane_plan_stage *stage,
                                               const wane_tensor_source *tensors, size_t count,
                                               wane_error *err);
/* The head that the stage trained for one of its tasks: labels x width. Free with wane_free. */
WANE_MUST_CHECK wane_status wane_load_head(float **out, wane_work *work,
                                           const wane_plan_stage *stage, size_t task,
                                           wane_error *err);

/* artifact.c: where an artifact lies, and the seal of it (sealed may be NULL); both owned by the
 * caller. WANE_ENOTFOUND when there is none or it was let go, WANE_EFORMAT when its row says
 * anything but the place of its stage and kind (artifacts.h). */
WANE_MUST_CHECK wane_status wane_artifact_find(char **path, char **sealed, wane_work *work,
                                               const wane_plan_stage *stage, const char *kind,
                                               wane_error *err);
/* The same WANE_EFORMAT for any row of the database: it may come from anybody. */
WANE_MUST_CHECK wane_status wane_artifacts_check(wane_results *db, wane_error *err);
/* What a sealed stage has left, read from bytes that are those that were sealed: they
 * are brought to memory once, hashed and read there. WANE_EFORMAT when they are others.
 * "adapter", "tensors". An adapter's seal is over both its files. One sealed before, over the
 * factors alone, must have the rank, scale and targets that the stage was trained with, and is
 * sealed anew over both. Free with wane_update_free. */
WANE_MUST_CHECK wane_status wane_artifact_update(wane_update *out, wane_work *work,
                                                 const wane_plan_stage *stage, const char *kind,
                                                 wane_error *err);
/* "head", "strategy". Free with wane_tensors_close. */
WANE_MUST_CHECK wane_status wane_artifact_tensors(wane_tensors **out, wane_work *work,
                                                  const wane_plan_stage *stage, const char *kind,
                                                  wane_error *err);

/* stage_weights.c: whether the weights of the sealed stage can be read back here: all updates that
 * make them are on disk (else GONE) and, without --mixed, of this machine's kernels. Position 0 is
 * always HERE. */
typedef enum wane_reach { WANE_REACH_HERE, WANE_REACH_OTHER_KERNELS, WANE_REACH_GONE } wane_reach;
WANE_MUST_CHECK wane_status wane_stage_reachable(wane_reach *out, wane_work *work,
                                                 const wane_plan_run *run, size_t position,
                                                 wane_error *err);
/* Whether the head that the sealed stage trained is on disk. */
WANE_MUST_CHECK wane_status wane_head_kept(bool *out, wane_work *work, const wane_plan_stage *stage,
                                           wane_error *err);
/* Moves the chain from position - 1 to the sealed stage at `position`, as its kind says. */
WANE_MUST_CHECK wane_status wane_stage_load(wane_work *work, const wane_plan_run *run,
                                            size_t position, wane_chain *chain, wane_error *err);
/* The same of one that was trained: from the update under its seal (a kind's `load`), and the head
 * under it (a kind's `head`). */
WANE_MUST_CHECK wane_status wane_stage_load_trained(wane_work *work, const wane_plan_run *run,
                                                    size_t position, wane_chain *chain,
                                                    wane_error *err);
WANE_MUST_CHECK wane_status wane_stage_load_head(float **out, wane_work *work,
                                                 const wane_plan_run *run, size_t position,
                                                 size_t task, const wane_chain *chain,
                                                 wane_error *err);
/* The weights `position` starts from, for an adapter that is continued: those of the base. */
void wane_chain_to_base(wane_chain *chain, const wane_inputs *inputs);
/* Unlinks what `keep` does not keep of a finished run and no unfinished run needs. */
WANE_MUST_CHECK wane_status wane_stage_let_go(wane_work *work, const wane_plan_run *run,
                                              wane_error *err);

/* The weights of the sealed stage at `position` (0: the base) read anew. Owned by the caller. */
WANE_MUST_CHECK wane_status wane_stage_model(wane_model **out, wane_work *work,
                                             const wane_plan_run *run, size_t position,
                                             wane_error *err);

/* WANE_EVERSION when `stage` was made under another BLAS core, kernel features or numerics, and
 * --mixed was not said. */
WANE_MUST_CHECK wane_status wane_environment_check(wane_work *work, int64_t stage, wane_error *err);
/* *out: whether it was, or is mixed itself. A stage of which nothing is known is not. */
WANE_MUST_CHECK wane_status wane_environment_mixed(bool *out, wane_work *work, int64_t stage,
                                                   wane_error *err);
/* The base and a checkpoint trained elsewhere have nothing to train: the stage is sealed as it is
 * read. */
WANE_MUST_CHECK wane_status wane_stage_seal_untrained(wane_work *work, const wane_plan_stage *stage,
                                                      wane_error *err);

#endif
