/* SPDX-License-Identifier: Apache-2.0
 * Goes over cells, strays, seals and artifacts in one read transaction and tells each finding with
 * the place it is of.
 */
#include "eval/run/verify_parts.h"

#include <stdio.h>
#include <string.h>

#include "store/base/memory.h"
#include "store/base/text.h"
#include "store/files/artifacts.h"
#include "store/files/enclosed.h"
#include "store/files/file.h"
#include "store/files/update.h"
#include "store/results/query.h"

enum { MOST_FILES = 1000000 };

/* What differs between rows and their seal; false when nothing does. */
static bool differs(char out[120], const wane_rows_hash *sealed, const wane_rows_hash *now)
{
    if (sealed->rows != now->rows)
        (void)snprintf(out, 120, "%lld rows were sealed, %lld are there", (long long)sealed->rows,
                       (long long)now->rows);
    else if (strcmp(sealed->sha256, now->sha256) != 0)
        (void)snprintf(out, 120, "its rows are not those that were sealed");
    else return false;
    return true;
}

/* ------------------------------------------------------------------------------------- cells */

static void name_cell(char out[300], wane_query *row)
{
    int length = snprintf(out, 300, "stage %lld, %s, %s", (long long)wane_query_int(row, 0),
                          wane_query_text(row, 2), wane_query_text(row, 7));
    if (wane_query_int(row, 1) != WANE_STEP_SEALED && length > 0 && length < 300)
        (void)snprintf(out + length, 300 - (size_t)length, ", step %lld",
                       (long long)wane_query_int(row, 1));
}

static wane_status check_total(wane_verifying *v, wane_query *row, const char *name,
                               wane_error *err)
{
    wane_rows_hash stored, computed;
    wane_status st =
        wane_spectrum_total_hashes(v->db, &stored, &computed, wane_query_int(row, 0),
                                   wane_query_int(row, 1), wane_query_text(row, 3), err);
    if (st != WANE_OK) return wane_verify_damage(v, "spectrum_total", st, err);
    if (stored.rows != computed.rows)
        wane_verify_report(v, "spectrum_total", "%s: %s", name,
                           stored.rows ? "stands on no spectra" : "is not there");
    else if (strcmp(stored.sha256, computed.sha256) != 0)
        wane_verify_report(v, "spectrum_total", "%s: is not what its spectra give", name);
    v->count.totals++;
    return WANE_OK;
}

static wane_status check_cell(wane_verifying *v, wane_query *row, wane_error *err)
{
    wane_rows_hash now, sealed = {.rows = wane_query_int(row, 5)};
    const char *measure = wane_query_text(row, 2), *subject = wane_query_text(row, 3);
    const char *sha = wane_query_text(row, 6);
    char name[300], what[120];
    name_cell(name, row);
    v->count.cells++;
    wane_status st = wane_cell_hash(v->db, &now, wane_query_int(row, 0), wane_query_int(row, 1),
                                    measure, subject, err);
    if (st != WANE_OK) return wane_verify_damage(v, name, st, err);
    v->count.rows += now.rows;
    if (now.rows == 0 && !wane_query_text(row, 4))
        wane_verify_report(v, "cell", "%s: has no rows, and no reason for it", name);
    (void)snprintf(sealed.sha256, sizeof sealed.sha256, "%s", sha ? sha : "");
    if (!sha && sealed.rows == WANE_NULL) v->count.cells_unsealed++;
    else if (differs(what, &sealed, &now)) wane_verify_report(v, "cell", "%s: %s", name, what);
    return strcmp(measure, "spectrum") == 0 ? check_total(v, row, name, err) : WANE_OK;
}

/* Rows of a table that no cell stands for. */
static wane_status check_stray(wane_verifying *v, wane_query *row, wane_error *err)
{
    (void)err;
    wane_verify_report(v, wane_query_text(row, 0),
                       "stage %lld, step %lld: rows that belong to no cell: %lld",
                       (long long)wane_query_int(row, 1), (long long)wane_query_int(row, 2),
                       (long long)wane_query_int(row, 3));
    return WANE_OK;
}

#define STRAY(table, measure, subject)                                                             \
    "SELECT '" table "', t.stage, t.step, count(*) FROM \"" table "\" t WHERE NOT EXISTS "         \
    "(SELECT 1 FROM cell c WHERE c.stage = t.stage AND c.step = t.step AND c.measure = '" measure  \
    "' AND c.subject = " subject ") GROUP BY t.stage, t.step"
#define OF_TASK "(SELECT k.key FROM task k WHERE k.id = t.task)"
#define OF_CORPUS "(SELECT k.key FROM corpus k WHERE k.id = t.corpus)"
#define OF_MATRIX "(SELECT k.name FROM matrix k WHERE k.id = t.matrix)"

