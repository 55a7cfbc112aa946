/* SPDX-License-Identifier: Apache-2.0
 * Fills the row of table environment from /proc/cpuinfo, uname, OpenBLAS and the kernels chosen.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "eval/compute/environment.h"
#include "eval/compute/kernels.h"
#include "store/base/blas.h"

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
