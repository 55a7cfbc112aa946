/* SPDX-License-Identifier: Apache-2.0
 * Opens experiment, log, inputs and plan in order, catches the signals that stop a run, and turns a
 * run's outcome into an exit code.
 */
#include "eval/cli/experiment_call.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analysis/report/correlating.h"
#include "analysis/report/live.h"
#include "analysis/report/page.h"
#include "analysis/report/run_summary.h"
#include "eval/cli/next.h"
#include "eval/cli/progress.h"
#include "eval/plan/warnings.h"
#include "store/base/clock.h"
#include "store/base/memory.h"
#include "store/files/enclosed.h"
#include "store/files/file.h"

static volatile sig_atomic_t stop_signal;

static void note_stop(int signal_)
{
    stop_signal = signal_;
}

static void write_line(void *context, wane_level level, const char *line)
{
    static const char *const words[] = {"", "warning: ", "error: "};
    wane_opened *opened = context;
    char now[24];
    wane_live_clear();
    wane_tell("%s%s\n", words[level], line);
    wane_clock_utc(now);
    if (opened->log_waits) wane_text_printf(&opened->waiting, "%s %s%s\n", now, words[level], line);
    if (!opened->log_file) return;
    (void)fprintf(opened->log_file, "%s %s%s\n", now, words[level], line);
    (void)fflush(opened->log_file);
}

/* The log is appended to, so it is a file of its own: no link to another, nothing that is waited
 * for. One that is not there is made, or, with `out` NULL, left to be. */
static wane_status open_log(FILE **out, const char *path, const char *file, wane_error *err)
{
    struct stat info, read;
    const int flags = O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    int fd = open(path, flags | (out ? O_CREAT : 0), 0666);
    if (fd < 0 && errno == ENOENT && !out) return WANE_OK;
    if (fd < 0 && errno == ELOOP)
        return wane_fail(err, WANE_EINVAL, "open: %s: a link, and a log is appended to none", path);
    if (fd < 0 && errno == ENXIO)
        return wane_fail(err, WANE_EINVAL, "open: %s: not a regular file", path);
    if (fd < 0) return wane_fail_errno(err, "open", path);
    wane_status st = WANE_OK;
    if (fstat(fd, &info) != 0) st = wane_fail_errno(err, "open", path);
    else if (!S_ISREG(info.st_mode))
        st = wane_fail(err, WANE_EINVAL, "open: %s: not a regular file", path);
    else if (file && stat(file, &read) == 0 && read.st_dev == info.st_dev &&
             read.st_ino == info.st_ino)
        st = wane_fail(err, WANE_EEXIST,
                       "open: %s: the log would be the experiment's file; give the database "
                       "another name",
                       path);
    else if (wane_file_is_database(path))
        st = wane_fail(err, WANE_EEXIST, "open: %s: the log would be a database", path);
    else if (out && !(*out = fdopen(fd, "a"))) st = wane_fail_errno(err, "open", path);
    if (st != WANE_OK || !out) (void)close(fd);
    return st;
}

static wane_status log_path(wane_text *out, const char *database, wane_error *err)
{
    wane_text_printf(out, "%s.log", database);
    size_t length = out->length;
    if (length > 7 && strcmp(out->data + length - 7, ".db.log") == 0)
        memcpy(out->data + length - 7, ".log", 5);
    return wane_text_check(out, "open", "log", err);
}

/* What was said so far goes first. */
static wane_status begin_log(wane_opened *o, const char *path, const char *file, wane_error *err)
{
    wane_status st = open_log(&o->log_file, path, file, err);
    if (st == WANE_OK && o->waiting.length)
        (void)fwrite(o->waiting.data, 1, o->waiting.length, o->log_file);
    o->log_waits = false;
    wane_text_free(&o->waiting);
    return st;
}

static wane_status open_rest(wane_opened *o, const char *file, const char *database, int threads,
                             bool with_log, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_text path = {0}, builtin = {0}, log = {0};
    const char *slash = file ? strrchr(file, '/') : NULL;
    if (database) wane_text_string(&path, database);
    else
        wane_text_printf(&path, "%.*s%s.db", slash ? (int)(slash - file + 1) : 0, slash ? file : "",
                         o->experiment->name);
    WANE_TRY(wane_text_check(&path, "open", "database", err));
    o->database = path.data;
    path = (wane_text){0};
    wane_text_printf(&builtin, "%s.artifacts", o->database);
    WANE_TRY(wane_text_check(&builtin, "open", o->database, err));
    WANE_TRY(wane_enclose(builtin.data, err));
    o->artifacts = builtin.data;
    builtin = (wane_text){0};
    if (with_log) {
        WANE_TRY(log_path(&log, o->database, err));
        WANE_TRY(open_log(NULL, log.data, file, err));
        WANE_TRY(wane_results_writable(o->database, err));
        o->log_waits = true;
    }
    o->log = (wane_log){write_line, o};
    WANE_TRY(wane_experiment_pin(o->experiment, err));
    WANE_TRY(wane_pool_new(&o->pool, threads, err));
    WANE_TRY(wane_inputs_open(&o->inputs, o->experiment, o->artifacts, o->pool, &o->log, err));
    WANE_TRY(wane_plan_make(&o->plan, o->inputs, err));
    if (with_log) WANE_TRY(begin_log(o, log.data, file, err));
    wane_pool_free(o->pool); /* a run has its own */
    o->pool = NULL;
done:
    wane_text_free(&path);
    wane_text_free(&builtin);
    wane_text_free(&log);
    if (st != WANE_OK) wane_opened_close(o);
    return st;
}

