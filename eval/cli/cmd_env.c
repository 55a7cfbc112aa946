/* SPDX-License-Identifier: Apache-2.0
 * The command `wane env`: machine, kernels and libraries, as lines or as JSON.
 */
#include <stdio.h>

#include "analysis/report/page.h"
#include "eval/cli/commands.h"
#include "eval/compute/backend.h"
#include "eval/compute/environment.h"
#include "store/base/text.h"
#include "store/base/threads.h"
#include "store/files/entries.h"
#include "store/files/json.h"
#include "store/results/query.h"

typedef struct entry {
    const char *key, *text;
    int64_t number; /* when text is NULL */
} entry;

static void print_text(wane_text *out, const entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        wane_text_printf(out, "%-12s ", entries[i].key);
        if (entries[i].text) wane_text_printf(out, "%s\n", entries[i].text);
        else wane_text_printf(out, "%lld\n", (long long)entries[i].number);
    }
}

static void print_json(wane_text *out, const entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        wane_text_string(out, i ? ",\n " : "{");
        wane_json_write_string(out, entries[i].key);
        wane_text_string(out, ": ");
        if (entries[i].text) wane_json_write_string(out, entries[i].text);
        else wane_text_printf(out, "%lld", (long long)entries[i].number);
    }
    wane_text_string(out, "}\n");
}

static int run(wane_call *call)
{
    bool json = false;
    const wane_option options[] = {{"json", 0, WANE_OPTION_FLAG, &json, NULL, "the same as JSON"}};
    int code = 0;
    if (!wane_call_parse(call, options, 1, 0, 0, &code)) return code;
    char backends[256];
    wane_environment here;
    wane_environment_read(&here, wane_processors(), 1);
    const wane_environment_row *row = &here.row;
    const entry entries[] = {
        {"version", row->version, 0},
        {"numbers", NULL, row->numbers},
        {"blas_core", row->blas_core, 0},
        {"blas_build", row->blas_build, 0},
        {"kernels", row->cpu_features, 0},
        {"backends", wane_backends_there(backends, sizeof backends), 0},
        {"cpu", row->cpu, 0},
        {"threads", NULL, row->threads},
        {"compiler", row->compiler, 0},
        {"system", row->system, 0},
        {"sqlite", wane_results_sqlite(), 0},
        {"database", NULL, WANE_RESULTS_VERSION},
        {"libarchive", wane_entries_libarchive(), 0},
    };
    wane_text text = {0};
    wane_error err;
    (json ? print_json : print_text)(&text, entries, sizeof entries / sizeof *entries);
    wane_status st = wane_text_check(&text, "env", "text", &err);
    if (st == WANE_OK) wane_put(stdout, text.data, text.length);
    wane_text_free(&text);
    return st == WANE_OK ? WANE_EXIT_DONE : wane_cli_fail(&err);
}

const wane_command wane_command_env = {
    "env", "env", "What decides the last bits here, and the versions of what wane stands on.", run};
