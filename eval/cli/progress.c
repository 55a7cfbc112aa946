/* SPDX-License-Identifier: Apache-2.0
 * The callbacks of a run: how far a step, a stage or all workers are, as one live line or as lines
 * at a pace.
 */
#include "eval/cli/progress.h"

#include <string.h>
#include <unistd.h>

#include "analysis/report/live.h"
#include "analysis/report/page.h"
#include "store/base/clock.h"
#include "store/base/text.h"

void wane_progress_start(wane_progress *progress, FILE *log, int worker)
{
    *progress = (wane_progress){
        .log = log, .worker = worker, .live = isatty(STDERR_FILENO) == 1 && !worker};
}

static void plain(const wane_progress *p, const char *line)
{
    wane_live_clear();
    /* The parent's live line is in the way of a worker's. */
    if (p->worker && isatty(STDERR_FILENO) == 1) (void)fputs("\r\033[K", stderr);
    wane_tell("%s\n", line);
    if (p->log) {
        wane_put(p->log, line, strlen(line));
        (void)fputs("\n", p->log);
        (void)fflush(p->log);
    }
}

static void on_step(void *context, const wane_plan *plan, size_t run, size_t position, size_t step,
                    size_t steps, const wane_step *result)
{
    enum { LIVE_TENTHS = 2, PLAIN_SECONDS = 30 };
    wane_progress *p = context;
    double now = wane_clock_wall();
    if (!result->finite) { /* the stage's line will say so */
        p->step = step;
        return;
    }
    if (p->step == 0) { /* not always the first of the stage: a run may go on from a checkpoint */
        p->first_step = step - 1;
        p->mean_loss = result->loss;
    }
    p->step = step;
    p->mean_loss += 0.1 * (result->loss - p->mean_loss);
    p->tokens += result->tokens;
    if (now - p->last < (p->live ? 0.1 * LIVE_TENTHS : PLAIN_SECONDS)) return;
    p->last = now;
    double rate = (double)p->tokens / (now - p->stage_start);
    double left = (now - p->stage_start) / (double)(step - p->first_step) * (double)(steps - step);
    char line[400];
    (void)snprintf(line, sizeof line,
                   "%s stage %zu/%zu: step %zu/%zu, loss %.4f, %.0f tokens/s, %.0f s left",
                   plan->runs[run].name, position, plan->runs[run].length, step, steps,
                   p->mean_loss, rate, left);
    if (!p->live) {
        plain(p, line);
        return;
    }
    wane_live_show("%s", line);
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

/* What was done: trained, measured, or both; false when nothing was. */
static bool write_deed(wane_text *out, const wane_progress *p, const char *phase, size_t cells)
{
    if (strcmp(phase, "diverged") == 0) {
        wane_text_printf(out, "diverged after step %zu", p->step);
        return true;
    }
    if (p->trained)
        wane_text_printf(out, "trained, %zu step%s, loss %.4f", p->step - p->first_step,
                         plural(p->step - p->first_step), p->mean_loss);
    if (cells)
        wane_text_printf(out, "%s%zu cell%s filled", p->trained ? "; " : "", cells, plural(cells));
    return p->trained || cells;
}

static void on_stage(void *context, const wane_plan *plan, size_t run, size_t position,
                     const char *phase, size_t cells, const char *outcome)
{
    wane_progress *p = context;
    const wane_plan_run *r = &plan->runs[run];
    if (strcmp(phase, "train") == 0) {
        p->stage_start = p->last = wane_clock_wall();
        p->trained = true;
        p->tokens = p->step = p->first_step = 0;
        p->mean_loss = 0;
        return;
    }
    if (strcmp(phase, "measure") == 0) return;
    wane_text line = {0};
    if (position == 0) wane_text_string(&line, "stage 0, the base model: ");
    else
        wane_text_printf(&line, "run %zu/%zu %s: stage %zu/%zu %s: ", run + 1, plan->run_count,
                         r->name, position, r->length,
                         plan->inputs->experiment->tasks[wane_plan_task(r, position)].spec.name);
    bool some = write_deed(&line, p, phase, cells);
    if (some && outcome) wane_text_printf(&line, "; %s", outcome);
    if (some && !line.failed) plain(p, line.data);
    wane_text_free(&line);
    p->trained = false;
}

/* Lines of stages are the workers' own; on a terminal their parent says how far they are together.
 */
static void on_workers(void *context, int workers, const wane_run_outcome *done,
                       const wane_run_need *need)
{
    const double seconds = 0.2;
    wane_progress *p = context;
    double now = wane_clock_wall();
    if (!p->live || now - p->last < seconds) return;
    p->last = now;
    wane_live_show("%d worker%s: %zu of %zu stages trained, %zu of %zu steps, %zu of %zu cells",
                   workers, plural((size_t)workers), done->stages_trained, need->stages_missing,
                   done->steps_trained, need->steps_missing, done->cells_filled,
                   need->cells_missing);
}

wane_run_progress wane_progress_callbacks(wane_progress *progress)
{
    return (wane_run_progress){
        .context = progress, .step = on_step, .stage = on_stage, .workers = on_workers};
}
