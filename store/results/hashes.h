/* SPDX-License-Identifier: Apache-2.0
 * Hashes over the rows of the results database, written where the rows are sealed and compared by
 * `wane verify`.
 *
 * The hash of a list of rows is SHA-256 over, per table: its name as a field (hash.h), then of
 * every row in the order of the table's key every column in declared order: a byte for its type (0
 * NULL, 1 integer, 2 real, 3 text, 4 blob), then 8 bytes, little-endian, of an integer, of a
 * double's bits, or of the length of what follows. It is computed by reading the rows back: what is
 * hashed is what is stored. It tells damage and careless changes; who changes rows and hashes alike
 * is caught only by measuring again.
 */
#ifndef STORE_RESULTS_HASHES_H
#define STORE_RESULTS_HASHES_H

#include "store/base/hash.h"
#include "store/results/results.h"

/* {WANE_NULL, ""} for rows written by a wane that kept no hashes. */
typedef struct wane_rows_hash {
    int64_t rows;
    char sha256[WANE_SHA256_HEX];
} wane_rows_hash;

/* Of a cell: the rows of all tables of its measure, and a spectrum's total. `measure` is the text
 * in the table cell. WANE_EFORMAT for a subject that names nothing. */
WANE_MUST_CHECK wane_status wane_cell_hash(wane_results *db, wane_rows_hash *out, int64_t stage,
                                           int64_t step, const char *measure, const char *subject,
                                           wane_error *err);

/* Leaves a cell's rows and takes its settings away, so that it counts as not measured; and whether
 * a cell is left like that, or is not there. */
WANE_MUST_CHECK wane_status wane_cell_forget(wane_results *db, int64_t stage, int64_t step,
                                             const char *measure, const char *subject,
                                             wane_error *err);
WANE_MUST_CHECK wane_status wane_cell_forgotten(bool *out, wane_results *db, int64_t stage,
                                                int64_t step, const char *measure,
                                                const char *subject, wane_error *err);

/* The rows of one table that belong to one stage or run. */
typedef enum wane_part {
    WANE_PART_STAGE, /* of a stage: from its seal on */
    WANE_PART_STEP,
    WANE_PART_ARTIFACT,
    WANE_PART_ENVIRONMENT,
    WANE_PART_DIFFERENCE,
    WANE_PART_CELL, /* of a stage: since its first cell; with the hashes of the cells' own rows */
    WANE_PART_RUN,  /* of a run: from its seal on */
    WANE_PART_RUN_STAGE,
    WANE_PART_PARAMETER,
    WANE_PART_METRIC,
    WANE_PART_GATE
} wane_part;
enum { WANE_PARTS = WANE_PART_GATE + 1 };

const char *wane_part_table(wane_part part); /* a constant */

WANE_MUST_CHECK wane_status wane_part_hash(wane_results *db, wane_rows_hash *out, wane_part part,
                                           int64_t id, wane_error *err);
/* What the table seal holds of it. WANE_DONE: nothing. */
WANE_MUST_CHECK wane_status wane_part_sealed(wane_results *db, wane_rows_hash *out, wane_part part,
                                             int64_t id, wane_error *err);

/* Both of a stored total over matrices and of what its rows give now; of a total that is missing,
 * or should be, .rows differ. */
WANE_MUST_CHECK wane_status wane_spectrum_total_hashes(wane_results *db, wane_rows_hash *stored,
                                                       wane_rows_hash *computed, int64_t stage,
                                                       int64_t step, const char *against,
                                                       wane_error *err);

/* ------------------------------------------------------------------------------------ the whole */

/* Called for everything found amiss: in which table (or "file"), and what. Both borrowed. */
typedef void (*wane_found_function)(void *context, const char *where, const char *what);

/* All reads up to wane_results_rollback see the database as it is now. Meanwhile nobody can write.
 */
WANE_MUST_CHECK wane_status wane_results_begin_reading(wane_results *db, wane_error *err);

/* SQLite's own check of every page and index, and references to rows that are not there. */
WANE_MUST_CHECK wane_status wane_results_integrity(wane_results *db, wane_found_function found,
                                                   void *context, wane_error *err);
/* Tables, columns, views and indices against those of a fresh database. */
WANE_MUST_CHECK wane_status wane_results_shape(wane_results *db, wane_found_function found,
                                               void *context, wane_error *err);

#endif