wane_status wane_opened_load(wane_opened *out, const char *path, const char *const *overrides,
                             size_t count, const char *database, int threads, bool with_log,
                             wane_error *err)
{
    *out = (wane_opened){0};
    wane_status st = wane_experiment_load(&out->experiment, path, overrides, count, err);
    return st == WANE_OK ? open_rest(out, path, database, threads, with_log, err) : st;
}

wane_status wane_opened_parse(wane_opened *out, const char *text, const char *name,
                              const char *const *overrides, size_t count, const char *database,
                              int threads, bool with_log, wane_error *err)
{
    *out = (wane_opened){0};
    wane_status st = wane_experiment_parse(&out->experiment, text, strlen(text), name, "",
                                           overrides, count, err);
    return st == WANE_OK ? open_rest(out, NULL, database, threads, with_log, err) : st;
}

void wane_opened_close(wane_opened *opened)
{
    wane_plan_free(opened->plan);
    wane_inputs_free(opened->inputs);
    wane_experiment_free(opened->experiment);
    wane_pool_free(opened->pool);
    wane_enclose_end(opened->artifacts);
    wane_free(opened->artifacts);
    wane_free(opened->database);
    wane_text_free(&opened->waiting);
    if (opened->log_file) (void)fclose(opened->log_file);
    *opened = (wane_opened){0};
}

wane_status wane_opened_warn(const wane_opened *opened, wane_error *err)
{
    wane_warnings warnings = {0};
    wane_status st = wane_warnings_find(&warnings, opened->plan, err);
    for (size_t i = 0; i < warnings.count; i++)
        wane_log_line(&opened->log, WANE_LOG_WARNING, "%s: %s", opened->experiment->name,
                      warnings.text[i]);
    wane_warnings_free(&warnings);
    return st;
}

static void catch_stops(void)
{
    struct sigaction action = {.sa_handler = note_stop};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

/* The results on stdout, then what to type next on stderr. */
static wane_status print_summary(const wane_opened *o, wane_error *err)
{
    wane_text text = {0};
    wane_results *db = NULL;
    wane_status st = wane_results_open(&db, o->database, WANE_RESULTS_READ, err);
    if (st == WANE_OK) st = wane_summary_print(&text, db, o->experiment->name, err);
    wane_text_string(&text, "\n");
    if (st == WANE_OK) {
        st = wane_correlate_print(&text, db, o->experiment->name, "intruders",
                                  "pretraining_forgetting", err);
        if (st == WANE_EINVAL || st == WANE_ENUMERIC) {
            /* Too few points for a correlation: said, and no failure of the run. */
            wane_log_line(&o->log, WANE_LOG_INFO, "no correlation: %s", err->message);
            st = WANE_OK;
        }
    }
    wane_results_close(db);
    if (st == WANE_OK)
        wane_put(stdout, text.data + (text.data[0] == '\n'), text.length - (text.data[0] == '\n'));
    wane_text_clear(&text);
    if (st == WANE_OK) st = wane_next_lines(&text, o->database, o->experiment->name, err);
    if (st == WANE_OK && text.length) {
        wane_tell("\n");
        wane_put(stderr, text.data, text.length);
    };
    wane_text_free(&text);
    return st;
}

static void tell_outcome(const wane_opened *o, const wane_run_outcome *outcome)
{
    char collapsed[128] = "";
    if (outcome->stages_known)
        (void)snprintf(collapsed, sizeof collapsed,
                       "; collapsed: %zu of %zu stages, beyond a uniform guess: %zu",
                       outcome->stages_collapsed, outcome->stages_known, outcome->stages_beyond);
    wane_log_line(&o->log, WANE_LOG_INFO,
                  "%s: %zu stages trained (%zu steps), %zu cells filled here; runs: %zu done, "
                  "%zu diverged, %zu with a failed gate, %zu failed%s",
                  o->experiment->name, outcome->stages_trained, outcome->steps_trained,
                  outcome->cells_filled, outcome->runs_done, outcome->runs_diverged,
                  outcome->gates_failed, outcome->runs_failed, collapsed);
}

int wane_opened_run(wane_opened *o, int jobs, int threads, int worker,
                    const wane_run_shared *shared, bool mixed, char *const *command)
{
    wane_error err;
    wane_run_outcome outcome = {0};
    wane_progress progress;
    catch_stops();
    wane_progress_start(&progress, o->log_file, worker);
    wane_run_options options = {.database = o->database,
                                .threads = threads,
                                .jobs = jobs,
                                .worker = worker,
                                .shared = shared ? *shared : (wane_run_shared){0},
                                .mixed = mixed,
                                .command = command,
                                .log = &o->log,
                                .progress = wane_progress_callbacks(&progress),
                                .stop = &stop_signal};
    wane_status st = wane_run(&outcome, o->plan, &options, &err);
    wane_live_clear();
    /* Not of a run that was refused: its count of runs would be no count of the database's. */
    if (!worker && (st != WANE_EVERSION || outcome.stages_trained || outcome.cells_filled))
        tell_outcome(o, &outcome);
    if (st != WANE_OK) return wane_cli_fail(&err);
    if (!worker && (st = print_summary(o, &err)) != WANE_OK) return wane_cli_fail(&err);
    bool short_of = outcome.runs_failed || outcome.gates_failed || outcome.cells_gone;
    return short_of ? WANE_EXIT_FAILED : WANE_EXIT_DONE;
}