static wane_status check_strays(wane_verifying *v, wane_error *err)
{
    static const char *const tables[][2] = {
        {"score", STRAY("score", "score", OF_TASK)},
        {"example", STRAY("example", "score", OF_TASK)},
        {"likelihood", STRAY("likelihood", "likelihood", OF_CORPUS)},
        {"window", STRAY("window", "likelihood", OF_CORPUS)},
        {"spectrum", STRAY("spectrum", "spectrum", "t.against")},
        {"direction", STRAY("direction", "spectrum", "t.against")},
        {"spectrum_total", STRAY("spectrum_total", "spectrum", "t.against")},
        {"sample", STRAY("sample", "sample", OF_TASK)},
        {"change", STRAY("change", "change", OF_TASK)},
        {"overlap", STRAY("overlap", "overlap", OF_MATRIX)},
        {"null_draw", STRAY("null_draw", "null", "t.kind")},
        {"measured",
         "SELECT 'measured', t.stage, t.step, count(*) FROM measured t WHERE NOT EXISTS "
         "(SELECT 1 FROM cell c WHERE c.stage = t.stage AND c.step = t.step AND c.measure = "
         "t.measure AND c.subject = t.subject) GROUP BY t.stage, t.step"},
        /* The number in a subject has no one spelling in SQL. */
        {"intervention",
         "SELECT 'intervention', t.stage, t.step, count(*) FROM intervention t WHERE NOT EXISTS "
         "(SELECT 1 FROM cell c WHERE c.stage = t.stage AND c.step = t.step AND c.measure = "
         "'intervention' AND c.subject LIKE t.choice || '/' || t.arm || '/%' AND "
         "CAST(substr(c.subject, length(t.choice) + length(t.arm) + 3) AS REAL) = t.lambda) "
         "GROUP BY t.stage, t.step"}};
    wane_status st = WANE_OK;
    for (size_t i = 0; st == WANE_OK && i < sizeof tables / sizeof *tables; i++)
        st = wane_verify_each(v, tables[i][0], tables[i][1], check_stray, err);
    return st;
}

/* ------------------------------------------------------------------------------------- seals */

static const struct {
    wane_part first, last;
    const char *what, *sql; /* the SELECT: id, whether its seals must be there, its name */
} sealed_parts[] = {
    {WANE_PART_STAGE, WANE_PART_DIFFERENCE, "stage",
     "SELECT id, status NOT IN ('planned', 'training'), 'stage ' || id FROM stage"},
    {WANE_PART_CELL, WANE_PART_CELL, "stage",
     "SELECT id, EXISTS (SELECT 1 FROM cell c WHERE c.stage = s.id), 'stage ' || id FROM stage s"},
    {WANE_PART_RUN, WANE_PART_GATE, "run",
     "SELECT id, status IN ('done', 'diverged', 'gate_failed'), 'run ' || name FROM run"}};

static wane_status check_part(wane_verifying *v, wane_query *row, wane_part part, wane_error *err)
{
    const char *table = wane_part_table(part), *name = wane_query_text(row, 2);
    int64_t id = wane_query_int(row, 0);
    wane_rows_hash sealed, now;
    char what[120];
    wane_status st = wane_part_sealed(v->db, &sealed, part, id, err);
    if (st == WANE_DONE) {
        if (wane_query_int(row, 1)) wane_verify_report(v, table, "%s: its seal is not there", name);
        return WANE_OK;
    }
    if (st == WANE_OK) st = wane_part_hash(v->db, &now, part, id, err);
    if (st != WANE_OK) return wane_verify_damage(v, table, st, err);
    v->count.seals++;
    if (sealed.rows == WANE_NULL) v->count.seals_unsealed++;
    else if (differs(what, &sealed, &now)) wane_verify_report(v, table, "%s: %s", name, what);
    return WANE_OK;
}

static wane_status check_stage_seals(wane_verifying *v, wane_query *row, wane_error *err)
{
    wane_status st = WANE_OK;
    for (int p = WANE_PART_STAGE; st == WANE_OK && p <= WANE_PART_DIFFERENCE; p++)
        st = check_part(v, row, (wane_part)p, err);
    return st;
}

static wane_status check_cell_seal(wane_verifying *v, wane_query *row, wane_error *err)
{
    return check_part(v, row, WANE_PART_CELL, err);
}

static wane_status check_run_seals(wane_verifying *v, wane_query *row, wane_error *err)
{
    wane_status st = WANE_OK;
    for (int p = WANE_PART_RUN; st == WANE_OK && p <= WANE_PART_GATE; p++)
        st = check_part(v, row, (wane_part)p, err);
    return st;
}

