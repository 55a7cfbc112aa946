/* SPDX-License-Identifier: Apache-2.0
 * What the parts of a run share: one process at work on a plan. Used inside eval/run alone.
 */
#ifndef EVAL_RUN_WORK_H
#define EVAL_RUN_WORK_H

#include "eval/measure/measure.h"
#include "eval/run/environment.h"
#include "eval/run/run.h"
#include "eval/train/train.h"
#include "store/files/file.h"
#include "store/files/tensors.h"
#include "store/files/update.h"

typedef struct wane_random_score {
    double accuracy, bound;
} wane_random_score;

/* Stage 0's window scores of one corpus, for the paired error of the change. */
typedef struct wane_base_windows {
    double *nll;
    size_t count;
} wane_base_windows;

typedef struct wane_work {
    wane_plan *plan;
    const wane_inputs *inputs;
    const wane_experiment *experiment;
    const wane_run_options *options;
    wane_run_outcome *outcome;
    wane_results *db;
    wane_pool *pool;
    char *artifacts;                  /* folder; owned */
    struct wane_base_svd **svd;       /* per parameter, read or computed when first needed; owned */
    wane_base_windows *base_windows;  /* per corpus; owned */
    wane_random_score *random_scores; /* per task, once measured; owned */
    struct wane_intervening *intervening; /* the stage whose interventions are measured; owned */
    wane_prompts *probe_rows;             /* per task: training rows a probe is fitted to; owned */
    double deadline;                      /* on wane_clock_wall; 0 = none */
    bool mixed;                           /* cells are filled by other kernels than some weights */
    double cell_wall, cell_cpu;           /* clocks, when the cell at work was begun */
    double apart_wall, apart_cpu;         /* spent inside the cell at work, on a phase of its own */
} wane_work;

/* The weights of one path through the tree, as far as they are materialised. */
typedef struct wane_chain {
    wane_model *model; /* weights of the stage at `position` */
    size_t position;
    wane_update *updates; /* [p - 1]: what stage p changed; {0} when not loaded */
    size_t length;        /* of updates */
    bool from_base;       /* every stage starts from the base, none from the one before it */
    bool given;           /* the weights were read whole from a checkpoint trained elsewhere */
} wane_chain;

/* WANE_ECANCELLED once a stop was asked for or the deadline has passed. */
WANE_MUST_CHECK wane_status wane_work_continue(const wane_work *work, wane_error *err);

/* run.c: whether anything of the run is still to be trained, measured or sealed. */
WANE_MUST_CHECK wane_status wane_run_left(bool *out, wane_work *work, const wane_plan_run *run,
                                          wane_error *err);
/* Whether a process is at work on it: its lock is asked about, not taken. */
bool wane_run_held(wane_work *work, const wane_plan_run *run);
/* Takes its lock; without `wait` WANE_EBUSY when another process has it, with it WANE_ECANCELLED
 * once a stop was asked for. */
WANE_MUST_CHECK wane_status wane_run_take(wane_lock **out, wane_work *work,
                                          const wane_plan_run *run, bool wait, wane_error *err);

