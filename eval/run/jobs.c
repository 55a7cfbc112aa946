/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/run/jobs.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/base/memory.h"

extern char **environ;

enum { MOST_JOBS = 64 };

typedef struct worker {
    pid_t pid; /* 0: ended */
    int status;
} worker;

/* Counts of all workers, in memory that lives as long as any of them: a place for each, which it
 * alone writes. What a killed one had done is there too. */
typedef struct reports {
    int fd;
    wane_run_outcome *of; /* MOST_JOBS */
} reports;

enum { REPORT_BYTES = MOST_JOBS * sizeof(wane_run_outcome) };

static wane_status reports_open(reports *out, wane_error *err)
{
    *out = (reports){.fd = memfd_create("wane-workers", 0)}; /* the workers inherit it */
    if (out->fd < 0 || ftruncate(out->fd, REPORT_BYTES) != 0)
        return wane_fail_errno(err, "jobs", "memory shared with workers");
    void *map = mmap(NULL, REPORT_BYTES, PROT_READ, MAP_SHARED, out->fd, 0);
    if (map == MAP_FAILED) return wane_fail_errno(err, "jobs", "memory shared with workers");
    out->of = map;
    return WANE_OK;
}

static void reports_close(reports *r)
{
    if (r->of) (void)munmap(r->of, REPORT_BYTES);
    if (r->fd >= 0) (void)close(r->fd);
}

