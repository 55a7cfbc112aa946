/* SPDX-License-Identifier: Apache-2.0
 * From nothing or from an older version to the schema of this wane.
 */
#include <stdio.h>
#include <string.h>

#include "store/base/memory.h"
#include "store/results/database.h"

static const char schema[] = {
#include "schema.inc"
};

static const char views[] = {
#include "views.inc"
};

const char *wane_results_schema(void)
{
    return schema;
}

const char *wane_results_views(void)
{
    return views;
}

/* What the versions added. A step changes tables alone: views are made anew after the last one. New
 * columns stand at the end of their table in schema.sql too, so that a file brought forward is made
 * like a fresh one. */
/* Version 1 took logits that are not finite for predictions: where the loss is no number, the accuracy
 * beside it, its examples and every metric that may stand on it are none either. A run with such a
 * stage was called done. */
#define ODD(value) "(" value " IS NULL OR abs(" value ") > 1.7976931348623157e308)"
#define ODD_SCORE(of)                                                                              \
    "EXISTS (SELECT 1 FROM score o WHERE o.stage = " of ".stage AND o.step = " of                  \
    ".step AND o.task = " of ".task AND o.split = " of ".split AND o.metric = 'loss' AND "         \
    ODD("o.value") ")"
#define ODD_STAGE(run, more)                                                                       \
    "EXISTS (SELECT 1 FROM run_stage p JOIN stage g ON g.id = p.stage WHERE p.run = " run          \
    " AND (EXISTS (SELECT 1 FROM score s WHERE s.stage = g.id AND s.step = -1 AND s.reason = "     \
    "'not_finite') OR EXISTS (SELECT 1 FROM likelihood l WHERE l.stage = g.id AND l.step = -1 "    \
    "AND l.reason = 'not_finite')) " more ")"
#define NOT_FINITE_OF_1                                                                            \
    "DELETE FROM example WHERE " ODD_SCORE("example") ";"                                          \
    "UPDATE score SET value = NULL, stderr = NULL, reason = 'not_finite' WHERE metric <> "         \
    "'majority' AND " ODD_SCORE("score") ";"                                                       \
    "UPDATE likelihood SET nll = NULL, stderr = NULL, change_stderr = NULL, token_perplexity = "   \
    "NULL, word_perplexity = NULL, byte_perplexity = NULL, bits_per_byte = NULL, kl_to_base = "    \
    "NULL, soft_ce = NULL, reason = 'not_finite' WHERE " ODD("nll") ";"                            \
    "UPDATE metric SET value = NULL, reason = 'not_finite' WHERE value IS NOT NULL AND "           \
    ODD_STAGE("metric.run", "AND p.position <= metric.position") ";"                               \
    "UPDATE run SET status = iif(" ODD_STAGE("run.id", "AND g.kind IN ('base', 'given')")          \
    ", 'gate_failed', 'diverged'), error = 'not finite: what an earlier version took for a "       \
    "result' WHERE status = 'done' AND " ODD_STAGE("run.id", "") ";"                               \
    "INSERT OR IGNORE INTO gate (run, name, subject, passed, value, bound, detail) "               \
    "SELECT p.run, 'finite', coalesce(t.name, ''), 0, NULL, 0, 'logits are not finite' FROM "      \
    "run_stage p JOIN stage g ON g.id = p.stage AND g.kind IN ('base', 'given') LEFT JOIN task t " \
    "ON t.id = p.task WHERE EXISTS (SELECT 1 FROM score s WHERE s.stage = g.id AND s.step = -1 "   \
    "AND s.reason = 'not_finite') OR EXISTS (SELECT 1 FROM likelihood l WHERE l.stage = g.id AND " \
    "l.step = -1 AND l.reason = 'not_finite');"

static const char from_1[] =
    "ALTER TABLE cell ADD COLUMN mixed INTEGER NOT NULL DEFAULT 0 CHECK (mixed IN (0, 1));"
    "ALTER TABLE score ADD COLUMN reason TEXT;"
    "ALTER TABLE likelihood ADD COLUMN reason TEXT;"
    "ALTER TABLE spectrum ADD COLUMN changed INTEGER CHECK (changed IN (0, 1));"
    "ALTER TABLE spectrum ADD COLUMN \"floor\" REAL;"
    "ALTER TABLE spectrum ADD COLUMN existing_u INTEGER;"
    "ALTER TABLE spectrum ADD COLUMN existing_v INTEGER;"
    "ALTER TABLE spectrum ADD COLUMN unresolved_u INTEGER;"
    "ALTER TABLE spectrum ADD COLUMN unresolved_v INTEGER;"
    "ALTER TABLE spectrum_total ADD COLUMN changed INTEGER;"
    "ALTER TABLE spectrum_total ADD COLUMN existing_u INTEGER;"
    "ALTER TABLE spectrum_total ADD COLUMN existing_v INTEGER;"
    "ALTER TABLE spectrum_total ADD COLUMN unresolved_u INTEGER;"
    "ALTER TABLE spectrum_total ADD COLUMN unresolved_v INTEGER;"
    "ALTER TABLE direction ADD COLUMN cluster_overlap REAL;"
    "ALTER TABLE direction ADD COLUMN reason TEXT;"
    "CREATE TABLE difference (stage INTEGER NOT NULL REFERENCES stage, setting TEXT NOT NULL, "
    "base TEXT, value TEXT, PRIMARY KEY (stage, setting)) STRICT, WITHOUT ROWID;"
    /* What the earlier rows tell exactly; floors and clusters need the weights. */
    "UPDATE spectrum SET changed = delta_frobenius <> 0;"
    "UPDATE spectrum_total SET changed = (SELECT sum(s.changed) FROM spectrum s WHERE "
    "s.stage = spectrum_total.stage AND s.step = spectrum_total.step "
    "AND s.against = spectrum_total.against);" NOT_FINITE_OF_1;

