/* SPDX-License-Identifier: Apache-2.0
 * Stages and runs in work and at their end.
 */

#include "store/base/clock.h"
#include "store/base/memory.h"
#include "store/results/database.h"

/* An UPDATE that must meet a row. */
static wane_status touched(wane_results *db, const char *what, int64_t id, wane_error *err)
{
    if (sqlite3_changes(db->sql) == 1) return WANE_OK;
    return wane_fail(err, WANE_ENOTFOUND, "write: %s: no %s %lld", db->path, what, (long long)id);
}

wane_status wane_results_set_stage_status(wane_results *db, int64_t stage, wane_stage_status status,
                                          wane_error *err)
{
    bool own = false;
    wane_status st = wane_results_enter(db, &own, err);
    if (st != WANE_OK) return st;
    WANE_TRY(wane_results_run(db, err, "UPDATE stage SET status = ? WHERE id = ?", "tr",
                              wane_stage_status_name(status), stage));
    WANE_TRY(touched(db, "stage", stage, err));
    if (status == WANE_STAGE_PLANNED || status == WANE_STAGE_TRAINING)
        for (int p = WANE_PART_STAGE; p <= WANE_PART_DIFFERENCE; p++)
            WANE_TRY(wane_part_unseal(db, (wane_part)p, stage, err));
    else WANE_TRY(wane_part_reseal(db, WANE_PART_STAGE, stage, err));
done:
    return wane_results_leave(db, own, st, err);
}

static wane_status put_artifact(wane_results *db, int64_t stage, const wane_artifact_row *row,
                                wane_error *err)
{
    return wane_results_run(
        db, err,
        "INSERT INTO artifact (stage, kind, path, sha256, bytes) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET path = excluded.path, sha256 = excluded.sha256, "
        "bytes = excluded.bytes, gone = 0",
        "rttti", stage, row->kind, row->path, row->sha256, row->bytes);
}

static wane_status put_environment(wane_results *db, int64_t stage, const wane_environment_row *row,
                                   wane_error *err)
{
    return wane_results_run(
        db, err,
        "INSERT OR REPLACE INTO environment (stage, version, numbers, blas_core, blas_build, cpu, "
        "cpu_features, compiler, system, threads, jobs, mixed) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "rtittttttiib", stage, row->version, row->numbers, row->blas_core, row->blas_build,
        row->cpu, row->cpu_features, row->compiler, row->system, row->threads, row->jobs,
        row->mixed);
}

wane_status wane_results_put_environment(wane_results *db, int64_t stage,
                                         const wane_environment_row *row, wane_error *err)
{
    bool own = false;
    wane_status st = wane_results_enter(db, &own, err);
    if (st != WANE_OK) return st;
    st = put_environment(db, stage, row, err);
    if (st == WANE_OK) st = wane_part_reseal(db, WANE_PART_ENVIRONMENT, stage, err);
    return wane_results_leave(db, own, st, err);
}

wane_status wane_results_seal_stage(wane_results *db, int64_t stage, const wane_stage_seal *seal,
                                    wane_error *err)
{
    if (seal->status == WANE_STAGE_PLANNED || seal->status == WANE_STAGE_TRAINING)
        return wane_fail(err, WANE_EINVAL, "write: %s: a stage cannot be sealed '%s'", db->path,
                         wane_stage_status_name(seal->status));
    bool own = false;
    wane_status st = wane_results_enter(db, &own, err);
    if (st != WANE_OK) return st;
    WANE_TRY(wane_results_run(
        db, err, "UPDATE stage SET status = ?, steps = ?, diverged_at = ? WHERE id = ?", "tiir",
        wane_stage_status_name(seal->status), seal->steps, seal->diverged_at, stage));
    WANE_TRY(touched(db, "stage", stage, err));
    for (size_t i = 0; i < seal->artifact_count; i++)
        WANE_TRY(put_artifact(db, stage, &seal->artifacts[i], err));
    if (seal->environment) WANE_TRY(put_environment(db, stage, seal->environment, err));
    for (int p = WANE_PART_STAGE; p <= WANE_PART_DIFFERENCE; p++)
        WANE_TRY(wane_part_seal(db, (wane_part)p, stage, err));
done:
    return wane_results_leave(db, own, st, err);
}

