/* SPDX-License-Identifier: Apache-2.0
 * The command `wane run`: an experiment run here, by workers, or as a worker; with --dry-run what
 * is missing.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "analysis/report/page.h"
#include "eval/cli/commands.h"
#include "eval/cli/experiment_call.h"
#include "eval/run/jobs.h"
#include "eval/run/needs.h"
#include "store/base/memory.h"
#include "store/files/file.h"
#include "store/results/results.h"

/* What is to be done, before it is. */
static wane_status print_need(wane_opened *o, bool mixed, wane_error *err)
{
    wane_results *db = NULL;
    wane_run_need need = {0};
    wane_status st = WANE_OK;
    if (wane_file_exists(o->database)) {
        WANE_TRY(wane_results_open(&db, o->database, WANE_RESULTS_READ, err));
        WANE_TRY(wane_plan_find(o->plan, db, err));
    }
    WANE_TRY(wane_run_needs(&need, o->plan, db, mixed, err));
    (void)fputs("database  ", stdout);
    wane_put(stdout, o->database, strlen(o->database));
    (void)fputs("\n", stdout);
    (void)printf("runs      %zu\n", need.runs);
    (void)printf("stages    %zu, %zu to train (%zu steps)\n", need.stages, need.stages_missing,
                 need.steps_missing);
    (void)printf("cells     %zu, %zu to fill\n", need.cells, need.cells_missing);
    if (need.cells_earlier)
        (void)printf("earlier   %zu spectra cannot be measured again\n", need.cells_earlier);
    if (need.cells_beside)
        (void)printf("beside    %zu cells that come unasked cannot be filled any more\n",
                     need.cells_beside);
    if (need.cells_gone)
        (void)printf("gone      %zu cells cannot be filled: weights_gone\n", need.cells_gone);
done:
    wane_results_close(db);
    return st;
}

/* The words that start a worker: this call's, then its share of the threads and the database, which
 * win over what was said before. Nothing may follow a "--". */
static char **worker_command(const wane_call *call, const char *database, char *threads)
{
    char **words = wane_alloc((size_t)call->argc + 7, sizeof *words);
    size_t n = 0;
    int i = 0;
    if (!words) return NULL;
    words[n++] = "wane";
    words[n++] = "run";
    while (i < call->argc && strcmp(call->argv[i], "--") != 0) words[n++] = call->argv[i++];
    words[n++] = "--threads";
    words[n++] = threads;
    words[n++] = "--db";
    words[n++] = (char *)database;
    while (i < call->argc) words[n++] = call->argv[i++];
    return words;
}

static int run_opened(wane_call *call, wane_opened *o, size_t jobs, size_t threads, size_t worker,
                      size_t report, bool mixed)
{
    char **command = NULL, share[24];
    wane_error err;
    wane_run_shared shared = {0};
    if (worker &&
        wane_jobs_report(&shared, (int)report, (int)worker, o->plan->run_count, &err) != WANE_OK)
        return wane_cli_fail(&err);
    if (jobs > 1 && !worker) {
        size_t processors = (size_t)wane_processors();
        size_t all = threads ? threads : processors;
        (void)snprintf(share, sizeof share, "%zu", all / jobs ? all / jobs : 1);
        command = worker_command(call, o->database, share);
        if (!command) return wane_cli_usage(call, "out of memory");
    }
    int code = wane_opened_run(o, (int)jobs, (int)threads, (int)worker, &shared, mixed, command);
    wane_free(command);
    return code;
}

static int run(wane_call *call)
{
    const char *database = NULL;
    size_t jobs = 1, threads = 0, worker = 0, report = 0;
    bool dry_run = false, mixed = false;
    const wane_option options[] = {
        {"db", 0, WANE_OPTION_TEXT, &database, "FILE", "results go here (NAME.db beside the file)"},
        {"jobs", 'j', WANE_OPTION_COUNT, &jobs, "N", "worker processes (1)"},
        {"threads", 't', WANE_OPTION_COUNT, &threads, "N", "threads in all (every processor)"},
        {"dry-run", 'n', WANE_OPTION_FLAG, &dry_run, NULL,
         "print what is to be trained and filled"},
        {"mixed", 0, WANE_OPTION_FLAG, &mixed, NULL,
         "go on on another kind of machine; what is trained or filled there is marked"},
        {"worker", 0, WANE_OPTION_HIDDEN_COUNT, &worker, "N", ""},
        {"report", 0, WANE_OPTION_HIDDEN_COUNT, &report, "FD", ""},
    };
    int code = 0;
    wane_error err;
    wane_opened o;
    if (!wane_call_parse(call, options, sizeof options / sizeof *options, 1, WANE_OPTION_LIST_MOST,
                         &code))
        return code;
    if (jobs < 1 || jobs > 64 || threads > 64 || worker > 64 || report > INT_MAX)
        return wane_cli_usage(call, "--jobs is 1 to 64, --threads at most 64");
    if (report && !worker)
        return wane_cli_usage(call, "--report is what run says to its own workers, not an option");
    wane_status st = wane_opened_load(&o, call->operand[0], call->operand + 1, call->operands - 1,
                                      database, (int)threads, !dry_run, &err);
    if (st != WANE_OK) return wane_cli_fail(&err);
    if (!worker && (st = wane_opened_warn(&o, &err)) != WANE_OK) {
        wane_opened_close(&o);
        return wane_cli_fail(&err);
    }
    if (dry_run) {
        st = print_need(&o, mixed, &err);
        code = st == WANE_OK ? WANE_EXIT_DONE : wane_cli_fail(&err);
    } else code = run_opened(call, &o, jobs, threads, worker, report, mixed);
    wane_opened_close(&o);
    return code;
}

const wane_command wane_command_run = {
    "run", "run EXPERIMENT.yaml [key=value ...] [--db FILE] [--jobs N] [--threads N] [--dry-run]",
    "Train what is planned and not there, measure what is not measured.", run};