const wane_migration *wane_results_migrations(size_t *count)
{
    static const wane_migration steps[] = {{1, from_1}};
    *count = sizeof steps / sizeof *steps;
    return steps;
}

static wane_status execute(wane_results *db, const char *sql, wane_error *err)
{
    if (sqlite3_exec(db->sql, sql, NULL, NULL, NULL) == SQLITE_OK) return WANE_OK;
    return wane_results_fail(db, "update", err);
}

static wane_status set_version(wane_results *db, int version, wane_error *err)
{
    char text[96];
    (void)snprintf(text, sizeof text, "PRAGMA application_id=%d; PRAGMA user_version=%d",
                   WANE_RESULTS_APPLICATION, version);
    return execute(db, text, err);
}

static wane_status drop_views(wane_results *db, wane_error *err)
{
    static const char list[] = "SELECT name FROM main.sqlite_schema WHERE type = 'view' LIMIT 1";
    for (;;) {
        sqlite3_stmt *statement = NULL;
        char *drop = NULL;
        int code = sqlite3_prepare_v2(db->sql, list, -1, &statement, NULL);
        if (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW)
            drop = sqlite3_mprintf("DROP VIEW main.\"%w\"", sqlite3_column_text(statement, 0));
        (void)sqlite3_finalize(statement);
        if (code == SQLITE_DONE) return WANE_OK;
        if (!drop) return wane_results_fail(db, "update", err);
        wane_status st = execute(db, drop, err);
        sqlite3_free(drop);
        if (st != WANE_OK) return st;
    }
}

static wane_status step_up(wane_results *db, const wane_migration *steps, size_t count, int from,
                           int target, wane_error *err)
{
    wane_status st = drop_views(db, err);
    for (int version = from; st == WANE_OK && version < target; version++) {
        const wane_migration *step = NULL;
        for (size_t i = 0; i < count; i++)
            if (steps[i].from == version) step = &steps[i];
        if (!step)
            return wane_fail(err, WANE_EVERSION,
                             "update: %s: version %d is older than this wane can bring forward",
                             db->path, version);
        st = execute(db, step->sql, err);
    }
    if (st == WANE_OK) st = execute(db, views, err);
    if (st == WANE_OK) st = set_version(db, target, err);
    return st;
}

wane_status wane_results_migrate(wane_results *db, bool create, const wane_migration *steps,
                                 size_t count, int target, wane_error *err)
{
    /* Foreign keys must be off while tables are rebuilt; inside a transaction the pragma does
     * nothing. */
    wane_status st = execute(db, "PRAGMA foreign_keys=OFF", err);
    if (st != WANE_OK) return st;
    int64_t version = 0, broken = 0;
    WANE_TRY(wane_results_begin(db, err));
    /* Asked again under the lock: another process may have done it meanwhile. */
    WANE_TRY(wane_results_get(db, &version, 1, err, "PRAGMA user_version", ""));
    if (version == 0 && create) {
        WANE_TRY(execute(db, schema, err));
        WANE_TRY(set_version(db, target, err));
    } else if (version < target) {
        WANE_TRY(step_up(db, steps, count, (int)version, target, err));
        st = wane_results_get(db, &broken, 1, err, "SELECT count(*) FROM pragma_foreign_key_check",
                              "");
        if (st == WANE_OK && broken)
            st = wane_fail(err, WANE_EINTERNAL,
                           "update: %s: references were broken; left as it was", db->path);
        if (st != WANE_OK) goto done;
    }
    WANE_TRY(wane_results_commit(db, err));
done:
    if (st != WANE_OK) wane_results_rollback(db);
    if (sqlite3_exec(db->sql, "PRAGMA foreign_keys=ON", NULL, NULL, NULL) != SQLITE_OK &&
        st == WANE_OK)
        st = wane_results_fail(db, "update", err);
    return st;
}