wane_status wane_results_stage_state(wane_results *db, wane_stage_state *out, int64_t stage,
                                     wane_error *err)
{
    /* The order of the names is that of wane_stage_status. */
    static const char sql[] =
        "SELECT id, CASE status WHEN 'planned' THEN 0 WHEN 'training' THEN 1 WHEN 'done' THEN 2 "
        "WHEN 'diverged' THEN 3 WHEN 'skipped' THEN 4 WHEN 'failed' THEN 5 END, steps, diverged_at "
        "FROM stage WHERE id = ?";
    int64_t got[4];
    wane_status st = wane_results_get(db, got, 4, err, sql, "r", stage);
    if (st == WANE_DONE)
        return wane_fail(err, WANE_ENOTFOUND, "read: %s: no stage %lld", db->path,
                         (long long)stage);
    if (st != WANE_OK) return st;
    if (got[1] == WANE_NULL)
        return wane_fail(err, WANE_EFORMAT, "read: %s: the file is damaged: status of stage %lld",
                         db->path, (long long)stage);
    *out = (wane_stage_state){got[0], (wane_stage_status)got[1], got[2], got[3]};
    return WANE_OK;
}

wane_status wane_results_find_artifact(wane_results *db, char **path, char **sha256, int64_t stage,
                                       const char *kind, wane_error *err)
{
    const wane_binding wanted[] = {{"stage", {.type = WANE_VALUE_INTEGER, .integer = stage}},
                                   {"kind", {.type = WANE_VALUE_TEXT, .text = kind}}};
    wane_query *query = NULL;
    char *found[2] = {NULL, NULL};
    wane_status st = wane_query_open(
        &query, db, "SELECT path, sha256, gone FROM artifact WHERE stage = :stage AND kind = :kind",
        wanted, 2, err);
    if (st == WANE_OK) st = wane_query_next(query, err);
    if (st == WANE_DONE)
        st = wane_fail(err, WANE_ENOTFOUND, "read: %s: stage %lld has no %s", db->path,
                       (long long)stage, kind);
    else if (st == WANE_OK && wane_query_int(query, 2) != 0)
        st = wane_fail(err, WANE_ENOTFOUND,
                       "read: %s: the %s of stage %lld was let go under `keep:`", db->path, kind,
                       (long long)stage);
    for (size_t i = 0; st == WANE_OK && i < 2; i++) {
        found[i] = wane_strdup(wane_query_text(query, i));
        if (!found[i] && wane_query_text(query, i)) st = wane_fail_memory(err, "read", db->path);
    }
    if (st == WANE_OK && path) {
        *path = found[0];
        found[0] = NULL;
    }
    if (st == WANE_OK && sha256) {
        *sha256 = found[1];
        found[1] = NULL;
    }
    wane_free(found[0]);
    wane_free(found[1]);
    wane_query_free(query);
    return st;
}

wane_status wane_results_reseal_artifact(wane_results *db, int64_t stage, const char *kind,
                                         const char *sha256, wane_error *err)
{
    bool own = false;
    wane_status st = wane_results_enter(db, &own, err);
    if (st != WANE_OK) return st;
    WANE_TRY(wane_results_run(db, err,
                              "UPDATE artifact SET sha256 = ? WHERE stage = ? AND kind = ?", "trt",
                              sha256, stage, kind));
    WANE_TRY(touched(db, "artifact of stage", stage, err));
    WANE_TRY(wane_part_reseal(db, WANE_PART_ARTIFACT, stage, err));
done:
    return wane_results_leave(db, own, st, err);
}

