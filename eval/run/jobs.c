/* SPDX-License-Identifier: Apache-2.0
 * Starts workers round by round, reads what they tell in a shared map, passes a stop on, and tries
 * a run again whose worker has died.
 */
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

#include "eval/run/needs.h"
#include "eval/run/path.h"
#include "store/base/memory.h"

extern char **environ;

enum { MOST_JOBS = 64, MOST_DEATHS = 2 };

typedef struct worker {
    pid_t pid; /* 0: ended */
} worker;

/* What workers tell, in memory that lives as long as any of them: a place for each, which it alone
 * writes (what a killed one had done is there too), and a byte per run. */
typedef struct board {
    int fd;
    size_t bytes;
    wane_run_report *report; /* MOST_JOBS */
    unsigned char *ended;    /* per run */
} board;

/* The workers of one call, started round by round until every run is ended. */
typedef struct team {
    wane_work *work;
    worker workers[MOST_JOBS];
    board board;
    unsigned char *deaths; /* per run: workers of this call that died at it */
    wane_run_need need;
    wane_status ended_by; /* what a worker met that would hit every run */
    bool stopped;
    int unborn;  /* workers of a round that ended before they took up a run, and not well */
    int signal_; /* of the last death */
} team;

static size_t board_bytes(size_t runs)
{
    return MOST_JOBS * sizeof(wane_run_report) + runs;
}

static wane_status board_map(board *b, size_t runs, wane_error *err)
{
    void *map = mmap(NULL, board_bytes(runs), PROT_READ | PROT_WRITE, MAP_SHARED, b->fd, 0);
    if (map == MAP_FAILED) return wane_fail_errno(err, "jobs", "memory shared with workers");
    b->bytes = board_bytes(runs);
    b->report = map;
    b->ended = (unsigned char *)(b->report + MOST_JOBS);
    return WANE_OK;
}

static wane_status board_open(board *out, size_t runs, wane_error *err)
{
    out->fd = memfd_create("wane-workers", 0); /* the workers inherit it */
    if (out->fd < 0 || ftruncate(out->fd, (off_t)board_bytes(runs)) != 0)
        return wane_fail_errno(err, "jobs", "memory shared with workers");
    return board_map(out, runs, err);
}

static void board_close(board *b)
{
    if (b->report) (void)munmap(b->report, b->bytes);
    if (b->fd >= 0) (void)close(b->fd);
}

wane_status wane_jobs_report(wane_run_shared *out, int fd, int number, size_t runs, wane_error *err)
{
    struct stat facts;
    board b = {.fd = fd};
    if (number < 1 || number > MOST_JOBS || fstat(fd, &facts) != 0 ||
        facts.st_size != (off_t)board_bytes(runs))
        return wane_fail(err, WANE_EINVAL, "jobs: worker %d: no memory shared with its parent",
                         number);
    wane_status st = board_map(&b, runs, err);
    if (st != WANE_OK) return st;
    (void)close(fd); /* the mapping stays */
    *out = (wane_run_shared){&b.report[number - 1], b.ended};
    return WANE_OK;
}

/* Adds what the workers have done to `sum`; how runs ended, the parent counts itself. */
static void add_up(wane_run_outcome *sum, const team *t)
{
    for (int i = 0; i < MOST_JOBS; i++) {
        const wane_run_outcome *done = &t->board.report[i].done;
        sum->stages_trained += done->stages_trained;
        sum->steps_trained += done->steps_trained;
        sum->cells_filled += done->cells_filled;
    }
}

