/* SPDX-License-Identifier: Apache-2.0
 * How an entry tells the cells that a stage has.
 */
#include <string.h>

#include "eval/cells/cell_matrices.h"

bool wane_always(const wane_experiment *x)
{
    (void)x;
    return true;
}

wane_status wane_visit(const wane_visiting *at, const char *subject, const char *settings_sha256,
                       const char *data_sha256, size_t number, wane_error *err)
{
    const wane_cell cell = {.stage = at->plan->stages[at->run->stages[at->position]].id,
                            .step = WANE_STEP_SEALED,
                            .measure = at->measure->name,
                            .subject = subject,
                            .settings_sha256 = settings_sha256,
                            .data_sha256 = data_sha256};
    return at->visit(at->context, &cell, number, err);
}

wane_status wane_visit_cosines(const wane_visiting *at, const char *subject,
                               const char *settings_sha256, const char *bounds,
                               const char *data_sha256, size_t number, wane_error *err)
{
    char settings[WANE_SHA256_HEX];
    if (!*bounds) return wane_visit(at, subject, settings_sha256, data_sha256, number, err);
    wane_status st = wane_settings_bounded(settings, settings_sha256, bounds, err);
    const wane_cell cell = {.stage = at->plan->stages[at->run->stages[at->position]].id,
                            .step = WANE_STEP_SEALED,
                            .measure = at->measure->name,
                            .subject = subject,
                            .settings_sha256 = settings,
                            .data_sha256 = data_sha256,
                            .settings_as_good = settings_sha256};
    return st == WANE_OK ? at->visit(at->context, &cell, number, err) : st;
}

wane_status wane_visit_defined(const wane_visiting *at, const char *subject, const char *definition,
                               const char *data_sha256, size_t number, wane_error *err)
{
    char settings[WANE_SHA256_HEX];
    wane_status st = wane_sha256_bytes(settings, definition, strlen(definition), err);
    return st == WANE_OK ? wane_visit(at, subject, settings, data_sha256, number, err) : st;
}
