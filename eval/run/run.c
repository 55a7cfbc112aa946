/* SPDX-License-Identifier: Apache-2.0
 * The orchestrator: walks every run's path, trains what is not sealed, fills what is missing.
 */

#include "eval/run/run.h"

#include "analysis/spectra/spectrum.h"
#include "eval/cells/cells.h"
#include "eval/cells/track.h"
#include "eval/plan/warnings.h"
#include "eval/run/gates.h"
#include "eval/run/jobs.h"
#include "eval/run/needs.h"
#include "eval/run/path.h"
#include "eval/run/seal.h"
#include "eval/stages/stage_kind.h"
#include "store/base/clock.h"
#include "store/base/memory.h"
#include "store/base/text.h"
#include "store/files/file.h"

/* ----------------------------------------------------------------------------------- all runs */

static wane_status base_stage(wane_work *work, wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_plan_run *run = &work->plan->runs[0];
    wane_stage_state state = {0};
    wane_chain chain = {.model = work->inputs->base};
    wane_lock *lock = NULL;
    bool diverged = false;
    WANE_TRY(wane_work_lock(&lock, work, "base.lock", true, err));
    WANE_TRY(wane_results_stage_state(work->db, &state, work->plan->stages[0].id, err));
    if (state.status == WANE_STAGE_DONE)
        WANE_TRY(wane_environment_check(work, work->plan->stages[0].id, err));
    wane_cells_count count = {0};
    const size_t before = work->outcome->cells_filled;
    WANE_TRY(wane_cells_missing(&count, work, run, 0, err));
    if (count.missing) wane_work_tell(work, 0, 0, "measure", before);
    if (state.status != WANE_STAGE_DONE)
        WANE_TRY(work->plan->stages[0].kind->come(work, run, 0, 0, &chain, &diverged, err));
    WANE_TRY(wane_cells_fill(work, run, 0, &chain, err));
    if (count.missing) wane_work_tell(work, 0, 0, "done", before);
done:
    wane_lock_release(lock);
    return st;
}

/* What other processes have in hand is passed by at first, then waited for, and taken over where
 * they left it; of a worker's rest its parent takes care. */
static wane_status all_runs(wane_work *work, wane_error *err)
{
    wane_status st = WANE_OK;
    const unsigned char *ended = work->options->shared.ended;
    bool *held = wane_alloc(work->plan->run_count, sizeof *held);
    if (!held) return wane_fail_memory(err, "run", work->experiment->name);
    for (int pass = 0; pass < 2 && st == WANE_OK; pass++)
        for (size_t r = 0; r < work->plan->run_count && st == WANE_OK; r++) {
            if (pass == 1 && (!held[r] || work->options->worker)) continue;
            if (ended && ended[r]) continue;
            st = wane_run_locked(work, r, pass == 1, &held[r], err);
        }
    wane_free(held);
    return st;
}

static wane_status open_work(wane_work *work, wane_error *err)
{
    static const char *const folders[] = {"",    "locks",        "updates",
                                          "svd", "svd_previous", "checkpoints"};
    wane_status st = WANE_OK;
    WANE_TRY(wane_artifacts_enter(&work->artifacts, work->options->database, err));
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char *path = folders[i][0] ? wane_path_join(work->artifacts, folders[i])
                                   : wane_strdup(work->artifacts);
        st = path ? wane_folder_make(path, err) : wane_fail_memory(err, "run", work->artifacts);
        wane_free(path);
        if (st != WANE_OK) goto done;
    }
    work->svd = wane_alloc(work->inputs->base->parameters.count, sizeof(wane_base_svd *));
    WANE_TRY(work->svd ? WANE_OK : wane_fail_memory(err, "run", "spectra"));
    WANE_TRY(wane_pool_new(&work->pool, work->options->threads, err));
    WANE_TRY(wane_results_open(&work->db, work->options->database, WANE_RESULTS_CREATE, err));
    WANE_TRY(wane_artifacts_check(work->db, err));
    WANE_TRY(wane_plan_store(work->plan, work->db, err));
    if (work->experiment->stop_wall_seconds > 0)
        work->deadline = wane_clock_wall() + work->experiment->stop_wall_seconds;
done:
    return st;
}

/* Why cells of the run's stage are not there, with the run and the stage, once. */
static wane_status record_gone(wane_work *work, const wane_plan_run *run, size_t position,
                               size_t cells, wane_error *err)
{
    wane_text line = {0};
    const wane_plan_stage *stage = &work->plan->stages[run->stages[position]];
    wane_text_printf(&line,
                     "%s: %zu cell%s of stage %zu cannot be filled: weights_gone: the weights or "
                     "heads they would be measured on are not on disk",
                     run->name, cells, cells == 1 ? "" : "s", position);
    wane_status st = wane_text_check(&line, "run", run->name, err);
    if (st == WANE_OK) st = wane_results_add_warning(work->db, run->id, stage->id, line.data, err);
    wane_text_free(&line);
    return st;
}

