/* SPDX-License-Identifier: Apache-2.0
 * Rows that exist before anything is trained.
 */
#include <math.h>

#include "store/base/memory.h"
#include "store/results/database.h"

const char *wane_stage_status_name(wane_stage_status status)
{
    switch (status) {
    case WANE_STAGE_PLANNED: return "planned";
    case WANE_STAGE_TRAINING: return "training";
    case WANE_STAGE_DONE: return "done";
    case WANE_STAGE_DIVERGED: return "diverged";
    case WANE_STAGE_SKIPPED: return "skipped";
    case WANE_STAGE_FAILED: return "failed";
    }
    return "?";
}

const char *wane_run_status_name(wane_run_status status)
{
    switch (status) {
    case WANE_RUN_PLANNED: return "planned";
    case WANE_RUN_RUNNING: return "running";
    case WANE_RUN_DONE: return "done";
    case WANE_RUN_DIVERGED: return "diverged";
    case WANE_RUN_FAILED: return "failed";
    case WANE_RUN_GATE_FAILED: return "gate_failed";
    }
    return "?";
}

/* Writes the seal of a part again that the last statement has changed. What it left as it was keeps
 * its seal: planning again must not seal what somebody else has changed. */
static wane_status reseal_changed(wane_results *db, wane_part part, int64_t id, wane_error *err)
{
    return sqlite3_changes(db->sql) > 0 ? wane_part_reseal(db, part, id, err) : WANE_OK;
}

wane_status wane_results_put_model(wane_results *db, int64_t *id, const wane_model_row *row,
                                   wane_error *err)
{
    static const char sql[] =
        "INSERT INTO model (key, name, path, architecture, parameters, vocabulary, context, "
        "layers, "
        "width) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET "
        "name = excluded.name, path = excluded.path RETURNING id";
    bool own = false;
    int64_t made = 0;
    wane_status st = wane_results_enter(db, &own, err);
    if (st != WANE_OK) return st;
    st = wane_results_get(db, &made, 1, err, sql, "ttttiiiii", row->key, row->name, row->path,
                          row->architecture, row->parameters, row->vocabulary, row->context,
                          row->layers, row->width);
    st = wane_results_leave(db, own, st, err);
    if (st == WANE_OK) *id = made;
    return st;
}

wane_status wane_results_put_matrix(wane_results *db, int64_t *id, const wane_matrix_row *row,
                                    wane_error *err)
{
    static const char sql[] =
        "INSERT INTO matrix (model, position, name, module, layer, \"rows\", cols) "
        "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (model, name) DO UPDATE SET "
        "position = excluded.position, module = excluded.module, layer = excluded.layer "
        "RETURNING id";
    bool own = false;
    int64_t made = 0;
    wane_status st = wane_results_enter(db, &own, err);
    if (st != WANE_OK) return st;
    st = wane_results_get(db, &made, 1, err, sql, "rittiii", row->model, row->position, row->name,
                          row->module, row->layer, row->rows, row->cols);
    st = wane_results_leave(db, own, st, err);
    if (st == WANE_OK) *id = made;
    return st;
}

wane_status wane_results_put_task(wane_results *db, int64_t *id, const wane_task_row *row,
                                  wane_error *err)
{
    static const char sql[] =
        "INSERT INTO task (key, name, path, kind, split, train_sha256, data_sha256, template, "
        "train_rows, measured_rows, labels, shown) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (key) DO UPDATE SET name = excluded.name, path = excluded.path, "
        "train_sha256 = excluded.train_sha256, train_rows = excluded.train_rows, "
        "shown = coalesce(excluded.shown, shown) RETURNING id";
    bool own = false;
    int64_t made = 0;
    wane_status st = wane_results_enter(db, &own, err);
    if (st != WANE_OK) return st;
    st = wane_results_get(db, &made, 1, err, sql, "ttttttttiiit", row->key, row->name, row->path,
                          row->kind, row->split, row->train_sha256, row->data_sha256,
                          row->template_text, row->train_rows, row->measured_rows, row->labels,
                          row->shown);
    st = wane_results_leave(db, own, st, err);
    if (st == WANE_OK) *id = made;
    return st;
}

