/* SPDX-License-Identifier: Apache-2.0
 * The table of which tables hold the rows of a cell and of a sealed part, with the columns that
 * lead to them: hashing, forgetting and comparing all go over it.
 */
#include "store/results/hashes.h"

#include <stdio.h>
#include <string.h>

#include "store/base/text.h"
#include "store/results/database.h"

#define WITH_LATER(later, like, table, columns, where, order)                                      \
    {                                                                                              \
        table, "SELECT " columns " FROM \"" table "\" WHERE " where " ORDER BY " order,            \
            "DELETE FROM \"" table "\" WHERE " where, later, like                                  \
    }
#define ROWS(table, columns, where, order) WITH_LATER(0, 0, table, columns, where, order)
#define HERE "stage = ?1 AND step = ?2 AND "
#define TASK HERE "task = (SELECT id FROM task WHERE key = ?3)"
#define CORPUS HERE "corpus = (SELECT id FROM corpus WHERE key = ?3)"
#define AGAINST HERE "against = ?3"
#define MATRIX                                                                                     \
    HERE "matrix = (SELECT m.id FROM matrix m JOIN stage s ON s.model = m.model "                  \
         "WHERE s.id = ?1 AND m.name = ?3)"
#define KIND HERE "kind = ?3"
#define NAMED HERE "measure = ?4 AND subject = ?3"
#define ARM HERE "choice = ?3 AND arm = ?4 AND lambda = ?5"

#define TOTAL_COLUMNS                                                                              \
    "stage, step, against, matrices, intruders_u, intruders_v, energy_u, energy_v, "               \
    " base_frobenius, delta_frobenius, delta_spectral, relative_update, effective_rank, "          \
    "stable_rank, top_share, rho_10, changed, existing_u, existing_v, unresolved_u, unresolved_v"

enum { MAX_COSINE = 7 }; /* of the columns of direction */
static const wane_hashed_table cell_tables[] = {
    ROWS("score", "stage, step, metric, split, task, value, stderr, n, reason", TASK,
         "metric, split"),
    ROWS("example", "stage, step, task, split, \"row\", label, predicted, margin, loss", TASK,
         "split, \"row\""),
    ROWS("likelihood",
         "stage, step, corpus, nll, stderr, change_stderr, token_perplexity, word_perplexity, "
         "byte_perplexity, bits_per_byte, kl_to_base, soft_ce, tokens, words, bytes, unk_tokens, "
         "\"window\", stride, bos, out_of_reach, reason",
         CORPUS, "corpus"),
    ROWS("window", "stage, step, corpus, document, position, nll, kl, soft_ce, tokens", CORPUS,
         "document, position"),
    ROWS("spectrum",
         "stage, step, against, matrix, base_count, intruders_u, intruders_v, "
         "energy_u, energy_v, top_energy, base_frobenius, base_spectral, delta_frobenius, "
         "delta_spectral, relative_update, effective_rank, stable_rank, top_share, rho_10, "
         "rounding_floor, reason, changed, \"floor\", existing_u, existing_v, unresolved_u, "
         "unresolved_v",
         AGAINST, "matrix"),
    WITH_LATER(3, MAX_COSINE, "direction",
               "stage, step, against, side, position, matrix, sigma, max_cosine, span, "
               "subspace_overlap, argmax, identity, cluster_overlap, reason, max_cosine_low, "
               "max_cosine_high, steps",
               AGAINST, "side, position, matrix"),
    ROWS("spectrum_total", TOTAL_COLUMNS, AGAINST, "against"),
    ROWS("intervention",
         "stage, step, choice, arm, lambda, measure, target, value, stderr, matrices, reason", ARM,
         "measure, target"),
    ROWS("sample", "stage, step, task, \"row\", prompt, response, reward", TASK, "\"row\""),
    ROWS("change",
         "stage, step, matrix, task, f_delta, tokens, directions, angle_u, angle_v, reason", TASK,
         "matrix"),
    ROWS("overlap", "stage, step, matrix, side, i, j, value", MATRIX, "side, i, j"),
    ROWS("null_draw", "stage, step, kind, side, draw, intruders, unresolved, existing, below", KIND,
         "side, draw"),
    ROWS("measured", "stage, step, measure, subject, matrix, name, value, reason", NAMED,
         "matrix, name"),
};
enum { CELL_TABLES = sizeof cell_tables / sizeof *cell_tables, TOTAL = 6, ARMS = 7, MEASURED = 12 };

/* The measures with tables of their own; rows of any other are single numbers. */
static const struct {
    const char *measure;
    size_t first, count; /* in cell_tables */
} measures[] = {{WANE_CELL_SCORE, 0, 2},    {WANE_CELL_LIKELIHOOD, 2, 2},
                {WANE_CELL_SPECTRUM, 4, 3}, {WANE_CELL_INTERVENTION, 7, 1},
                {WANE_CELL_SAMPLE, 8, 1},   {WANE_CELL_CHANGE, 9, 1},
                {WANE_CELL_OVERLAP, 10, 1}, {WANE_CELL_NULL, 11, 1}};