wane_status wane_jobs_report(wane_run_outcome **out, int fd, int number, wane_error *err)
{
    struct stat facts;
    void *map = MAP_FAILED;
    if (number >= 1 && number <= MOST_JOBS && fstat(fd, &facts) == 0 &&
        facts.st_size == REPORT_BYTES)
        map = mmap(NULL, REPORT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return wane_fail(err, WANE_EINVAL, "jobs: worker %d: no memory shared with its parent",
                         number);
    (void)close(fd); /* the mapping stays */
    *out = (wane_run_outcome *)map + (number - 1);
    return WANE_OK;
}

/* Adds what the workers have done to `sum`; how runs ended, the parent counts itself. */
static void add_up(wane_run_outcome *sum, const reports *r, int jobs)
{
    for (int i = 0; i < jobs; i++) {
        sum->stages_trained += r->of[i].stages_trained;
        sum->steps_trained += r->of[i].steps_trained;
        sum->cells_filled += r->of[i].cells_filled;
    }
}

static wane_status start_worker(worker *out, wane_work *work, int number, int report,
                                wane_error *err)
{
    char *const *command = work->options->command;
    size_t count = 0;
    char text[16], fd[16];
    while (command[count]) count++;
    char **arguments = wane_alloc(count + 5, sizeof *arguments);
    if (!arguments) return wane_fail_memory(err, "jobs", "worker");
    (void)snprintf(text, sizeof text, "%d", number);
    (void)snprintf(fd, sizeof fd, "%d", report);
    memcpy(arguments, command, 2 * sizeof *arguments); /* the program and its subcommand */
    arguments[2] = "--worker";
    arguments[3] = text;
    arguments[4] = "--report";
    arguments[5] = fd;
    memcpy(arguments + 6, command + 2, (count - 2) * sizeof *arguments);
    int failed = posix_spawn(&out->pid, "/proc/self/exe", NULL, NULL, arguments, environ);
    wane_free(arguments);
    if (!failed) return WANE_OK;
    out->pid = 0;
    errno = failed;
    return wane_fail_errno(err, "jobs", "worker");
}

static void pass_on(const worker *workers, int count, int signal_)
{
    for (int i = 0; i < count; i++)
        if (workers[i].pid > 0) (void)kill(workers[i].pid, signal_);
}

/* Waits for every worker; a stop is passed on once. */
static void wait_for_all(worker *workers, int count, const reports *r, const wane_run_need *need,
                         const wane_work *work)
{
    const wane_run_progress *p = &work->options->progress;
    bool told = false;
    int left = 0;
    for (int i = 0; i < count; i++) left += workers[i].pid > 0;
    while (left > 0) {
        wane_error ignored;
        struct timespec nap = {0, 50 * 1000 * 1000};
        if (!told && wane_work_continue(work, &ignored) != WANE_OK) {
            pass_on(workers, count, SIGTERM);
            told = true;
        }
        for (int i = 0; i < count; i++) {
            if (workers[i].pid <= 0 || waitpid(workers[i].pid, &workers[i].status, WNOHANG) <= 0)
                continue;
            workers[i].pid = 0;
            left--;
            if (WIFSIGNALED(workers[i].status))
                wane_log_line(work->options->log, WANE_LOG_ERROR, "worker %d died of signal %d",
                              i + 1, WTERMSIG(workers[i].status));
        }
        wane_run_outcome done = {0};
        add_up(&done, r, count);
        if (left > 0 && p->workers) p->workers(p->context, left, &done, need);
        if (left > 0) (void)nanosleep(&nap, NULL);
    }
}

/* The runs as the workers left them. One still marked running has lost its worker, or is in the
 * hands of another process (a worker whose parent was killed): that one is waited for. */
static wane_status count_runs(wane_work *work, bool stopped, wane_error *err)
{
    for (size_t r = 0; r < work->plan->run_count; r++) {
        const wane_plan_run *run = &work->plan->runs[r];
        wane_run_state state = {0};
        wane_status st = WANE_OK;
        if (!stopped && wane_run_held(work, run)) {
            if ((st = wane_run_locked(work, r, true, err)) != WANE_OK) return st;
            continue;
        }
        st = wane_results_run_state(work->db, &state, run->id, err);
        if (st == WANE_OK && state.status == WANE_RUN_RUNNING && !stopped) {
            state.status = WANE_RUN_FAILED;
            st = wane_results_set_run_status(work->db, state.id, WANE_RUN_FAILED,
                                             "its worker process died", err);
        }
        if (st != WANE_OK) return st;
        wane_run_outcome *o = work->outcome;
        /* Sealed, and cells that were asked for since could not be filled; a gate may have kept it
         * from all of its stages. */
        if (!stopped && state.status != WANE_RUN_GATE_FAILED && wane_run_waits(work, run)) {
            o->runs_failed++;
            continue;
        }
        o->runs_done += state.status == WANE_RUN_DONE;
        o->runs_diverged += state.status == WANE_RUN_DIVERGED;
        o->gates_failed += state.status == WANE_RUN_GATE_FAILED;
        o->runs_failed +=
            state.status == WANE_RUN_FAILED || (!stopped && state.status == WANE_RUN_PLANNED);
    }
    return WANE_OK;
}

wane_status wane_jobs_run(wane_work *work, wane_error *err)
{
    worker workers[MOST_JOBS] = {0};
    int jobs = work->options->jobs;
    reports r = {.fd = -1};
    wane_run_need need;
    if (jobs > MOST_JOBS)
        return wane_fail(err, WANE_EINVAL, "jobs: %d: at most %d", jobs, MOST_JOBS);
    wane_status st = wane_run_needs(&need, work->plan, work->db, work->options->mixed, err);
    if (st == WANE_OK) st = reports_open(&r, err);
    for (int i = 0; i < jobs && st == WANE_OK; i++)
        st = start_worker(&workers[i], work, i + 1, r.fd, err);
    if (st != WANE_OK) pass_on(workers, jobs, SIGTERM);
    if (r.of) {
        wait_for_all(workers, jobs, &r, &need, work);
        add_up(work->outcome, &r, jobs);
    }
    reports_close(&r);
    if (st != WANE_OK) return st;
    wane_error why;
    wane_status stop = wane_work_continue(work, &why);
    for (int i = 0; i < jobs; i++)
        if (WIFEXITED(workers[i].status) && WEXITSTATUS(workers[i].status) == 3)
            stop = WANE_ECANCELLED;
    st = count_runs(work, stop != WANE_OK, err);
    if (st == WANE_OK && stop != WANE_OK)
        st = wane_fail(err, WANE_ECANCELLED, "run: %s: stopped; run the same line again to go on",
                       work->experiment->name);
    return st;
}