wane_status wane_results_put_corpus(wane_results *db, int64_t *id, const wane_corpus_row *row,
                                    wane_error *err)
{
    static const char sql[] =
        "INSERT INTO corpus (key, name, path, data_sha256, documents, windows, tokens, words, "
        "bytes, "
        "floor, unigram_entropy) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (key) DO UPDATE SET name = excluded.name, path = excluded.path, "
        "unigram_entropy = coalesce(unigram_entropy, excluded.unigram_entropy) RETURNING id";
    bool own = false;
    int64_t made = 0;
    wane_status st = wane_results_enter(db, &own, err);
    if (st != WANE_OK) return st;
    st = wane_results_get(db, &made, 1, err, sql, "ttttiiiiidd", row->key, row->name, row->path,
                          row->data_sha256, row->documents, row->windows, row->tokens, row->words,
                          row->bytes, row->floor, row->unigram_entropy);
    st = wane_results_leave(db, own, st, err);
    if (st == WANE_OK) *id = made;
    return st;
}

wane_status wane_results_put_experiment(wane_results *db, int64_t *id,
                                        const wane_experiment_row *row, wane_error *err)
{
    static const char sql[] =
        "INSERT INTO experiment (key, model, limited, source) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (key) DO UPDATE SET model = excluded.model, limited = excluded.limited, "
        "source = excluded.source RETURNING id";
    bool own = false;
    int64_t made = 0;
    wane_status st = wane_results_enter(db, &own, err);
    if (st != WANE_OK) return st;
    st = wane_results_get(db, &made, 1, err, sql, "trbt", row->name, row->model, row->limited,
                          row->source);
    st = wane_results_leave(db, own, st, err);
    if (st == WANE_OK) *id = made;
    return st;
}

wane_status wane_results_put_stage(wane_results *db, int64_t *id, const wane_stage_row *row,
                                   wane_error *err)
{
    static const char sql[] =
        "INSERT INTO stage (key, parent, model, kind, task_name, anchor, steps_planned) "
        "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET "
        "task_name = excluded.task_name, steps_planned = excluded.steps_planned RETURNING id";
    static const char same[] = "SELECT id FROM stage WHERE key = ? AND task_name IS ? AND "
                               "steps_planned IS ?";
    bool own = false;
    int64_t made = 0;
    wane_status st = wane_results_enter(db, &own, err);
    if (st != WANE_OK) return st;
    st = wane_results_get(db, &made, 1, err, same, "tti", row->key, row->task_name,
                          row->steps_planned);
    if (st == WANE_DONE) {
        st = wane_results_get(db, &made, 1, err, sql, "trrttri", row->key, row->parent, row->model,
                              row->kind, row->task_name, row->anchor, row->steps_planned);
        if (st == WANE_OK) st = wane_part_reseal(db, WANE_PART_STAGE, made, err);
    }
    st = wane_results_leave(db, own, st, err);
    if (st == WANE_OK) *id = made;
    return st;
}

wane_status wane_results_put_run(wane_results *db, int64_t *id, const wane_run_row *row,
                                 wane_error *err)
{
    static const char older[] = "SELECT id FROM run WHERE experiment = ? AND name = ? "
                                "AND key <> ? AND superseded = 0";
    static const char sql[] =
        "INSERT INTO run (key, experiment, name, method, kind, rank, alpha, learning_rate, "
        "order_name, seed, stages, trainable, bound, bounds) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (key) DO UPDATE SET experiment = excluded.experiment, name = excluded.name, "
        "method = excluded.method, order_name = excluded.order_name, stages = excluded.stages, "
        "trainable = coalesce(excluded.trainable, trainable), superseded = 0, "
        "bound = excluded.bound, bounds = excluded.bounds "
        "WHERE experiment <> excluded.experiment OR name <> excluded.name OR "
        "method <> excluded.method OR order_name <> excluded.order_name OR "
        "stages <> excluded.stages OR trainable IS NOT coalesce(excluded.trainable, trainable) OR "
        "superseded <> 0 OR bound IS NOT excluded.bound OR bounds IS NOT excluded.bounds";
    bool own = false;
    int64_t made = 0, other = 0;
    wane_status st = wane_results_enter(db, &own, err);
    if (st != WANE_OK) return st;
    st = wane_results_get(db, &other, 1, err, older, "rtt", row->experiment, row->name, row->key);
    if (st == WANE_OK) {
        WANE_TRY(
            wane_results_run(db, err, "UPDATE run SET superseded = 1 WHERE id = ?", "r", other));
        WANE_TRY(wane_part_reseal(db, WANE_PART_RUN, other, err));
    } else if (st != WANE_DONE) goto done;
    WANE_TRY(wane_results_run(db, err, sql, "trtttiddtiiitr", row->key, row->experiment, row->name,
                              row->method, row->kind, row->rank, row->alpha, row->learning_rate,
                              row->order_name, row->seed, row->stages, row->trainable, row->bound,
                              row->bounds));
    bool changed = sqlite3_changes(db->sql) > 0;
    WANE_TRY(
        wane_results_get(db, &made, 1, err, "SELECT id FROM run WHERE key = ?", "t", row->key));
    if (changed) WANE_TRY(wane_part_reseal(db, WANE_PART_RUN, made, err));
done:
    st = wane_results_leave(db, own, st, err);
    if (st == WANE_OK) *id = made;
    return st;
}