wane_status wane_results_drop_artifact(wane_results *db, int64_t stage, const char *kind,
                                       wane_error *err)
{
    bool own = false;
    wane_status st = wane_results_enter(db, &own, err);
    if (st != WANE_OK) return st;
    WANE_TRY(wane_results_run(db, err, "UPDATE artifact SET gone = 1 WHERE stage = ? AND kind = ?",
                              "rt", stage, kind));
    WANE_TRY(touched(db, "artifact of stage", stage, err));
    WANE_TRY(wane_part_reseal(db, WANE_PART_ARTIFACT, stage, err));
done:
    return wane_results_leave(db, own, st, err);
}

/* -------------------------------------------------------------------------------------- runs */

static wane_status run_status(wane_results *db, int64_t run, wane_run_status status,
                              const char *error, wane_error *err)
{
    wane_status st = wane_results_run(db, err, "UPDATE run SET status = ?, error = ? WHERE id = ?",
                                      "ttr", wane_run_status_name(status), error, run);
    return st == WANE_OK ? touched(db, "run", run, err) : st;
}

wane_status wane_results_set_run_status(wane_results *db, int64_t run, wane_run_status status,
                                        const char *error, wane_error *err)
{
    bool own = false;
    wane_status st = wane_results_enter(db, &own, err);
    if (st != WANE_OK) return st;
    st = run_status(db, run, status, error, err);
    /* A run that is at work again is sealed at its end. */
    if (st == WANE_OK && status != WANE_RUN_PLANNED && status != WANE_RUN_RUNNING)
        st = wane_part_reseal(db, WANE_PART_RUN, run, err);
    for (int p = WANE_PART_RUN; st == WANE_OK && p <= WANE_PART_GATE; p++)
        if (status == WANE_RUN_PLANNED || status == WANE_RUN_RUNNING)
            st = wane_part_unseal(db, (wane_part)p, run, err);
    return wane_results_leave(db, own, st, err);
}

static wane_status put_gate(wane_results *db, int64_t run, const wane_gate_row *gate,
                            wane_error *err)
{
    return wane_results_run(
        db, err,
        "INSERT OR REPLACE INTO gate (run, name, subject, passed, value, bound, "
        "detail) VALUES (?, ?, ?, ?, ?, ?, ?)",
        "rttbddt", run, gate->name, gate->subject, gate->passed, gate->value, gate->bound,
        gate->detail);
}

wane_status wane_results_put_gate(wane_results *db, int64_t run, const wane_gate_row *gate,
                                  wane_error *err)
{
    bool own = false;
    wane_status st = wane_results_enter(db, &own, err);
    if (st != WANE_OK) return st;
    st = put_gate(db, run, gate, err);
    if (st == WANE_OK) st = wane_part_reseal(db, WANE_PART_GATE, run, err);
    return wane_results_leave(db, own, st, err);
}

wane_status wane_results_seal_run(wane_results *db, int64_t run, const wane_run_seal *seal,
                                  wane_error *err)
{
    bool own = false;
    wane_status st = wane_results_enter(db, &own, err);
    if (st != WANE_OK) return st;
    WANE_TRY(run_status(db, run, seal->status, seal->error, err));
    WANE_TRY(wane_results_run(db, err, "DELETE FROM metric WHERE run = ?", "r", run));
    for (size_t i = 0; i < seal->metric_count; i++) {
        const wane_metric_row *m = &seal->metrics[i];
        WANE_TRY(
            wane_results_run(db, err,
                             "INSERT INTO metric (run, position, name, subject, value, reason) "
                             "VALUES (?, ?, ?, ?, ?, ?)",
                             "rittdt", run, m->position, m->name, m->subject, m->value, m->reason));
    }
    for (size_t i = 0; i < seal->gate_count; i++) WANE_TRY(put_gate(db, run, &seal->gates[i], err));
    for (int p = WANE_PART_RUN; p <= WANE_PART_GATE; p++)
        WANE_TRY(wane_part_seal(db, (wane_part)p, run, err));
done:
    return wane_results_leave(db, own, st, err);
}