static wane_status start_worker(team *t, int number, wane_error *err)
{
    char *const *command = t->work->options->command;
    wane_run_report *report = &t->board.report[number - 1];
    worker *out = &t->workers[number - 1];
    size_t count = 0;
    char text[16], fd[16];
    while (command[count]) count++;
    char **arguments = wane_alloc(count + 5, sizeof *arguments);
    if (!arguments) return wane_fail_memory(err, "jobs", "worker");
    report->run = 0;
    report->returned = false;
    (void)snprintf(text, sizeof text, "%d", number);
    (void)snprintf(fd, sizeof fd, "%d", t->board.fd);
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

static void pass_on(const team *t, int signal_)
{
    for (int i = 0; i < MOST_JOBS; i++)
        if (t->workers[i].pid > 0) (void)kill(t->workers[i].pid, signal_);
}

/* A worker has ended: well, by a stop, by what would hit every run, or it died. One that died, or
 * that found no memory, has hit the run it had in hand; that one is tried once more. */
static void note_end(team *t, int i, int status)
{
    const wane_log *log = t->work->options->log;
    const wane_run_report *report = &t->board.report[i];
    const wane_plan *plan = t->work->plan;
    const char *run =
        report->run && report->run <= plan->run_count ? plan->runs[report->run - 1].name : NULL;
    t->workers[i].pid = 0;
    if (WIFSIGNALED(status)) {
        wane_log_line(log, WANE_LOG_ERROR, "worker %d died of signal %d%s%s", i + 1,
                      WTERMSIG(status), run ? " at " : "", run ? run : "");
    } else if (report->returned && report->status != WANE_ENOMEM) {
        if (report->status == WANE_ECANCELLED) t->stopped = true;
        else if (report->status != WANE_OK) t->ended_by = report->status;
        return;
    }
    t->signal_ = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (run) t->deaths[report->run - 1]++;
    else t->unborn++;
}

/* Waits for every worker; a stop is passed on once. */
static void wait_for_all(team *t)
{
    const struct timespec nap = {0, 50 * 1000 * 1000};
    const wane_run_progress *p = &t->work->options->progress;
    bool told = false;
    for (;;) {
        wane_error ignored;
        int left = 0, status = 0;
        if (!told && wane_work_continue(t->work, &ignored) != WANE_OK) {
            pass_on(t, SIGTERM);
            t->stopped = told = true;
        }
        for (int i = 0; i < MOST_JOBS; i++) {
            if (t->workers[i].pid > 0 && waitpid(t->workers[i].pid, &status, WNOHANG) > 0)
                note_end(t, i, status);
            left += t->workers[i].pid > 0;
        }
        if (left == 0) return;
        wane_run_outcome done = {0};
        add_up(&done, t);
        if (p->workers) p->workers(p->context, left, &done, &t->need);
        (void)nanosleep(&nap, NULL);
    }
}

/* At a run too many workers have died, and nobody else has taken it up. */
static wane_status give_up(team *t, size_t r, wane_error *err)
{
    wane_work *work = t->work;
    const wane_plan_run *run = &work->plan->runs[r];
    wane_lock *lock = NULL;
    wane_run_state state = {0};
    char why[80];
    wane_status st = wane_run_take(&lock, work, run, false, err);
    if (st == WANE_EBUSY) return WANE_OK; /* asked again later */
    if (t->signal_)
        (void)snprintf(why, sizeof why, "its worker process died of signal %d, %d times",
                       t->signal_, MOST_DEATHS);
    else (void)snprintf(why, sizeof why, "its worker process found no memory");
    if (st == WANE_OK) st = wane_results_run_state(work->db, &state, run->id, err);
    if (st == WANE_OK && (state.status == WANE_RUN_RUNNING || state.status == WANE_RUN_PLANNED))
        st = wane_results_set_run_status(work->db, run->id, WANE_RUN_FAILED, why, err);
    if (st == WANE_OK) st = wane_results_add_event(work->db, run->id, 0, "error", why, err);
    if (st == WANE_OK) wane_log_line(work->options->log, WANE_LOG_ERROR, "%s: %s", run->name, why);
    t->board.ended[r] = 1;
    wane_lock_release(lock);
    return st;
}

typedef struct survey {
    size_t ended, free, held; /* runs: those nobody is at are free */
} survey;

/* What is left to be done. A run that another process was seen with is either done by now, or left
 * by it. */
static wane_status look_around(survey *out, team *t, wane_error *err)
{
    *out = (survey){0};
    for (size_t r = 0; r < t->work->plan->run_count; r++) {
        const wane_plan_run *run = &t->work->plan->runs[r];
        bool held = false, left = false;
        wane_status st = WANE_OK;
        if (!t->board.ended[r] && !(held = wane_run_held(t->work, run))) {
            st = wane_run_left(&left, t->work, run, err);
            if (st == WANE_OK && !left) t->board.ended[r] = 1;
            else if (st == WANE_OK && t->deaths[r] >= MOST_DEATHS) st = give_up(t, r, err);
        }
        if (st != WANE_OK) return st;
        if (t->board.ended[r]) out->ended++;
        else if (held || t->deaths[r] >= MOST_DEATHS) out->held++;
        else out->free++;
    }
    return WANE_OK;
}

static wane_status one_round(team *t, size_t workers, wane_error *err)
{
    wane_status st = WANE_OK;
    t->unborn = 0;
    for (size_t i = 0; i < workers && st == WANE_OK; i++) st = start_worker(t, (int)i + 1, err);
    if (st != WANE_OK) pass_on(t, SIGTERM);
    wait_for_all(t);
    return st;
}

/* Every round takes what is free; what others hold is waited for, and is free again when they died.
 * When twice no worker comes as far as a run, none ever will. */
static wane_status all_rounds(team *t, wane_error *err)
{
    const struct timespec nap = {0, 50 * 1000 * 1000};
    const char *name = t->work->experiment->name;
    size_t most = (size_t)t->work->options->jobs, ended = 0;
    int barren = 0;
    bool said = false;
    wane_status st = one_round(t, most, err);
    while (st == WANE_OK && !t->stopped && !t->ended_by) {
        survey s;
        wane_error ignored;
        if ((st = look_around(&s, t, err)) != WANE_OK || s.free + s.held == 0) return st;
        barren = t->unborn && s.ended == ended ? barren + 1 : 0;
        if (barren > 1)
            return wane_fail(err, WANE_EIO,
                             "run: %s: its workers end before they take up a run; run the same "
                             "line again to go on",
                             name);
        ended = s.ended;
        t->unborn = 0;
        if (s.free) {
            st = one_round(t, s.free < most ? s.free : most, err);
            continue;
        }
        if (!said)
            wane_log_line(t->work->options->log, WANE_LOG_INFO,
                          "%s: %zu %s in the hands of another process; waiting", name, s.held,
                          s.held == 1 ? "run is" : "runs are");
        said = true;
        (void)nanosleep(&nap, NULL);
        t->stopped = wane_work_continue(t->work, &ignored) != WANE_OK;
    }
    return st;
}

/* The runs as this call leaves them. Of one that it has tried and not brought to its end it counts
 * a failure; what the database says of it is for whoever met the error to say. */
static wane_status count_runs(wane_work *work, bool stopped, wane_error *err)
{
    wane_run_outcome *o = work->outcome;
    for (size_t r = 0; r < work->plan->run_count; r++) {
        const wane_plan_run *run = &work->plan->runs[r];
        wane_run_state state = {0};
        bool left = false;
        wane_status st = wane_results_run_state(work->db, &state, run->id, err);
        bool gate = state.status == WANE_RUN_GATE_FAILED;
        /* A gate may have kept the run from all of its stages. */
        if (st == WANE_OK && !stopped && !gate) st = wane_run_left(&left, work, run, err);
        if (st != WANE_OK) return st;
        if (left || state.status == WANE_RUN_FAILED) o->runs_failed++;
        else if (gate) o->gates_failed++;
        else o->runs_done += state.status == WANE_RUN_DONE;
        o->runs_diverged += !left && state.status == WANE_RUN_DIVERGED;
    }
    return WANE_OK;
}

wane_status wane_jobs_run(wane_work *work, wane_error *err)
{
    team t = {.work = work, .board = {.fd = -1}};
    const size_t runs = work->plan->run_count;
    const char *name = work->experiment->name;
    wane_status st = WANE_OK;
    if (work->options->jobs > MOST_JOBS)
        return wane_fail(err, WANE_EINVAL, "jobs: %d: at most %d", work->options->jobs, MOST_JOBS);
    t.deaths = wane_alloc(runs, sizeof *t.deaths);
    WANE_TRY(t.deaths ? WANE_OK : wane_fail_memory(err, "jobs", name));
    WANE_TRY(wane_run_needs(&t.need, work->plan, work->db, work->options->mixed, err));
    WANE_TRY(board_open(&t.board, runs, err));
    st = all_rounds(&t, err);
    add_up(work->outcome, &t);
    if (st == WANE_OK) st = count_runs(work, t.stopped || t.ended_by, err);
    if (st == WANE_OK && t.ended_by)
        st =
            wane_fail(err, t.ended_by,
                      "run: %s: a worker met what would hit every run (its line is above); run the "
                      "same line again to go on",
                      name);
    else if (st == WANE_OK && t.stopped)
        st = wane_fail(err, WANE_ECANCELLED, "run: %s: stopped; run the same line again to go on",
                       name);
done:
    board_close(&t.board);
    wane_free(t.deaths);
    return st;
}