wane_status wane_results_put_experiment_task(wane_results *db, int64_t experiment, int64_t task,
                                             bool watched, wane_error *err)
{
    static const char older[] =
        "DELETE FROM experiment_task WHERE experiment = ?1 AND task <> ?2 AND task IN "
        "(SELECT id FROM task WHERE name = (SELECT name FROM task WHERE id = ?2))";
    static const char sql[] = "INSERT INTO experiment_task VALUES (?, ?, ?) ON CONFLICT DO UPDATE "
                              "SET watched = excluded.watched";
    bool own = false;
    wane_status st = wane_results_enter(db, &own, err);
    if (st != WANE_OK) return st;
    WANE_TRY(wane_results_run(db, err, older, "rr", experiment, task));
    WANE_TRY(wane_results_run(db, err, sql, "rrb", experiment, task, watched));
done:
    return wane_results_leave(db, own, st, err);
}

wane_status wane_results_put_experiment_corpus(wane_results *db, int64_t experiment, int64_t corpus,
                                               const char *role, double weight, wane_error *err)
{
    static const char older[] =
        "DELETE FROM experiment_corpus WHERE experiment = ?1 AND corpus <> ?2 AND corpus IN "
        "(SELECT id FROM corpus WHERE name = (SELECT name FROM corpus WHERE id = ?2))";
    static const char sql[] = "INSERT INTO experiment_corpus VALUES (?, ?, ?, ?) ON CONFLICT DO "
                              "UPDATE SET role = excluded.role, weight = excluded.weight";
    bool own = false;
    wane_status st = wane_results_enter(db, &own, err);
    if (st != WANE_OK) return st;
    WANE_TRY(wane_results_run(db, err, older, "rr", experiment, corpus));
    WANE_TRY(wane_results_run(db, err, sql, "rrtd", experiment, corpus, role, weight));
done:
    return wane_results_leave(db, own, st, err);
}

wane_status wane_results_put_run_stage(wane_results *db, int64_t run, int64_t position,
                                       int64_t stage, int64_t task, wane_error *err)
{
    static const char sql[] = "INSERT INTO run_stage VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                              "stage = excluded.stage, task = excluded.task "
                              "WHERE stage <> excluded.stage OR task IS NOT excluded.task";
    bool own = false;
    wane_status st = wane_results_enter(db, &own, err);
    if (st != WANE_OK) return st;
    st = wane_results_run(db, err, sql, "rirr", run, position, stage, task);
    if (st == WANE_OK) st = reseal_changed(db, WANE_PART_RUN_STAGE, run, err);
    return wane_results_leave(db, own, st, err);
}

wane_status wane_results_put_difference(wane_results *db, int64_t stage, const char *setting,
                                        const char *base, const char *value, wane_error *err)
{
    static const char sql[] = "INSERT INTO difference (stage, setting, base, value) "
                              "VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                              "base = excluded.base, value = excluded.value "
                              "WHERE base IS NOT excluded.base OR value IS NOT excluded.value";
    bool own = false;
    wane_status st = wane_results_enter(db, &own, err);
    if (st != WANE_OK) return st;
    st = wane_results_run(db, err, sql, "rttt", stage, setting, base, value);
    if (st == WANE_OK) st = reseal_changed(db, WANE_PART_DIFFERENCE, stage, err);
    return wane_results_leave(db, own, st, err);
}