wane_status wane_results_run_state(wane_results *db, wane_run_state *out, int64_t run,
                                   wane_error *err)
{
    /* The order of the names is that of wane_run_status. */
    static const char sql[] =
        "SELECT id, CASE status WHEN 'planned' THEN 0 WHEN 'running' THEN 1 WHEN 'done' THEN 2 "
        "WHEN 'diverged' THEN 3 WHEN 'failed' THEN 4 WHEN 'gate_failed' THEN 5 END "
        "FROM run WHERE id = ?";
    int64_t got[2];
    wane_status st = wane_results_get(db, got, 2, err, sql, "r", run);
    if (st == WANE_DONE)
        return wane_fail(err, WANE_ENOTFOUND, "read: %s: no run %lld", db->path, (long long)run);
    if (st != WANE_OK) return st;
    if (got[1] == WANE_NULL)
        return wane_fail(err, WANE_EFORMAT, "read: %s: the file is damaged: status of run %lld",
                         db->path, (long long)run);
    *out = (wane_run_state){got[0], (wane_run_status)got[1]};
    return WANE_OK;
}

/* ----------------------------------------------------------------------- steps, cost, events */

wane_status wane_results_put_steps(wane_results *db, int64_t stage, const wane_step_row *steps,
                                   size_t count, wane_error *err)
{
    bool own = false;
    wane_status st = wane_results_enter(db, &own, err);
    if (st != WANE_OK) return st;
    for (size_t i = 0; i < count; i++)
        WANE_TRY(wane_results_run(db, err,
                                  "INSERT OR REPLACE INTO step (stage, step, loss, learning_rate, "
                                  "grad_norm, tokens, seconds) VALUES (?, ?, ?, ?, ?, ?, ?)",
                                  "ridddid", stage, steps[i].step, steps[i].loss,
                                  steps[i].learning_rate, steps[i].grad_norm, steps[i].tokens,
                                  steps[i].seconds));
    WANE_TRY(wane_part_reseal(db, WANE_PART_STEP, stage, err));
done:
    return wane_results_leave(db, own, st, err);
}

wane_status wane_results_add_usage(wane_results *db, int64_t stage, const wane_usage_row *usage,
                                   wane_error *err)
{
    static const char sql[] =
        "INSERT INTO usage (stage, phase, wall_s, cpu_s, peak_bytes, tokens) "
        "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET wall_s = wall_s + excluded.wall_s, "
        "cpu_s = cpu_s + excluded.cpu_s, peak_bytes = max(coalesce(peak_bytes, "
        "excluded.peak_bytes), coalesce(excluded.peak_bytes, peak_bytes)), "
        "tokens = coalesce(tokens + excluded.tokens, tokens, excluded.tokens)";
    bool own = false;
    wane_status st = wane_results_enter(db, &own, err);
    if (st != WANE_OK) return st;
    st = wane_results_run(db, err, sql, "rtddii", stage, usage->phase, usage->wall_s, usage->cpu_s,
                          usage->peak_bytes, usage->tokens);
    return wane_results_leave(db, own, st, err);
}

wane_status wane_results_add_event(wane_results *db, int64_t run, int64_t stage, const char *level,
                                   const char *message, wane_error *err)
{
    char now[24];
    bool own = false;
    wane_status st = wane_results_enter(db, &own, err);
    if (st != WANE_OK) return st;
    wane_clock_utc(now);
    st = wane_results_run(db, err,
                          "INSERT INTO event (run, stage, time, level, message) "
                          "VALUES (?, ?, ?, ?, ?)",
                          "rrttt", run, stage, now, level, message);
    return wane_results_leave(db, own, st, err);
}

wane_status wane_results_add_warning(wane_results *db, int64_t run, int64_t stage,
                                     const char *message, wane_error *err)
{
    char now[24];
    bool own = false;
    wane_status st = wane_results_enter(db, &own, err);
    if (st != WANE_OK) return st;
    wane_clock_utc(now);
    st = wane_results_run(db, err,
                          "INSERT INTO event (run, stage, time, level, message) SELECT ?1, ?2, ?3, "
                          "'warning', ?4 WHERE NOT EXISTS (SELECT 1 FROM event WHERE level = "
                          "'warning' AND message = ?4)",
                          "rrtt", run, stage, now, message);
    return wane_results_leave(db, own, st, err);
}
