/* SPDX-License-Identifier: Apache-2.0
 * Reads which matrices a cell of spectra has, and the numbers of one of them.
 */
#include "eval/pair/pair_recall.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "store/base/memory.h"
#include "store/results/hashes.h"
#include "store/results/query.h"

#define OF_STAGE "stage = :stage AND step = -1 AND against = 'base'"

static wane_binding integer(const char *name, int64_t value)
{
    return (wane_binding){name, {.type = WANE_VALUE_INTEGER, .integer = value}};
}

/* --------------------------------------------------------------------------------- the matrices */

static wane_status read_cell(wane_kept *out, bool *there, wane_results *db, int64_t stage,
                             wane_error *err)
{
    static const char sql[] =
        "SELECT settings_sha256, \"rows\", rows_sha256 FROM cell WHERE stage = :stage AND step = "
        "-1 AND measure = 'spectrum' AND subject = 'base'";
    const wane_binding bound = integer("stage", stage);
    wane_query *query = NULL;
    wane_rows_hash now;
    wane_status st = WANE_OK;
    *there = false;
    WANE_TRY(wane_query_open(&query, db, sql, &bound, 1, err));
    st = wane_query_next(query, err);
    if (st == WANE_DONE) {
        st = WANE_OK;
        goto done;
    }
    if (st != WANE_OK) goto done;
    const char *settings = wane_query_text(query, 0), *sealed = wane_query_text(query, 2);
    *there = true;
    (void)snprintf(out->settings, sizeof out->settings, "%s", settings ? settings : "");
    WANE_TRY(wane_cell_hash(db, &now, stage, WANE_STEP_SEALED, WANE_CELL_SPECTRUM, "base", err));
    out->whole = sealed && strcmp(sealed, now.sha256) == 0 && wane_query_int(query, 1) == now.rows;
done:
    wane_query_free(query);
    return st;
}

wane_status wane_kept_read(wane_kept *out, wane_results *db, int64_t stage, wane_error *err)
{
    static const char sql[] =
        "SELECT m.id, m.name, s.reason IS 'bounded', s.reason IS 'not_finite', "
        "coalesce(min(d.u, d.v), 0), s.changed FROM spectrum s JOIN matrix m ON m.id = s.matrix "
        "LEFT JOIN (SELECT matrix, sum(side = 'u') AS u, sum(side = 'v') AS v FROM direction "
        "WHERE " OF_STAGE " GROUP BY matrix) d ON d.matrix = s.matrix WHERE s." OF_STAGE
        " ORDER BY m.position, m.id";
    const wane_binding bound = integer("stage", stage);
    wane_kept kept = {0};
    wane_query *query = NULL;
    size_t room = 0;
    bool there = false;
    wane_status st = WANE_OK;
    WANE_TRY(read_cell(&kept, &there, db, stage, err));
    if (!there) goto done;
    WANE_TRY(wane_query_open(&query, db, sql, &bound, 1, err));
    while ((st = wane_query_next(query, err)) == WANE_OK) {
        if (!WANE_GROW(kept.list, room, kept.count + 1))
            WANE_TRY(wane_fail_memory(err, "store", wane_results_path(db)));
        wane_kept_matrix *m = &kept.list[kept.count];
        *m = (wane_kept_matrix){.id = wane_query_int(query, 0),
                                .name = wane_strdup(wane_query_text(query, 1)),
                                .bounded = wane_query_int(query, 2) != 0,
                                .not_finite = wane_query_int(query, 3) != 0,
                                .directions = wane_query_int(query, 5) == 0
                                                  ? SIZE_MAX /* it needs none */
                                                  : (size_t)wane_query_int(query, 4)};
        if (!m->name) WANE_TRY(wane_fail_memory(err, "store", wane_results_path(db)));
        kept.count++;
    }
    if (st == WANE_DONE) st = WANE_OK;
    if (st == WANE_OK) {
        *out = kept;
        kept = (wane_kept){0};
    }
done:
    wane_query_free(query);
    wane_kept_free(&kept);
    return st;
}

void wane_kept_free(wane_kept *kept)
{
    for (size_t i = 0; i < kept->count; i++) wane_free(kept->list[i].name);
    wane_free(kept->list);
    *kept = (wane_kept){0};
}

/* ----------------------------------------------------------------------------- one of them */

static double or_zero(double value)
{
    return isnan(value) ? 0 : value;
}