static const wane_hashed_table parts[WANE_PARTS] = {
    [WANE_PART_STAGE] = ROWS("stage",
                             "id, key, parent, model, kind, task_name, anchor, status, "
                             "steps_planned, steps, diverged_at",
                             "id = ?1", "id"),
    [WANE_PART_STEP] = ROWS("step", "stage, step, loss, learning_rate, grad_norm, tokens, seconds",
                            "stage = ?1", "step"),
    [WANE_PART_ARTIFACT] =
        ROWS("artifact", "stage, kind, path, sha256, bytes, gone", "stage = ?1", "kind"),
    [WANE_PART_ENVIRONMENT] = ROWS("environment",
                                   "stage, version, numbers, blas_core, blas_build, cpu, "
                                   "cpu_features, compiler, system, threads, jobs, mixed",
                                   "stage = ?1", "stage"),
    [WANE_PART_DIFFERENCE] =
        ROWS("difference", "stage, setting, base, value", "stage = ?1", "setting"),
    [WANE_PART_CELL] = ROWS("cell",
                            "stage, step, measure, subject, settings_sha256, data_sha256, reason, "
                            "mixed, \"rows\", rows_sha256",
                            "stage = ?1", "step, measure, subject"),
    [WANE_PART_RUN] =
        ROWS("run",
             "id, key, experiment, name, method, kind, rank, alpha, learning_rate, order_name, "
             "seed, stages, trainable, status, error, superseded, bound, bounds",
             "id = ?1", "id"),
    [WANE_PART_RUN_STAGE] = ROWS("run_stage", "run, position, stage, task", "run = ?1", "position"),
    [WANE_PART_PARAMETER] = ROWS("parameter", "run, key, value", "run = ?1", "key"),
    [WANE_PART_METRIC] = ROWS("metric", "run, position, name, subject, value, reason", "run = ?1",
                              "position, name, subject"),
    [WANE_PART_GATE] = ROWS("gate", "run, name, subject, passed, value, bound, detail", "run = ?1",
                            "name, subject"),
};

const wane_hashed_table *wane_hashed_tables(size_t *cells, const wane_hashed_table **of_parts)
{
    *cells = CELL_TABLES;
    *of_parts = parts;
    return cell_tables;
}

const char *wane_part_table(wane_part part)
{
    return parts[part].name;
}

/* ----------------------------------------------------------------------------------- hashing */

static void add_word(wane_sha256 *hash, uint64_t word)
{
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)(word >> (8 * i));
    wane_sha256_add(hash, bytes, sizeof bytes);
}

static void add_value(wane_sha256 *hash, sqlite3_stmt *row, int column)
{
    int type = sqlite3_column_type(row, column);
    unsigned char tag = 0;
    uint64_t word = 0;
    const void *bytes = NULL;
    size_t length = 0;
    double real = 0;
    switch (type) {
    case SQLITE_INTEGER:
        tag = 1;
        word = (uint64_t)sqlite3_column_int64(row, column);
        break;
    case SQLITE_FLOAT:
        tag = 2;
        real = sqlite3_column_double(row, column);
        memcpy(&word, &real, sizeof word);
        break;
    case SQLITE_TEXT:
    case SQLITE_BLOB:
        tag = type == SQLITE_TEXT ? 3 : 4;
        bytes = type == SQLITE_TEXT ? (const void *)sqlite3_column_text(row, column)
                                    : sqlite3_column_blob(row, column);
        word = length = (size_t)sqlite3_column_bytes(row, column);
        break;
    default: break;
    }
    wane_sha256_add(hash, &tag, 1);
    if (tag) add_word(hash, word);
    if (length && bytes) wane_sha256_add(hash, bytes, length);
}

static bool same_number(sqlite3_stmt *row, int a, int b)
{
    int type = sqlite3_column_type(row, a);
    if (type == SQLITE_NULL) return sqlite3_column_type(row, b) == SQLITE_NULL;
    return type == SQLITE_FLOAT && sqlite3_column_type(row, b) == SQLITE_FLOAT &&
           sqlite3_column_double(row, a) == sqlite3_column_double(row, b);
}

/* How many of a row's columns are hashed. */
static int hashed_columns(const wane_hashed_table *table, sqlite3_stmt *row)
{
    int all = sqlite3_column_count(row), first = all - table->later;
    if (!table->later || sqlite3_column_type(row, all - 1) != SQLITE_NULL) return all;
    for (int c = first; c < all - 1; c++)
        if (!same_number(row, c, table->like)) return all;
    return first;
}