wane_status wane_results_put_parameter(wane_results *db, int64_t run, const char *key,
                                       const wane_value *value, wane_error *err)
{
    static const char sql[] = "INSERT INTO parameter VALUES (?, ?, coalesce(?, ?, ?)) "
                              "ON CONFLICT DO UPDATE SET value = excluded.value "
                              "WHERE value IS NOT excluded.value";
    bool own = false;
    wane_status st = wane_results_enter(db, &own, err);
    if (st != WANE_OK) return st;
    /* One of the three is there; the others are NULL. An integer that equals WANE_NULL has no form
     * of its own and is NULL here as everywhere. */
    int64_t whole = value->type == WANE_VALUE_INTEGER ? value->integer : WANE_NULL;
    double real = value->type == WANE_VALUE_REAL ? value->real : (double)NAN;
    const char *text = value->type == WANE_VALUE_TEXT ? value->text : NULL;
    st = wane_results_run(db, err, sql, "rtidt", run, key, whole, real, text);
    if (st == WANE_OK) st = reseal_changed(db, WANE_PART_PARAMETER, run, err);
    return wane_results_leave(db, own, st, err);
}

/* ------------------------------------------------------------------------------------ finding */

static const struct {
    const char *name, *sql;
} tables[] = {
    [WANE_TABLE_MODEL] = {"model", "SELECT id FROM model WHERE key = ?"},
    [WANE_TABLE_TASK] = {"task", "SELECT id FROM task WHERE key = ?"},
    [WANE_TABLE_CORPUS] = {"corpus", "SELECT id FROM corpus WHERE key = ?"},
    [WANE_TABLE_EXPERIMENT] = {"experiment", "SELECT id FROM experiment WHERE key = ?"},
    [WANE_TABLE_STAGE] = {"stage", "SELECT id FROM stage WHERE key = ?"},
    [WANE_TABLE_RUN] = {"run", "SELECT id FROM run WHERE key = ?"},
};

wane_status wane_results_find(wane_results *db, int64_t *id, wane_results_table table,
                              const char *key, wane_error *err)
{
    wane_status st = wane_results_get(db, id, 1, err, tables[table].sql, "t", key);
    if (st == WANE_DONE)
        st = wane_fail(err, WANE_ENOTFOUND, "read: %s: no %s '%s'", db->path, tables[table].name,
                       key);
    return st;
}

/* "no run" with the name that was likely meant. */
static wane_status no_run(wane_results *db, const char *text, wane_error *err)
{
    wane_query *query = NULL;
    wane_arena *arena = wane_arena_new();
    const char **names = NULL;
    size_t count = 0, room = 0;
    wane_status st = wane_query_open(
        &query, db, "SELECT DISTINCT name FROM run WHERE superseded = 0", NULL, 0, err);
    while (arena && st == WANE_OK && (st = wane_query_next(query, err)) == WANE_OK) {
        if (!WANE_GROW(names, room, count + 1)) break;
        if (!(names[count] = wane_arena_strdup(arena, wane_query_text(query, 0)))) break;
        count++;
    }
    const char *near = wane_nearest(text, names, count);
    st = wane_fail(err, WANE_ENOTFOUND, "read: %s: no run '%s'%s%s%s", db->path, text,
                   near ? "; did you mean '" : " (`wane ls` lists them)", near ? near : "",
                   near ? "'?" : "");
    wane_query_free(query);
    wane_free(names);
    wane_arena_free(arena);
    return st;
}

wane_status wane_results_find_run(wane_results *db, int64_t *id, const char *text,
                                  const char *experiment, wane_error *err)
{
    static const char by_name[] =
        "SELECT min(r.id), count(*) FROM run r JOIN experiment e ON e.id = r.experiment "
        "WHERE r.superseded = 0 AND r.name = ?1 AND (?2 IS NULL OR e.key = ?2)";
    static const char by_key[] =
        "SELECT min(r.id), count(*) FROM run r JOIN experiment e ON e.id = r.experiment "
        "WHERE substr(r.key, 1, length(?1)) = ?1 AND (?2 IS NULL OR e.key = ?2)";
    int64_t found[2] = {0, 0};
    wane_status st = wane_results_get(db, found, 2, err, by_name, "tt", text, experiment);
    if (st == WANE_OK && found[1] == 0 && *text)
        st = wane_results_get(db, found, 2, err, by_key, "tt", text, experiment);
    if (st != WANE_OK) return st;
    if (found[1] > 1)
        return wane_fail(err, WANE_EINVAL,
                         "read: %s: '%s' names %lld runs; give more of the key, or --experiment",
                         db->path, text, (long long)found[1]);
    if (found[1] == 0) return no_run(db, text, err);
    *id = found[0];
    return WANE_OK;
}
