/* SPDX-License-Identifier: Apache-2.0
 * Asks whether to stop, joins paths below the folder of artifacts, and fills a row of usage.
 */
#include "eval/stages/work.h"

#include "store/base/clock.h"
#include "store/base/memory.h"

wane_status wane_work_continue(const wane_work *work, wane_error *err)
{
    const wane_run_options *o = work->options;
    if (o->stop && *o->stop)
        return wane_fail(err, WANE_ECANCELLED,
                         "run: %s: stopped on request; run the same line "
                         "again to go on",
                         work->experiment->name);
    if (work->deadline > 0 && wane_clock_wall() >= work->deadline)
        return wane_fail(err, WANE_ECANCELLED,
                         "run: %s: the time of 'stop: wall' is over; run the same line again to go "
                         "on",
                         work->experiment->name);
    return WANE_OK;
}

char *wane_work_path(const wane_work *work, const char *kind, const char *name)
{
    char *folder = wane_path_join(work->artifacts, kind);
    char *path = folder ? wane_path_join(folder, name) : NULL;
    wane_free(folder);
    return path;
}

wane_usage_row wane_work_usage(const char *phase, double wall, double cpu)
{
    uint64_t peak = wane_memory_peak();
    return (wane_usage_row){.phase = phase,
                            .wall_s = wall,
                            .cpu_s = cpu,
                            .peak_bytes = peak ? (int64_t)peak : WANE_NULL,
                            .tokens = WANE_NULL};
}
