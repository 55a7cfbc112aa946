/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/cli/progress.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "store/base/clock.h"

/* Whether a live line is on the terminal now; of the process, as the terminal is. */
static bool live_line;

void wane_progress_clear(void)
{
    if (live_line) (void)fputs("\r\033[K", stderr);
    live_line = false;
}

void wane_progress_live(const char *format, ...)
{
    if (isatty(STDERR_FILENO) != 1) return;
    va_list arguments;
    va_start(arguments, format);
    (void)fputs("\r\033[K", stderr);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    live_line = true;
}

void wane_progress_start(wane_progress *progress, FILE *log, int worker)
{
    *progress = (wane_progress){
        .log = log, .worker = worker, .live = isatty(STDERR_FILENO) == 1 && !worker};
}

static void plain(const wane_progress *p, const char *line)
{
    wane_progress_clear();
    (void)fprintf(stderr, "%s\n", line);
    if (p->log) {
        (void)fprintf(p->log, "%s\n", line);
        (void)fflush(p->log);
    }
}

static void on_step(void *context, const wane_plan *plan, size_t run, size_t position, size_t step,
                    size_t steps, const wane_step *result)
{
    enum { LIVE_TENTHS = 2, PLAIN_SECONDS = 30 };
    wane_progress *p = context;
    double now = wane_clock_wall();
    if (step == p->first_step + 1) p->mean_loss = result->loss;
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
    (void)fprintf(stderr, "\r\033[K%s", line);
    live_line = true;
}

static void on_stage(void *context, const wane_plan *plan, size_t run, size_t position,
                     const char *phase)
{
    wane_progress *p = context;
    const wane_plan_run *r = &plan->runs[run];
    char line[400];
    double now = wane_clock_wall();
    if (strcmp(phase, "train") == 0) {
        p->stage_start = now;
        p->tokens = 0;
        p->last = now;
        p->first_step = 0;
        p->mean_loss = 0;
        return;
    }
    if (strcmp(phase, "done") != 0) return;
    const char *task = position
                           ? plan->inputs->experiment->tasks[wane_plan_task(r, position)].spec.name
                           : "the base model";
    if (position == 0) (void)snprintf(line, sizeof line, "stage 0: %s measured", task);
    else
        (void)snprintf(line, sizeof line, "run %zu/%zu %s: stage %zu/%zu %s done, loss %.4f",
                       run + 1, plan->run_count, r->name, position, r->length, task, p->mean_loss);
    plain(p, line);
}

wane_run_progress wane_progress_callbacks(wane_progress *progress)
{
    return (wane_run_progress){.context = progress, .step = on_step, .stage = on_stage};
}