static wane_status record_all_gone(wane_work *work, wane_error *err)
{
    wane_status st = WANE_OK;
    for (size_t r = 0; r < work->plan->run_count; r++)
        for (size_t p = 1; p <= work->plan->runs[r].length; p++) {
            const wane_plan_run *run = &work->plan->runs[r];
            wane_cells_count count = {0};
            st = wane_cells_missing(&count, work, run, p, err);
            if (st == WANE_OK && count.gone) st = record_gone(work, run, p, count.gone, err);
            if (st != WANE_OK) return st;
        }
    return st;
}

/* What was measured by an earlier definition and cannot be measured again here, and what cannot be
 * measured at all. */
static wane_status tell_unreachable(wane_work *work, wane_error *err)
{
    const wane_log *log = work->options->log;
    wane_run_need need = {0};
    wane_status st = wane_run_needs(&need, work->plan, work->db, work->options->mixed, err);
    if (st == WANE_OK && need.cells_earlier)
        wane_log_line(
            log, WANE_LOG_WARNING,
            "%zu %s as an earlier wane measured %s: the weights are not on disk, or of other "
            "kernels (wane explain earlier_definition)",
            need.cells_earlier, need.cells_earlier == 1 ? "spectrum stays" : "spectra stay",
            need.cells_earlier == 1 ? "it" : "them");
    if (st == WANE_OK && need.cells_beside)
        wane_log_line(
            log, WANE_LOG_WARNING,
            "%zu cell%s that come%s with every stage unasked cannot be filled for stages that an "
            "earlier wane measured: the weights are not on disk, or of other kernels (wane "
            "explain weights_gone)",
            need.cells_beside, need.cells_beside == 1 ? "" : "s",
            need.cells_beside == 1 ? "s" : "");
    if (st != WANE_OK || !need.cells_gone) return st;
    work->outcome->cells_gone = need.cells_gone;
    wane_log_line(log, WANE_LOG_WARNING,
                  "%s: %zu cell%s cannot be filled: weights_gone: the weights or heads they would "
                  "be measured on are not on disk; their runs stay as they are (wane query %s "
                  "--name events; wane explain weights_gone)",
                  work->experiment->name, need.cells_gone, need.cells_gone == 1 ? "" : "s",
                  work->options->database);
    return record_all_gone(work, err);
}

static wane_status store_warnings(const wane_work *work, wane_error *err)
{
    wane_warnings warnings = {0};
    wane_status st = wane_warnings_find(&warnings, work->plan, err);
    if (st == WANE_OK) st = wane_warnings_store(&warnings, work->db, work->experiment->name, err);
    wane_warnings_free(&warnings);
    return st;
}

static void close_work(wane_work *work)
{
    for (size_t i = 0; work->svd && i < work->inputs->base->parameters.count; i++)
        wane_base_svd_free(work->svd[i]);
    wane_free(work->svd);
    wane_cells_free(work);
    wane_free(work->random_scores);
    wane_results_close(work->db);
    wane_pool_free(work->pool);
    wane_artifacts_leave(work->artifacts);
}

wane_status wane_run(wane_run_outcome *out, wane_plan *plan, const wane_run_options *options,
                     wane_error *err)
{
    wane_run_outcome own = {0};
    wane_run_report *report = options->shared.report;
    wane_work work = {.plan = plan,
                      .inputs = plan->inputs,
                      .experiment = plan->inputs->experiment,
                      .options = options,
                      .watcher = &wane_tracker_watcher,
                      .outcome = report ? &report->done : &own};
    wane_status st = open_work(&work, err);
    if (st == WANE_OK && !options->worker) st = store_warnings(&work, err);
    if (st == WANE_OK) st = base_stage(&work, err);
    if (st == WANE_OK && !options->worker) st = wane_base_tell_not_finite(&work, err);
    if (st == WANE_OK && options->jobs > 1 && !options->worker) st = wane_jobs_run(&work, err);
    else if (st == WANE_OK) st = all_runs(&work, err);
    if (st == WANE_OK && !options->worker) st = wane_metrics_finish(&work, err);
    if (st == WANE_OK && !options->worker) st = tell_unreachable(&work, err);
    if (st == WANE_OK && !options->worker) st = wane_outcome_count(&work, err);
    close_work(&work);
    *out = *work.outcome;
    if (report) report->status = st;
    if (report) report->returned = true;
    return st;
}
