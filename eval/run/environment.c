/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "eval/model/kernels.h"
#include "eval/run/work.h"
#include "store/base/blas.h"
#include "store/results/query.h"

#ifndef WANE_VERSION
#error "WANE_VERSION comes from the build"
#endif

#ifdef __clang__
#define COMPILER __VERSION__ /* names itself */
#else
#define COMPILER "gcc " __VERSION__
#endif

static void read_cpu(char out[128])
{
    FILE *file = fopen("/proc/cpuinfo", "re");
    char line[256];
    (void)snprintf(out, 128, "unknown");
    while (file && fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon) continue;
        colon[strcspn(colon, "\n")] = '\0';
        (void)snprintf(out, 128, "%.120s", colon + (colon[1] == ' ' ? 2 : 1));
        break;
    }
    if (file) (void)fclose(file);
}

void wane_environment_read(wane_environment *out, int threads, int jobs)
{
    struct utsname name = {0};
    (void)uname(&name);
    read_cpu(out->cpu);
    (void)snprintf(out->system, sizeof out->system, "%.60s %.60s %.60s", name.sysname, name.release,
                   name.machine);
    out->row = (wane_environment_row){.version = WANE_VERSION,
                                      .numbers = strtoll(WANE_NUMBERS, NULL, 10),
                                      .blas_core = wane_blas_core(),
                                      .blas_build = wane_blas_build(),
                                      .cpu = out->cpu,
                                      .cpu_features = wane_kernel_features(),
                                      .compiler = COMPILER,
                                      .system = out->system,
                                      .threads = threads,
                                      .jobs = jobs};
}

wane_status wane_environment_check(wane_work *work, int64_t stage, wane_error *err)
{
    static const char sql[] = "SELECT blas_core, cpu_features, numbers FROM environment "
                              "WHERE stage = ?1";
    wane_environment now;
    wane_query *query = NULL;
    wane_binding id = {NULL, {.type = WANE_VALUE_INTEGER, .integer = stage}};
    if (work->options->mixed) return WANE_OK;
    wane_environment_read(&now, 1, 1);
    wane_status st = wane_query_open(&query, work->db, sql, &id, 1, err);
    while (st == WANE_OK && (st = wane_query_next(query, err)) == WANE_OK) {
        const char *core = wane_query_text(query, 0), *features = wane_query_text(query, 1);
        bool same = core && features && strcmp(core, now.row.blas_core) == 0 &&
                    strcmp(features, now.row.cpu_features) == 0 &&
                    wane_query_int(query, 2) == now.row.numbers;
        if (!same)
            st = wane_fail(err, WANE_EVERSION,
                           "run: %s: made with BLAS core %s, kernels %s, numbers %lld; here they "
                           "are %s, %s, %lld, which gives other bits: run on the same kind of "
                           "machine, or say --mixed",
                           wane_results_path(work->db), core ? core : "?",
                           features ? features : "?", (long long)wane_query_int(query, 2),
                           now.row.blas_core, now.row.cpu_features, (long long)now.row.numbers);
    }
    wane_query_free(query);
    return st == WANE_DONE ? WANE_OK : st;
}