/* "artifacts/name". Owned by the caller, free with wane_free; NULL when memory is out. */
char *wane_work_path(const wane_work *work, const char *kind, const char *name);

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
typedef struct wane_saved {
    wane_artifact_row row[3];
    char *path[3], sha[3][WANE_SHA256_HEX];
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
/* "head". Free with wane_tensors_close. */
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
/* Moves the chain from position - 1 to the sealed stage at `position`. */
WANE_MUST_CHECK wane_status wane_stage_load(wane_work *work, const wane_plan_run *run,
                                            size_t position, wane_chain *chain, wane_error *err);
/* The weights `position` starts from, for an adapter that is continued: those of the base. */
void wane_chain_to_base(wane_chain *chain, const wane_inputs *inputs);
/* Unlinks what `keep` does not keep of a finished run and no unfinished run needs. */
WANE_MUST_CHECK wane_status wane_stage_let_go(wane_work *work, const wane_plan_run *run,
                                              wane_error *err);

/* Called for each cell that belongs to a stage; it lives as long as the call. `subject` is an index
 * that the measure's filling knows. */
typedef wane_status wane_visit_cell(void *context, const wane_cell *cell, size_t subject,
                                    wane_error *err);

/* cells.c: the cells of one stage. */
/* Calls `visit` for each that belongs to the stage at `position` once it is sealed; looks into its
 * training: wane_track_visit. Needs no database. */
WANE_MUST_CHECK wane_status wane_cells_visit(const wane_plan *plan, const wane_plan_run *run,
                                             size_t position, wane_visit_cell *visit, void *context,
                                             wane_error *err);
typedef struct wane_cells_count {
    size_t cells, missing; /* all of them; those to be measured */
    size_t earlier; /* spectra of the earlier definition (spectra.h) that stay as they are, because
                       they cannot be measured again (wane_stage_reachable) */
    size_t gone;    /* cells of a sealed stage that are not there and cannot be filled, because the
                       weights they would be measured on are not on disk */
    size_t beside;  /* nulls, onsets and norms that nobody asked for by name (auto), likewise, or of
                       other kernels: their stages were measured before there were such cells */
} wane_cells_count;
WANE_MUST_CHECK wane_status wane_cells_missing(wane_cells_count *out, wane_work *work,
                                               const wane_plan_run *run, size_t position,
                                               wane_error *err);
/* Measures what is missing on the chain's weights, each cell in its own transaction; what counts as
 * `earlier` or `gone` is passed by. */
WANE_MUST_CHECK wane_status wane_cells_fill(wane_work *work, const wane_plan_run *run,
                                            size_t position, const wane_chain *chain,
                                            wane_error *err);
/* What a phase has cost, with the peak so far; it counts no tokens unless the caller says so. */
wane_usage_row wane_work_usage(const char *phase, double wall, double cpu);
/* Commits a cell, marked when kernels are mixed; one of a sealed stage together with what it has
 * cost. All cells of a run go in by this. */
WANE_MUST_CHECK wane_status wane_work_commit(wane_work *work, const wane_cell *cell,
                                             const wane_cell_rows *rows, wane_error *err);
/* cell_corpus.c, cell_task.c, cell_spectra.c: measure one cell on the chain's weights and commit
 * it. trained_here: the stage trained on this task, so KL to the base is measured too. */
WANE_MUST_CHECK wane_status wane_cell_fill_corpus(wane_work *work, const wane_cell *cell,
                                                  size_t corpus, const wane_plan_run *run,
                                                  size_t position, const wane_chain *chain,
                                                  wane_error *err);
WANE_MUST_CHECK wane_status wane_cell_fill_task(wane_work *work, const wane_cell *cell, size_t task,
                                                const wane_plan_run *run, size_t position,
                                                const wane_chain *chain, wane_error *err);
/* cell_heads.c: the same under `head: linear` and `head: reprobe`; *reason (a constant) says why
 * there is no score. */
/* The position whose head scores the task at `position` under `head: linear`; 0: none does. */
size_t wane_head_position(const wane_work *work, const wane_plan_run *run, size_t position,
                          size_t task);
WANE_MUST_CHECK wane_status wane_score_by_head(wane_accuracy *out, const char **reason,
                                               wane_work *work, size_t task,
                                               const wane_plan_run *run, size_t position,
                                               const wane_chain *chain, wane_error *err);
void wane_probe_rows_free(wane_work *work);
WANE_MUST_CHECK wane_status wane_cell_fill_spectra(wane_work *work, const wane_cell *cell,
                                                   const wane_plan_run *run, size_t position,
                                                   const wane_chain *chain, wane_error *err);
/* cell_previous.c: the same against the stage before; the time of its singular vectors is a phase
 * of its own, "svd_previous". */
WANE_MUST_CHECK wane_status wane_cell_fill_previous(wane_work *work, const wane_cell *cell,
                                                    const wane_plan_run *run, size_t position,
                                                    const wane_chain *chain, wane_error *err);
/* The weights of the sealed stage at `position` (0: the base) read anew. Owned by the caller. */
WANE_MUST_CHECK wane_status wane_stage_model(wane_model **out, wane_work *work,
                                             const wane_plan_run *run, size_t position,
                                             wane_error *err);
/* Unlinks the singular vectors kept of the stage at `position`. */
WANE_MUST_CHECK wane_status wane_previous_let_go(wane_work *work, const wane_plan_run *run,
                                                 size_t position, wane_error *err);
/* cell_change.c: f_delta on the prompts of the trained task, angles between increments. */
WANE_MUST_CHECK wane_status wane_visit_change(const wane_cell *like, const wane_plan *plan,
                                              const wane_plan_run *run, size_t position,
                                              wane_visit_cell *visit, void *context,
                                              wane_error *err);
WANE_MUST_CHECK wane_status wane_cell_fill_change(wane_work *work, const wane_cell *cell,
                                                  size_t task, const wane_plan_run *run,
                                                  size_t position, const wane_chain *chain,
                                                  wane_error *err);
/* cell_overlap.c: |U_0^T U| of the matrices that `matrices:` names; each name must name one. */
WANE_MUST_CHECK wane_status wane_overlap_check(const wane_experiment *x,
                                               const wane_parameters *table, wane_error *err);
WANE_MUST_CHECK wane_status wane_visit_overlaps(const wane_cell *like, const wane_plan *plan,
                                                const wane_plan_run *run, size_t position,
                                                wane_visit_cell *visit, void *context,
                                                wane_error *err);
WANE_MUST_CHECK wane_status wane_cell_fill_overlap(wane_work *work, const wane_cell *cell,
                                                   size_t parameter, const wane_plan_run *run,
                                                   size_t position, const wane_chain *chain,
                                                   wane_error *err);
/* cell_null.c: what stands beside a count of intruders. A null of every stage that its adapters
 * make, of others after the last one of a run (or as `intruders: {nulls: ...}` says); onset of
 * those alone; the norm of every change. subject: of a null its kind. */
WANE_MUST_CHECK wane_status wane_visit_nulls(const wane_cell *like, const wane_plan *plan,
                                             const wane_plan_run *run, size_t position,
                                             wane_visit_cell *visit, void *context,
                                             wane_error *err);
WANE_MUST_CHECK wane_status wane_cell_fill_null(wane_work *work, const wane_cell *cell, size_t kind,
                                                const wane_plan_run *run, size_t position,
                                                const wane_chain *chain, wane_error *err);
WANE_MUST_CHECK wane_status wane_cell_fill_onset(wane_work *work, const wane_cell *cell,
                                                 size_t position, const wane_chain *chain,
                                                 wane_error *err);
WANE_MUST_CHECK wane_status wane_cell_fill_norm(wane_work *work, const wane_cell *cell,
                                                const wane_chain *chain, wane_error *err);
void wane_base_windows_free(wane_work *work);

/* gates.c: measures.md's section 6. Each is stored for the run as soon as it is known. *finite =
 * false: the base is not, and nothing can be held against it. */
WANE_MUST_CHECK wane_status wane_gates_of_run(bool *finite, wane_work *work,
                                              const wane_plan_run *run, wane_error *err);
/* Stores a gate for every run that the stage is part of, whichever works on it; fills gate->subject
 * with the name of the task at the stage. */
WANE_MUST_CHECK wane_status wane_gate_put_for_stage(wane_work *work, const wane_plan_run *run,
                                                    size_t position, wane_gate_row *gate,
                                                    wane_error *err);
/* Whether a gate of the run is stored, and whether it has passed (true where it is not stored). */
WANE_MUST_CHECK wane_status wane_gate_there(bool *out, wane_work *work, const wane_plan_run *run,
                                            const char *name, const char *subject, wane_error *err);
WANE_MUST_CHECK wane_status wane_gate_passed(bool *out, wane_work *work, const wane_plan_run *run,
                                             const char *name, const char *subject,
                                             wane_error *err);
/* finite.c: "finite": weights and logits of what was given (the base, a stage trained elsewhere)
 * are. A trained stage that is not is a result, and no gate. The cells of the stage must be there;
 * model: its weights, or NULL where they are not at hand. */
WANE_MUST_CHECK wane_status wane_gate_base_finite(bool *finite, wane_work *work,
                                                  const wane_plan_run *run, wane_error *err);
WANE_MUST_CHECK wane_status wane_gate_given_finite(wane_work *work, const wane_plan_run *run,
                                                   size_t position, const wane_model *model,
                                                   wane_error *err);
/* Says, once for all runs, that the base is not: every run fails its gate alike. */
WANE_MUST_CHECK wane_status wane_base_tell_not_finite(wane_work *work, wane_error *err);
/* Whether no likelihood and no accuracy of the sealed stage is missing as not finite. */
WANE_MUST_CHECK wane_status wane_stage_finite(bool *out, wane_work *work, int64_t stage,
                                              wane_error *err);
/* Gates around the training of a sealed stage, from a run that has them: this one may be new. */
WANE_MUST_CHECK wane_status wane_gates_of_stage(wane_work *work, const wane_plan_run *run,
                                                size_t position, wane_error *err);
/* nll of the probe (the first windows of the first corpus, else the first training prompts) under a
 * model and adapter; the base of the two gates around training. */
typedef struct wane_probe {
    double nll;
    float *logits; /* of the last position of the first window; owned, free with wane_free */
    bool finite;   /* both */
} wane_probe;
WANE_MUST_CHECK wane_status wane_probe_take(wane_probe *out, wane_work *work,
                                            const wane_model *model, const wane_adapter *adapter,
                                            wane_error *err);
/* "adapter_init": a new adapter changes nothing; "merged": merging changes nothing. */
WANE_MUST_CHECK wane_status wane_gate_adapter_init(wane_work *work, const wane_plan_run *run,
                                                   size_t position, const wane_probe *before,
                                                   const wane_probe *with, wane_error *err);
WANE_MUST_CHECK wane_status wane_gate_merged(wane_work *work, const wane_plan_run *run,
                                             size_t position, const wane_probe *unmerged,
                                             const wane_probe *merged, wane_error *err);

/* seal.c: metrics of a run whose cells are all there, its status, its seal. */
WANE_MUST_CHECK wane_status wane_run_finish(wane_work *work, const wane_plan_run *run,
                                            bool diverged, wane_error *err);
/* What its rows give now, as its seal would say it. *rows: wane_free; their texts are borrowed from
 * the experiment. */
WANE_MUST_CHECK wane_status wane_run_metrics(wane_metric_row **rows, size_t *count, wane_work *work,
                                             const wane_plan_run *run, wane_error *err);
/* Metrics of sealed runs that wait for bounds measured since, or that an earlier wane did not know.
 */
WANE_MUST_CHECK wane_status wane_metrics_finish(wane_work *work, wane_error *err);

/* outcome.c: *out = in words that the stage is collapsed, NULL when it is not or that is unknown; a
 * constant. And the counts of the whole plan into work->outcome. */
WANE_MUST_CHECK wane_status wane_outcome_of_stage(const char **out, wane_work *work,
                                                  const wane_plan_run *run, size_t position,
                                                  wane_error *err);
WANE_MUST_CHECK wane_status wane_outcome_count(wane_work *work, wane_error *err);

/* environment.c */
/* WANE_EVERSION when `stage` was made under another BLAS core, kernel features or numerics, and
 * --mixed was not said. */
WANE_MUST_CHECK wane_status wane_environment_check(wane_work *work, int64_t stage, wane_error *err);
/* *out: whether it was, or is mixed itself. A stage of which nothing is known is not. */
WANE_MUST_CHECK wane_status wane_environment_mixed(bool *out, wane_work *work, int64_t stage,
                                                   wane_error *err);

#endif
