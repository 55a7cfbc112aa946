/* SPDX-License-Identifier: Apache-2.0
 * Clocks of POSIX, peak memory as /proc/self tells it, and the one deadline of the process.
 */
#include "store/base/clock.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
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

/* A line "NAME: N kB" of /proc/self/status in bytes. */
static uint64_t status_bytes(const char *name)
{
    FILE *file = fopen("/proc/self/status", "re");
    if (!file) return 0;
    char line[256];
    uint64_t kib = 0;
    size_t length = strlen(name);
    while (fgets(line, sizeof line, file))
        if (strncmp(line, name, length) == 0 && sscanf(line + length, ": %" SCNu64, &kib) == 1)
            break;
    (void)fclose(file);
    return kib * 1024;
}

uint64_t wane_memory_peak(void)
{
    return status_bytes("VmHWM");
}

uint64_t wane_memory_now(void)
{
    return status_bytes("VmRSS");
}

void wane_clock_utc(char out[24])
{
    time_t now = time(NULL);
    struct tm parts = {0};
    (void)gmtime_r(&now, &parts);
    (void)strftime(out, 24, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

static double deadline, allowed; /* of wane_clock_wall; 0: none */

void wane_deadline_set(double seconds)
{
    allowed = seconds;
    deadline = wane_clock_wall() + seconds;
}

void wane_deadline_extend(double seconds)
{
    if (deadline > 0) deadline += seconds;
}

double wane_deadline_left(void)
{
    return deadline > 0 ? fmax(0, deadline - wane_clock_wall()) : (double)INFINITY;
}

wane_status wane_deadline_check(const char *operation, const char *object, wane_error *err)
{
    if (wane_deadline_left() > 0) return WANE_OK;
    return wane_fail(err, WANE_ELIMIT,
                     "%s: %s: stopped after %g s; --timeout SECONDS gives it more", operation,
                     object, allowed);
}