/* Adds the rows of a statement that was started, to its end. */
static wane_status add_rows(wane_results *db, wane_sha256 *hash, int64_t *rows,
                            const wane_hashed_table *table, sqlite3_stmt *statement,
                            wane_error *err)
{
    wane_status st = WANE_OK;
    int code = SQLITE_ROW;
    wane_sha256_text(hash, table->name);
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        int columns = hashed_columns(table, statement);
        for (int c = 0; c < columns; c++) add_value(hash, statement, c);
        ++*rows;
    }
    if (code != SQLITE_DONE) st = wane_results_fail(db, "read", err);
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    return st;
}

/* "choice/arm/lambda" */
typedef struct arm {
    char choice[64], name[64];
    double lambda;
} arm;

static bool split_arm(arm *out, const char *subject)
{
    const char *first = strchr(subject, '/'), *second = first ? strchr(first + 1, '/') : NULL;
    if (!second || first - subject >= (ptrdiff_t)sizeof out->choice ||
        second - first > (ptrdiff_t)sizeof out->name)
        return false;
    (void)snprintf(out->choice, sizeof out->choice, "%.*s", (int)(first - subject), subject);
    (void)snprintf(out->name, sizeof out->name, "%.*s", (int)(second - first - 1), first + 1);
    return wane_parse_double(&out->lambda, second + 1);
}

/* A cell with the tables its rows are in. */
typedef struct rows_of {
    int64_t stage, step;
    const char *measure, *subject;
    const wane_hashed_table *table;
    size_t tables;
    arm arm; /* of an intervention */
} rows_of;

static wane_status find_tables(rows_of *out, const wane_results *db, wane_error *err)
{
    out->table = &cell_tables[MEASURED];
    out->tables = 1;
    for (size_t m = 0; m < sizeof measures / sizeof *measures; m++)
        if (strcmp(measures[m].measure, out->measure) == 0) {
            out->table = &cell_tables[measures[m].first];
            out->tables = measures[m].count;
        }
    if (out->table == &cell_tables[ARMS] && !split_arm(&out->arm, out->subject))
        return wane_fail(err, WANE_EFORMAT,
                         "read: %s: no measure and subject of a cell: '%s', '%s'", db->path,
                         out->measure, out->subject);
    return WANE_OK;
}

/* A statement on the rows of the cell in one table, bound. */
static wane_status start_rows(wane_results *db, sqlite3_stmt **out, const rows_of *of,
                              const char *sql, wane_error *err)
{
    if (of->table == &cell_tables[ARMS])
        return wane_results_start(db, out, err, sql, "rittd", of->stage, of->step, of->arm.choice,
                                  of->arm.name, of->arm.lambda);
    if (of->table == &cell_tables[MEASURED])
        return wane_results_start(db, out, err, sql, "ritt", of->stage, of->step, of->subject,
                                  of->measure);
    return wane_results_start(db, out, err, sql, "rit", of->stage, of->step, of->subject);
}

wane_status wane_cell_hash(wane_results *db, wane_rows_hash *out, int64_t stage, int64_t step,
                           const char *measure, const char *subject, wane_error *err)
{
    wane_sha256 *hash = NULL;
    wane_rows_hash made = {0};
    rows_of of = {.stage = stage, .step = step, .measure = measure, .subject = subject};
    wane_status st = find_tables(&of, db, err);
    if (st != WANE_OK) return st;
    WANE_TRY(wane_sha256_begin(&hash, err));
    for (size_t i = 0; i < of.tables; i++) {
        sqlite3_stmt *statement = NULL;
        WANE_TRY(start_rows(db, &statement, &of, of.table[i].sql, err));
        WANE_TRY(add_rows(db, hash, &made.rows, &of.table[i], statement, err));
    }
    st = wane_sha256_end(made.sha256, hash, err);
    hash = NULL;
    if (st == WANE_OK) *out = made;
done:
    wane_sha256_free(hash);
    return st;
}

wane_status wane_cell_remove_rows(wane_results *db, int64_t stage, int64_t step,
                                  const char *measure, const char *subject, wane_error *err)
{
    rows_of of = {.stage = stage, .step = step, .measure = measure, .subject = subject};
    wane_status st = find_tables(&of, db, err);
    for (size_t i = 0; st == WANE_OK && i < of.tables; i++) {
        sqlite3_stmt *statement = NULL;
        st = start_rows(db, &statement, &of, of.table[i].remove, err);
        if (st != WANE_OK) break;
        if (sqlite3_step(statement) != SQLITE_DONE) st = wane_results_fail(db, "write", err);
        (void)sqlite3_reset(statement);
        (void)sqlite3_clear_bindings(statement);
    }
    return st;
}