static wane_status check_stray_seal(wane_verifying *v, wane_query *row, wane_error *err)
{
    (void)err;
    wane_verify_report(v, "seal", "of %s %lld, which is not there", wane_query_text(row, 0),
                       (long long)wane_query_int(row, 1));
    return WANE_OK;
}

static wane_status check_seals(wane_verifying *v, wane_error *err)
{
    static const wane_verify_row checks[] = {check_stage_seals, check_cell_seal, check_run_seals};
    wane_status st = WANE_OK;
    for (size_t i = 0; st == WANE_OK && i < sizeof sealed_parts / sizeof *sealed_parts; i++)
        st = wane_verify_each(v, sealed_parts[i].what, sealed_parts[i].sql, checks[i], err);
    if (st != WANE_OK) return st;
    return wane_verify_each(
        v, "seal",
        "SELECT part, id FROM seal s WHERE CASE WHEN part IN ('run', 'run_stage', "
        "'parameter', 'metric', 'gate') THEN NOT EXISTS (SELECT 1 FROM run r WHERE "
        "r.id = s.id) ELSE NOT EXISTS (SELECT 1 FROM stage t WHERE t.id = s.id) END",
        check_stray_seal, err);
}

/* --------------------------------------------------------------------------------- artifacts */

typedef struct artifact {
    int64_t stage;
    char *kind, *path, *sha256, *key; /* key: of its stage, "" where there is no such stage */
    bool gone;
    bool placed; /* gone, or its row names the place of its stage and kind, and nothing else */
} artifact;

typedef struct artifacts {
    artifact *list;
    size_t count, room;
    wane_arena *memory;
} artifacts;

/* Read into memory, so that nobody who writes waits while files are read. */
static wane_status read_artifacts(artifacts *out, wane_verifying *v, wane_error *err)
{
    wane_query *query = NULL;
    out->memory = wane_arena_new();
    wane_status st = out->memory ? WANE_OK : wane_fail_memory(err, "verify", "artifacts");
    if (st == WANE_OK)
        st = wane_query_open(&query, v->db,
                             "SELECT a.stage, a.kind, a.path, coalesce(a.sha256, ''), a.gone, "
                             "coalesce(s.key, '') FROM artifact a LEFT JOIN stage s ON s.id = "
                             "a.stage ORDER BY a.stage, a.kind",
                             NULL, 0, err);
    while (st == WANE_OK && (st = wane_query_next(query, err)) == WANE_OK) {
        if (!WANE_GROW(out->list, out->room, out->count + 1)) {
            st = wane_fail_memory(err, "verify", "artifacts");
            break;
        }
        artifact a = {.stage = wane_query_int(query, 0), .gone = wane_query_int(query, 4) != 0};
        a.kind = wane_arena_strdup(out->memory, wane_query_text(query, 1));
        a.path = wane_arena_strdup(out->memory, wane_query_text(query, 2));
        a.sha256 = wane_arena_strdup(out->memory, wane_query_text(query, 3));
        a.key = wane_arena_strdup(out->memory, wane_query_text(query, 5));
        if (!a.kind || !a.path || !a.sha256 || !a.key)
            st = wane_fail_memory(err, "verify", "artifacts");
        if (st == WANE_OK) out->list[out->count++] = a;
    }
    wane_query_free(query);
    return st == WANE_DONE ? WANE_OK : wane_verify_damage(v, "artifact", st, err);
}

/* The row may be anybody's: what it names anywhere else is not opened. */
static void check_place(wane_verifying *v, artifact *a)
{
    static const char operation[] = "artifact: ";
    wane_error why;
    a->placed = a->gone || wane_artifact_check(a->path, a->kind, a->key, &why) == WANE_OK;
    if (a->placed) return;
    const char *said = why.message;
    if (strncmp(said, operation, strlen(operation)) == 0) said += strlen(operation);
    wane_verify_report(v, "artifact", "stage %lld, %s: its row is none of wane's: %s",
                       (long long)a->stage, a->kind, said);
}

static wane_status hash_artifact(char sha[WANE_SHA256_HEX], const artifact *a, const char *whole,
                                 wane_error *err)
{
    wane_update update = {0};
    if (!wane_folder_exists(whole)) return wane_file_sha256(sha, whole, err);
    wane_status st = wane_update_load(&update, whole, NULL, NULL, err);
    if (st == WANE_OK) st = wane_update_sha256(sha, &update, err);
    /* An earlier seal is over the file of tensors alone. */
    if (st == WANE_OK && strcmp(update.weights_sha256, a->sha256) == 0)
        (void)snprintf(sha, WANE_SHA256_HEX, "%s", a->sha256);
    wane_update_free(&update);
    return st;
}

