/* SPDX-License-Identifier: Apache-2.0
 * What run, validate and demo share: an experiment from its file to its plan, and the log.
 */
#ifndef EVAL_CLI_EXPERIMENT_CALL_H
#define EVAL_CLI_EXPERIMENT_CALL_H

#include <stdio.h>

#include "eval/cli/command.h"
#include "eval/run/run.h"
#include "store/base/text.h"

/* An experiment opened whole. Free with wane_opened_close ({0} allowed). */
typedef struct wane_opened {
    wane_experiment *experiment;
    wane_inputs *inputs;
    wane_plan *plan;
    char *database;  /* path */
    char *artifacts; /* the folder beside it, enclosed (store/files/enclosed.h) */
    wane_pool *pool;
    wane_log log;
    FILE *log_file; /* NAME.log beside the database, or NULL */
    bool log_waits; /* it is opened when everything named is: until then lines gather here */
    wane_text waiting;
} wane_opened;

/* Reads the file with its overrides, opens everything it names, makes the plan. `database` NULL =
 * NAME.db beside the file. `with_log`, of who writes: messages also go to NAME.log, and a database
 * or a log that could not be written to is refused before the rest. An error leaves neither. */
WANE_MUST_CHECK wane_status wane_opened_load(wane_opened *out, const char *path,
                                             const char *const *overrides, size_t count,
                                             const char *database, int threads, bool with_log,
                                             wane_error *err);
/* The same from the text of an experiment. */
WANE_MUST_CHECK wane_status wane_opened_parse(wane_opened *out, const char *text, const char *name,
                                              const char *const *overrides, size_t count,
                                              const char *database, int threads, bool with_log,
                                              wane_error *err);
void wane_opened_close(wane_opened *opened);

/* The plan's warnings (eval/plan/warnings.h), a line each to the log. */
WANE_MUST_CHECK wane_status wane_opened_warn(const wane_opened *opened, wane_error *err);

/* Runs the plan with progress on stderr, stopping on SIGINT and SIGTERM; says how it ended. Returns
 * the exit code. `worker`: the hidden number of a worker, else 0; `shared`: what one shares with
 * its parent, or NULL. */
int wane_opened_run(wane_opened *opened, int jobs, int threads, int worker,
                    const wane_run_shared *shared, bool mixed, char *const *command);

#endif
