/* SPDX-License-Identifier: Apache-2.0
 * The command `wane demo`: its experiment as text, run as any other, and a chart of the forgetting
 * curves.
 */
#include "analysis/report/report.h"
#include "eval/cli/commands.h"
#include "eval/cli/experiment_call.h"
#include "store/files/file.h"

/* The main job, small enough for minutes, on a model made from its seed. */
static const char experiment[] =
    "name: demo\n"
    "model: builtin\n"
    "corpora:\n"
    "  - {name: builtin, path: builtin, role: pretraining, documents: 300}\n"
    "tasks:\n"
    "  - {path: builtin/topic, train_rows: 1000, test_rows: 300}\n"
    "  - {path: builtin/counting, train_rows: 1000, test_rows: 300}\n"
    "  - {path: builtin/agreement, train_rows: 1000, test_rows: 300}\n"
    "seeds: [0, 1]\n"
    "methods:\n"
    "  - {name: full-matrices, kind: full-matrices, learning_rate: 1e-3}\n"
    "  - {name: lora, kind: lora, rank: [1, 8], alpha: 2r, learning_rate: 2e-3}\n"
    "training: {epochs: 3, batch_size: 16, max_seq_length: 128}\n";

/* The forgetting curves, in demo.svg. */
static int draw(const wane_opened *o)
{
    wane_error err;
    wane_results *db = NULL;
    wane_text chart = {0};
    wane_report_request request = wane_report_ask("pretraining_forgetting");
    request.experiment = o->experiment->name;
    wane_status st = wane_results_open(&db, o->database, WANE_RESULTS_READ, &err);
    if (st == WANE_OK) st = wane_report_svg(&chart, db, &request, &err);
    if (st == WANE_OK) st = wane_file_write("demo.svg", chart.data, chart.length, &err);
    wane_text_free(&chart);
    wane_results_close(db);
    return st == WANE_OK ? WANE_EXIT_DONE : wane_cli_fail(&err);
}

static int run(wane_call *call)
{
    size_t threads = 0;
    const char *database = "demo.db";
    const wane_option options[] = {
        {"db", 0, WANE_OPTION_TEXT, &database, "FILE", "results go here (demo.db)"},
        {"threads", 't', WANE_OPTION_COUNT, &threads, "N", "threads (every processor)"},
    };
    int code = 0;
    wane_error err;
    wane_opened o;
    if (!wane_call_parse(call, options, sizeof options / sizeof *options, 0, 0, &code)) return code;
    if (threads > 64) return wane_cli_usage(call, "--threads is at most 64");
    wane_status st =
        wane_opened_parse(&o, experiment, "demo", NULL, 0, database, (int)threads, true, &err);
    if (st != WANE_OK) return wane_cli_fail(&err);
    code = wane_opened_run(&o, 1, (int)threads, 0, NULL, false, NULL);
    if (code == WANE_EXIT_DONE) code = draw(&o);
    wane_opened_close(&o);
    return code;
}

const wane_command wane_command_demo = {
    "demo", "demo [--db FILE]",
    "The main job on the built-in model and tasks, no download: minutes.", run};