static wane_status check_artifact(wane_verifying *v, const artifact *a, const char *folder,
                                  wane_error *err)
{
    char sha[WANE_SHA256_HEX];
    v->count.artifacts += !a->gone;
    if (!a->placed) return WANE_OK;
    char *whole = wane_path_join(folder, a->path);
    if (!whole) return wane_fail_memory(err, "verify", a->path);
    wane_status st = WANE_OK;
    if (a->gone) v->count.artifacts_gone++;
    else if (!wane_file_exists(whole) && !wane_folder_exists(whole))
        wane_verify_report(v, "artifact", "stage %lld, %s: %s is not there", (long long)a->stage,
                           a->kind, whole);
    else if ((st = hash_artifact(sha, a, whole, err)) != WANE_OK) {
        if (st != WANE_ENOMEM && st != WANE_ECANCELLED) {
            wane_verify_report(v, "artifact", "stage %lld, %s: %s", (long long)a->stage, a->kind,
                               err->message);
            st = WANE_OK;
        }
    } else if (strcmp(sha, a->sha256) != 0)
        wane_verify_report(v, "artifact",
                           "stage %lld, %s: %s: its bytes are not those that were sealed",
                           (long long)a->stage, a->kind, whole);
    wane_free(whole);
    return st;
}

static bool expected(const artifacts *all, const char *name)
{
    for (size_t i = 0; i < all->count; i++) {
        if (all->list[i].gone || !all->list[i].placed) continue;
        const char *path = all->list[i].path + strlen("updates/");
        size_t length = strlen(path);
        if (strncmp(name, path, length) != 0) continue;
        if (!name[length] || strcmp(name + length, "/adapter_config.json") == 0 ||
            strcmp(name + length, "/adapter_model.safetensors") == 0)
            return true;
    }
    return false;
}

static wane_status list_unexpected(wane_verifying *v, const artifacts *all, const char *folder,
                                   wane_error *err)
{
    char **names = NULL;
    size_t count = 0;
    char *updates = wane_path_join(folder, "updates");
    if (!updates) return wane_fail_memory(err, "verify", folder);
    wane_status st = WANE_OK;
    if (wane_folder_exists(updates))
        st = wane_folder_walk(&names, &count, updates, MOST_FILES, err);
    if (st == WANE_OK)
        for (size_t i = 0; i < count; i++) {
            if (expected(all, names[i])) continue;
            v->count.unexpected++;
            v->unexpected(v->context, "updates", names[i]);
        }
    wane_names_free(names, count);
    wane_free(updates);
    return wane_verify_damage(v, "artifact", st, err);
}

static wane_status check_artifacts(wane_verifying *v, artifacts *all, wane_error *err)
{
    wane_text folder = {0};
    wane_text_printf(&folder, "%s.artifacts", wane_results_path(v->db));
    wane_status st = wane_text_check(&folder, "verify", wane_results_path(v->db), err);
    bool enclosed = st == WANE_OK && (st = wane_enclose(folder.data, err)) == WANE_OK;
    for (size_t i = 0; st == WANE_OK && i < all->count; i++) {
        check_place(v, &all->list[i]);
        st = check_artifact(v, &all->list[i], folder.data, err);
    }
    if (st == WANE_OK) st = list_unexpected(v, all, folder.data, err);
    if (enclosed) wane_enclose_end(folder.data);
    wane_text_free(&folder);
    return st;
}

/* ----------------------------------------------------------------------------------- the whole */

static const char every_cell[] =
    "SELECT c.stage, c.step, c.measure, c.subject, c.reason, c.\"rows\", c.rows_sha256, "
    "coalesce((SELECT name FROM task t WHERE t.key = c.subject), (SELECT name FROM corpus t WHERE "
    "t.key = c.subject), c.subject) FROM cell c ORDER BY c.stage, c.step, c.measure, c.subject";

wane_status wane_verify(wane_verifying *v, wane_error *err)
{
    artifacts all = {0};
    wane_status st = WANE_OK;
    WANE_TRY(wane_results_begin_reading(v->db, err));
    WANE_TRY(wane_verify_damage(v, "file", wane_results_integrity(v->db, wane_verify_found, v, err),
                                err));
    WANE_TRY(
        wane_verify_damage(v, "file", wane_results_shape(v->db, wane_verify_found, v, err), err));
    WANE_TRY(wane_verify_each(v, "cell", every_cell, check_cell, err));
    WANE_TRY(check_strays(v, err));
    WANE_TRY(check_seals(v, err));
    WANE_TRY(wane_verify_metrics(v, err));
    WANE_TRY(read_artifacts(&all, v, err));
    wane_results_rollback(v->db);
    WANE_TRY(check_artifacts(v, &all, err));
done:
    wane_results_rollback(v->db);
    wane_arena_free(all.memory);
    wane_free(all.list);
    return st;
}
