/* SPDX-License-Identifier: Apache-2.0
 * Judges a direction by epsilon and adds up counts and energy among the first k.
 */
#include <math.h>

#include "analysis/spectra/spectrum.h"

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

wane_direction_kind wane_direction_judge(const wane_direction *d, double epsilon)
{
    if (isnan(d->max_cosine)) return WANE_DIRECTION_ABSENT;
    if (d->max_cosine >= epsilon) return WANE_DIRECTION_OF_BASE;
    return d->cluster_overlap >= epsilon ? WANE_DIRECTION_UNRESOLVED : WANE_DIRECTION_INTRUDER;
}

wane_intruder_tally wane_intruder_tally_up(const wane_direction *directions, size_t count, size_t k,
                                           double epsilon)
{
    wane_intruder_tally tally = {0};
    for (size_t i = 0; i < smaller(count, k); i++) {
        wane_direction_kind kind = wane_direction_judge(&directions[i], epsilon);
        double energy = directions[i].sigma * directions[i].sigma;
        if (kind == WANE_DIRECTION_ABSENT) continue;
        tally.existing++;
        tally.energy += energy;
        tally.unresolved += kind == WANE_DIRECTION_UNRESOLVED;
        if (kind != WANE_DIRECTION_INTRUDER) continue;
        tally.intruders++;
        tally.intruder_energy += energy;
    }
    return tally;
}

size_t wane_intruder_count(const wane_direction *directions, size_t count, size_t k, double epsilon)
{
    return wane_intruder_tally_up(directions, count, k, epsilon).intruders;
}
