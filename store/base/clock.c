/* SPDX-License-Identifier: Apache-2.0 */
#include "store/base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static double seconds(clockid_t clock)
{
    struct timespec now = {0};
    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double wane_clock_wall(void)
{
    return seconds(CLOCK_MONOTONIC);
}

double wane_clock_cpu(void)
{
    return seconds(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t wane_memory_peak(void)
{
    FILE *file = fopen("/proc/self/status", "re");
    if (!file) return 0;
    char line[256];
    uint64_t kib = 0;
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "VmHWM: %" SCNu64, &kib) == 1) break;
    (void)fclose(file);
    return kib * 1024;
}

void wane_memory_peak_reset(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "we");
    if (!file) return;
    (void)fputs("5", file);
    (void)fclose(file);
}

void wane_clock_utc(char out[24])
{
    time_t now = time(NULL);
    struct tm parts = {0};
    (void)gmtime_r(&now, &parts);
    (void)strftime(out, 24, "%Y-%m-%dT%H:%M:%SZ", &parts);
}