static wane_status recall_spectrum(wane_matrix_spectrum *out, wane_results *db,
                                   const wane_binding *bound, wane_error *err)
{
    static const char sql[] =
        "SELECT changed, base_count, base_frobenius, base_spectral, delta_frobenius, "
        "delta_spectral, relative_update, effective_rank, stable_rank, top_share, rho_10, "
        "\"floor\", rounding_floor, reason IS 'bounded' "
        "FROM spectrum WHERE " OF_STAGE " AND matrix = :matrix";
    wane_query *query = NULL;
    wane_status st = wane_query_open(&query, db, sql, bound, 2, err);
    if (st == WANE_OK) st = wane_query_next(query, err);
    if (st == WANE_DONE)
        st = wane_fail(err, WANE_EFORMAT, "read: %s: a spectrum is not there",
                       wane_results_path(db));
    if (st == WANE_OK) {
        int64_t count = wane_query_int(query, 1);
        out->changed = wane_query_int(query, 0) != 0;
        out->base_count = count == WANE_NULL ? 0 : (size_t)count;
        out->floor = or_zero(wane_query_double(query, 12));
        out->spectrum = (wane_spectrum){.changed = out->changed,
                                        .bounded = wane_query_int(query, 13) != 0,
                                        .base_frobenius = wane_query_double(query, 2),
                                        .base_spectral = wane_query_double(query, 3),
                                        .delta_frobenius = wane_query_double(query, 4),
                                        .delta_spectral = wane_query_double(query, 5),
                                        .relative_update = wane_query_double(query, 6),
                                        .effective_rank = wane_query_double(query, 7),
                                        .stable_rank = wane_query_double(query, 8),
                                        .top_share = wane_query_double(query, 9),
                                        .rho = wane_query_double(query, 10),
                                        .floor = wane_query_double(query, 11)};
    }
    wane_query_free(query);
    return st;
}

/* Directions 1, 2, ... of both sides, u first. */
static wane_status recall_directions(wane_spectrum *out, wane_results *db,
                                     const wane_binding *bound, size_t top, wane_error *err)
{
    static const char sql[] =
        "WITH RECURSIVE at(position) AS (SELECT 1 UNION ALL SELECT position + 1 FROM at WHERE "
        "position < :top) SELECT side, sigma, max_cosine, span, subspace_overlap, "
        "cluster_overlap, argmax, max_cosine_high, steps FROM (SELECT 'u' AS side UNION ALL SELECT "
        "'v') CROSS JOIN at "
        "JOIN direction USING (side, position) WHERE " OF_STAGE
        " AND matrix = :matrix ORDER BY side, position";
    wane_query *query = NULL;
    size_t found[2] = {0, 0};
    wane_direction *list = wane_alloc(2 * top, sizeof *list);
    wane_status st = list ? WANE_OK : wane_fail_memory(err, "store", wane_results_path(db));
    if (st == WANE_OK) st = wane_query_open(&query, db, sql, bound, 3, err);
    while (st == WANE_OK && (st = wane_query_next(query, err)) == WANE_OK) {
        const char *name = wane_query_text(query, 0);
        int side = name && *name == 'v';
        int64_t argmax = wane_query_int(query, 6);
        if (found[side] == top) continue;
        int64_t steps = wane_query_int(query, 8);
        double cosine = wane_query_double(query, 2);
        list[(size_t)side * top + found[side]++] =
            (wane_direction){.sigma = wane_query_double(query, 1),
                             .max_cosine = cosine,
                             .low = cosine,
                             .high = wane_query_double(query, 7),
                             .steps = steps == WANE_NULL ? 0 : (size_t)steps,
                             .span = wane_query_double(query, 3),
                             .subspace_overlap = wane_query_double(query, 4),
                             .cluster_overlap = wane_query_double(query, 5),
                             .argmax = argmax == WANE_NULL ? 0 : (size_t)argmax};
    }
    wane_query_free(query);
    if (st != WANE_DONE || found[0] == 0) {
        wane_free(list);
        return st == WANE_DONE ? WANE_OK : st;
    }
    out->memory = list;
    out->count = found[0] < found[1] ? found[0] : found[1];
    for (size_t side = 0; side < 2; side++) out->side[side] = list + side * top;
    return WANE_OK;
}

wane_status wane_kept_recall(wane_matrix_spectrum *out, wane_results *db, int64_t stage,
                             int64_t matrix, size_t top, wane_error *err)
{
    const wane_binding bound[] = {integer("stage", stage), integer("matrix", matrix),
                                  integer("top", (int64_t)top)};
    wane_status st = recall_spectrum(out, db, bound, err);
    return st == WANE_OK ? recall_directions(&out->spectrum, db, bound, top, err) : st;
}
