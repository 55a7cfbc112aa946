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

/* What the stage was made on, compared with here. */
typedef struct comparison {
    bool same, mixed;
    char core[64], features[128]; /* theirs */
    int64_t numbers;
} comparison;

static wane_status compare(comparison *out, const wane_environment_row *here, wane_work *work,
                           int64_t stage, wane_error *err)
{
    static const char sql[] = "SELECT blas_core, cpu_features, numbers, mixed FROM environment "
                              "WHERE stage = ?1";
    wane_query *query = NULL;
    wane_binding id = {NULL, {.type = WANE_VALUE_INTEGER, .integer = stage}};
    *out = (comparison){.same = true};
    wane_status st = wane_query_open(&query, work->db, sql, &id, 1, err);
    if (st == WANE_OK) st = wane_query_next(query, err);
    if (st == WANE_OK) {
        const char *core = wane_query_text(query, 0), *features = wane_query_text(query, 1);
        *out = (comparison){.same = core && features && strcmp(core, here->blas_core) == 0 &&
                                    strcmp(features, here->cpu_features) == 0 &&
                                    wane_query_int(query, 2) == here->numbers,
                            .mixed = wane_query_int(query, 3) == 1,
                            .numbers = wane_query_int(query, 2)};
        (void)snprintf(out->core, sizeof out->core, "%s", core ? core : "?");
        (void)snprintf(out->features, sizeof out->features, "%s", features ? features : "?");
    }
    wane_query_free(query);
    return st == WANE_DONE ? WANE_OK : st;
}

wane_status wane_environment_mixed(bool *out, wane_work *work, int64_t stage, wane_error *err)
{
    wane_environment here;
    comparison made;
    wane_environment_read(&here, 1, 1);
    wane_status st = compare(&made, &here.row, work, stage, err);
    if (st == WANE_OK) *out = !made.same || made.mixed;
    return st;
}

wane_status wane_environment_check(wane_work *work, int64_t stage, wane_error *err)
{
    wane_environment here;
    comparison made;
    if (work->options->mixed) return WANE_OK;
    wane_environment_read(&here, 1, 1);
    wane_status st = compare(&made, &here.row, work, stage, err);
    if (st != WANE_OK || made.same) return st;
    return wane_fail(err, WANE_EVERSION,
                     "run: %s: made with BLAS core %s, kernels %s, numbers %lld; here they are %s, "
                     "%s, %lld, which gives other bits: run on the same kind of machine, or say "
                     "--mixed",
                     wane_results_path(work->db), made.core, made.features, (long long)made.numbers,
                     here.row.blas_core, here.row.cpu_features, (long long)here.row.numbers);
}