wane_status wane_cell_forget(wane_results *db, int64_t stage, int64_t step, const char *measure,
                             const char *subject, wane_error *err)
{
    return wane_results_run(db, err,
                            "UPDATE cell SET settings_sha256 = '' WHERE stage = ? AND step = ? AND "
                            "measure = ? AND subject = ?",
                            "ritt", stage, step, measure, subject);
}

wane_status wane_cell_forgotten(bool *out, wane_results *db, int64_t stage, int64_t step,
                                const char *measure, const char *subject, wane_error *err)
{
    int64_t forgotten = 1;
    wane_status st = wane_results_get(db, &forgotten, 1, err,
                                      "SELECT settings_sha256 = '' FROM cell WHERE stage = ? AND "
                                      "step = ? AND measure = ? AND subject = ?",
                                      "ritt", stage, step, measure, subject);
    *out = forgotten != 0;
    return st == WANE_DONE ? WANE_OK : st;
}

wane_status wane_part_hash(wane_results *db, wane_rows_hash *out, wane_part part, int64_t id,
                           wane_error *err)
{
    wane_status st = WANE_OK;
    wane_sha256 *hash = NULL;
    sqlite3_stmt *statement = NULL;
    wane_rows_hash made = {0};
    WANE_TRY(wane_sha256_begin(&hash, err));
    WANE_TRY(wane_results_start(db, &statement, err, parts[part].sql, "r", id));
    WANE_TRY(add_rows(db, hash, &made.rows, &parts[part], statement, err));
    st = wane_sha256_end(made.sha256, hash, err);
    hash = NULL;
    if (st == WANE_OK) *out = made;
done:
    wane_sha256_free(hash);
    return st;
}

/* ------------------------------------------------------------------------------------- seals */

wane_status wane_part_sealed(wane_results *db, wane_rows_hash *out, wane_part part, int64_t id,
                             wane_error *err)
{
    static const char sql[] = "SELECT \"rows\", rows_sha256 FROM seal WHERE part = ? AND id = ?";
    sqlite3_stmt *statement = NULL;
    wane_status st = wane_results_start(db, &statement, err, sql, "tr", wane_part_table(part), id);
    if (st != WANE_OK) return st;
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(statement, 1);
        out->rows = text ? sqlite3_column_int64(statement, 0) : WANE_NULL;
        (void)snprintf(out->sha256, sizeof out->sha256, "%s", text ? text : "");
    } else st = code == SQLITE_DONE ? WANE_DONE : wane_results_fail(db, "read", err);
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    return st;
}

wane_status wane_part_seal(wane_results *db, wane_part part, int64_t id, wane_error *err)
{
    wane_rows_hash now;
    wane_status st = wane_part_hash(db, &now, part, id, err);
    if (st != WANE_OK) return st;
    return wane_results_run(
        db, err,
        "INSERT OR REPLACE INTO seal (part, id, \"rows\", rows_sha256) VALUES (?, ?, ?, ?)", "trit",
        wane_part_table(part), id, now.rows, now.sha256);
}

wane_status wane_part_reseal(wane_results *db, wane_part part, int64_t id, wane_error *err)
{
    wane_rows_hash sealed;
    wane_status st = wane_part_sealed(db, &sealed, part, id, err);
    if (st == WANE_DONE) return WANE_OK;
    return st == WANE_OK && *sealed.sha256 ? wane_part_seal(db, part, id, err) : st;
}

wane_status wane_part_unseal(wane_results *db, wane_part part, int64_t id, wane_error *err)
{
    return wane_results_run(db, err, "DELETE FROM seal WHERE part = ? AND id = ?", "tr",
                            wane_part_table(part), id);
}

/* ------------------------------------------------------------------------------------ totals */

const char wane_spectrum_total_sql[] = {
#include "total.inc"
};

wane_status wane_spectrum_total_hashes(wane_results *db, wane_rows_hash *stored,
                                       wane_rows_hash *computed, int64_t stage, int64_t step,
                                       const char *against, wane_error *err)
{
    const char *const sql[2] = {cell_tables[TOTAL].sql, wane_spectrum_total_sql};
    wane_rows_hash *const out[2] = {stored, computed};
    wane_status st = WANE_OK;
    wane_sha256 *hash = NULL;
    for (int i = 0; i < 2; i++) {
        sqlite3_stmt *statement = NULL;
        *out[i] = (wane_rows_hash){0};
        WANE_TRY(wane_sha256_begin(&hash, err));
        WANE_TRY(wane_results_start(db, &statement, err, sql[i], "rit", stage, step, against));
        WANE_TRY(add_rows(db, hash, &out[i]->rows, &cell_tables[TOTAL], statement, err));
        st = wane_sha256_end(out[i]->sha256, hash, err);
        hash = NULL;
        if (st != WANE_OK) goto done;
    }
done:
    wane_sha256_free(hash);
    return st;
}
