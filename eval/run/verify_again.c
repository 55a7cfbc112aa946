/* SPDX-License-Identifier: Apache-2.0
 * Some cells measured again, in a copy of the database beside it, over hard links to its artifacts:
 * whatever the measuring does there, the original stays as it is.
 */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "eval/cells/cell_measures.h"
#include "eval/run/needs.h"
#include "eval/run/verify_parts.h"
#include "store/base/memory.h"
#include "store/base/random.h"
#include "store/base/text.h"
#include "store/files/enclosed.h"
#include "store/files/file.h"

enum { MOST_FILES = 1000000 };

typedef struct drawn {
    int64_t stage;
    char *measure, *subject;
} drawn;

typedef struct again {
    wane_verifying *v;
    wane_plan *plan;
    wane_work work; /* on the original, to ask which weights are there */
    wane_arena *memory;
    drawn *cells;
    size_t count, room;
    char *folder, *database, *artifacts; /* of the copy; folder NULL before it is made */
} again;

/* ------------------------------------------------------------------------------------ drawing */

/* Whether the weights that the cell is measured on are there: of its stage, and of the one before
 * for what compares the two. */
static wane_status measurable(bool *out, again *a, const drawn *cell, wane_error *err)
{
    const wane_measure *measure = wane_measure_of(cell->measure, cell->subject);
    bool two = measure && measure->before != WANE_BEFORE_UNUSED;
    wane_status st = WANE_OK;
    *out = false;
    for (size_t r = 0; r < a->plan->run_count && st == WANE_OK && !*out; r++) {
        const wane_plan_run *run = &a->plan->runs[r];
        for (size_t p = 0; p <= run->length && st == WANE_OK && !*out; p++) {
            if (a->plan->stages[run->stages[p]].id != cell->stage) continue;
            wane_reach reach = WANE_REACH_HERE, before = WANE_REACH_HERE;
            st = wane_stage_reachable(&reach, &a->work, run, p, err);
            if (st == WANE_OK && two && p > 0)
                st = wane_stage_reachable(&before, &a->work, run, p - 1, err);
            *out = st == WANE_OK && reach == WANE_REACH_HERE && before == WANE_REACH_HERE;
        }
    }
    return st;
}

/* Cells of sealed stages of the plan; looks into a training would need the training again. */
static wane_status list_cells(again *a, wane_error *err)
{
    static const char sql[] =
        "SELECT c.stage, c.measure, c.subject FROM cell c JOIN stage s ON s.id = c.stage AND "
        "s.status = 'done' WHERE c.step = -1 ORDER BY c.stage, c.measure, c.subject";
    wane_query *query = NULL;
    wane_status st = wane_query_open(&query, a->v->db, sql, NULL, 0, err);
    while (st == WANE_OK && (st = wane_query_next(query, err)) == WANE_OK) {
        drawn one = {.stage = wane_query_int(query, 0)};
        if (!WANE_GROW(a->cells, a->room, a->count + 1)) {
            st = wane_fail_memory(err, "verify", "cells");
            break;
        }
        one.measure = wane_arena_strdup(a->memory, wane_query_text(query, 1));
        one.subject = wane_arena_strdup(a->memory, wane_query_text(query, 2));
        if (!one.measure || !one.subject) st = wane_fail_memory(err, "verify", "cells");
        bool there = false;
        if (st == WANE_OK) st = measurable(&there, a, &one, err);
        if (st == WANE_OK && there) a->cells[a->count++] = one;
        if (st == WANE_OK && !there) a->v->count.not_again++;
    }
    wane_query_free(query);
    return st == WANE_DONE ? WANE_OK : st;
}

/* The first `wanted` of a random order come first. */
static wane_status draw(again *a, size_t wanted, uint64_t seed, wane_error *err)
{
    const wane_random where = {.seed = seed, .purpose = WANE_RANDOM_RESAMPLE};
    size_t *order = wane_alloc(a->count + 1, sizeof *order);
    drawn *chosen = wane_alloc(a->count + 1, sizeof *chosen);
    wane_status st = order && chosen ? WANE_OK : wane_fail_memory(err, "verify", "cells");
    if (st == WANE_OK) {
        wane_random_permutation(order, a->count, &where);
        for (size_t i = 0; i < a->count; i++) chosen[i] = a->cells[order[i]];
        if (a->count) memcpy(a->cells, chosen, a->count * sizeof *chosen);
        if (a->count > wanted) a->count = wanted;
    }
    wane_free(order);
    wane_free(chosen);
    return st;
}

/* ------------------------------------------------------------------------------------ the copy */

static int remove_one(const char *path, const struct stat *facts, int type, struct FTW *place)
{
    (void)facts;
    (void)type;
    (void)place;
    (void)remove(path);
    return 0;
}

static void remove_copy(again *a)
{
    if (a->folder) (void)nftw(a->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    wane_free(a->folder);
    wane_free(a->database);
    wane_free(a->artifacts);
}

static wane_status link_file(const char *from, const char *to, wane_error *err)
{
    char *parent = wane_strdup(to);
    if (!parent) return wane_fail_memory(err, "verify", to);
    *strrchr(parent, '/') = 0;
    wane_status st = wane_folder_make(parent, err);
    if (st == WANE_OK && wane_at_link(from, to) != 0) st = wane_at_fail(err, "verify: link", from);
    wane_free(parent);
    return st;
}

static wane_status link_artifacts(again *a, wane_error *err)
{
    wane_text source = {0};
    char **names = NULL;
    size_t count = 0;
    wane_text_printf(&source, "%s.artifacts", wane_results_path(a->v->db));
    wane_status st = wane_text_check(&source, "verify", "artifacts", err);
    if (st == WANE_OK && wane_folder_exists(source.data))
        st = wane_folder_walk(&names, &count, source.data, MOST_FILES, err);
    for (size_t i = 0; st == WANE_OK && i < count; i++) {
        if (strncmp(names[i], "updates/", 8) != 0 && strncmp(names[i], "svd", 3) != 0) continue;
        char *from = wane_path_join(source.data, names[i]);
        char *to = wane_path_join(a->artifacts, names[i]);
        st = from && to ? link_file(from, to, err) : wane_fail_memory(err, "verify", "artifacts");
        wane_free(from);
        wane_free(to);
    }
    wane_names_free(names, count);
    wane_text_free(&source);
    return st;
}

/* Under a read transaction nobody writes, so that the file's bytes are a whole database. */
static wane_status copy_database(again *a, wane_error *err)
{
    char *bytes = NULL;
    size_t count = 0;
    wane_status st = WANE_OK;
    WANE_TRY(wane_results_begin_reading(a->v->db, err));
    WANE_TRY(list_cells(a, err)); /* the first read takes the lock */
    WANE_TRY(wane_file_read(&bytes, &count, wane_results_path(a->v->db), SIZE_MAX / 2, err));
    WANE_TRY(wane_file_write(a->database, bytes, count, err));
done:
    wane_results_rollback(a->v->db);
    wane_free(bytes);
    return st;
}

static wane_status make_copy(again *a, wane_error *err)
{
    wane_text path = {0};
    wane_text_printf(&path, "%s.again-XXXXXX", wane_results_path(a->v->db));
    wane_status st = wane_text_check(&path, "verify", "copy", err);
    if (st == WANE_OK && !mkdtemp(path.data)) {
        st = wane_fail_errno(err, "verify: a folder beside the database", path.data);
        wane_text_free(&path);
    }
    if (st != WANE_OK) return st;
    a->folder = path.data;
    a->database = wane_path_join(a->folder, "again.db");
    a->artifacts = wane_path_join(a->folder, "again.db.artifacts");
    if (!a->database || !a->artifacts) return wane_fail_memory(err, "verify", "copy");
    st = copy_database(a, err);
    return st == WANE_OK ? link_artifacts(a, err) : st;
}

/* ----------------------------------------------------------------------------------- measuring */

/* A cell under no settings is measured as one that is not there. */
static wane_status forget(again *a, wane_error *err)
{
    wane_results *db = NULL;
    wane_run_need need = {0};
    wane_status st = wane_results_open(&db, a->database, WANE_RESULTS_WRITE, err);
    for (size_t i = 0; st == WANE_OK && i < a->count; i++)
        st = wane_cell_forget(db, a->cells[i].stage, WANE_STEP_SEALED, a->cells[i].measure,
                              a->cells[i].subject, err);
    if (st == WANE_OK) st = wane_run_needs(&need, a->plan, db, false, err);
    if (st == WANE_OK && (need.stages_missing || need.cells_missing > a->count))
        st = wane_fail(err, WANE_EINVAL,
                       "verify: %s: the experiment is not as far as its file says: %zu stages to "
                       "train, %zu cells to fill",
                       wane_results_path(a->v->db), need.stages_missing,
                       need.cells_missing > a->count ? need.cells_missing - a->count : 0);
    wane_results_close(db);
    return st;
}

static wane_status settings_of(char out[WANE_SHA256_HEX], wane_results *db, const drawn *c,
                               wane_error *err)
{
    static const char sql[] = "SELECT settings_sha256 FROM cell WHERE stage = ?1 AND step = -1 AND "
                              "measure = ?2 AND subject = ?3";
    const wane_binding values[3] = {{NULL, {.type = WANE_VALUE_INTEGER, .integer = c->stage}},
                                    {NULL, {.type = WANE_VALUE_TEXT, .text = c->measure}},
                                    {NULL, {.type = WANE_VALUE_TEXT, .text = c->subject}}};
    wane_query *query = NULL;
    *out = 0;
    wane_status st = wane_query_open(&query, db, sql, values, 3, err);
    if (st == WANE_OK) st = wane_query_next(query, err);
    if (st == WANE_OK) (void)snprintf(out, WANE_SHA256_HEX, "%s", wane_query_text(query, 0));
    wane_query_free(query);
    return st == WANE_DONE ? WANE_OK : st;
}

/* Whether the file asks for the cell under the settings that it was measured under: exact cosines
 * serve where bounds are asked for, and are other numbers. */
static wane_status same_settings(bool *out, again *a, wane_results *copy, const drawn *c,
                                 wane_error *err)
{
    char was[WANE_SHA256_HEX], is[WANE_SHA256_HEX] = "";
    wane_status st = settings_of(was, a->v->db, c, err);
    if (st == WANE_OK) st = settings_of(is, copy, c, err);
    *out = st == WANE_OK && strcmp(was, is) == 0;
    return st;
}

static wane_status compare(again *a, wane_error *err)
{
    wane_results *db = NULL;
    wane_status st = wane_results_open(&db, a->database, WANE_RESULTS_READ, err);
    for (size_t i = 0; st == WANE_OK && i < a->count; i++) {
        const drawn *c = &a->cells[i];
        wane_rows_hash before, after;
        bool forgotten = false, same = false;
        st = wane_cell_forgotten(&forgotten, db, c->stage, WANE_STEP_SEALED, c->measure, c->subject,
                                 err);
        if (st != WANE_OK) break;
        if (forgotten) { /* what it needs is not on disk any more */
            a->v->count.not_again++;
            continue;
        }
        if ((st = same_settings(&same, a, db, c, err)) != WANE_OK) break;
        if (!same) {
            a->v->count.otherwise++;
            continue;
        }
        st = wane_cell_hash(a->v->db, &before, c->stage, WANE_STEP_SEALED, c->measure, c->subject,
                            err);
        if (st == WANE_OK)
            st =
                wane_cell_hash(db, &after, c->stage, WANE_STEP_SEALED, c->measure, c->subject, err);
        if (st != WANE_OK) break;
        a->v->count.again++;
        if (before.rows != after.rows || strcmp(before.sha256, after.sha256) != 0)
            wane_verify_report(a->v, "cell", "stage %lld, %s, %s: measured again, it is another",
                               (long long)c->stage, c->measure, c->subject);
    }
    wane_results_close(db);
    return st;
}

wane_status wane_verify_again(wane_verifying *v, wane_plan *plan, size_t cells, uint64_t seed,
                              const wane_run_options *like, wane_error *err)
{
    again a = {.v = v, .plan = plan, .memory = wane_arena_new()};
    wane_run_outcome outcome = {0};
    wane_run_options options = *like;
    wane_status st = a.memory ? WANE_OK : wane_fail_memory(err, "verify", "cells");
    if (st != WANE_OK) return st;
    bool enclosed = false;
    wane_text artifacts = {0};
    wane_text_printf(&artifacts, "%s.artifacts", wane_results_path(v->db));
    WANE_TRY(wane_text_check(&artifacts, "verify", "artifacts", err));
    WANE_TRY(wane_enclose(artifacts.data, err));
    enclosed = true;
    a.work = (wane_work){.plan = plan,
                         .inputs = plan->inputs,
                         .experiment = plan->inputs->experiment,
                         .options = &options,
                         .db = v->db,
                         .artifacts = artifacts.data};
    WANE_TRY(wane_plan_find(plan, v->db, err));
    WANE_TRY(make_copy(&a, err));
    WANE_TRY(draw(&a, cells, seed, err));
    WANE_TRY(forget(&a, err));
    options.database = a.database;
    options.jobs = 1;
    WANE_TRY(wane_run(&outcome, plan, &options, err));
    if (outcome.runs_failed)
        WANE_TRY(wane_fail(err, WANE_EINTERNAL, "verify: %zu runs failed when measured again",
                           outcome.runs_failed));
    WANE_TRY(compare(&a, err));
done:
    remove_copy(&a);
    if (enclosed) wane_enclose_end(artifacts.data);
    wane_text_free(&artifacts);
    wane_free(a.cells);
    wane_arena_free(a.memory);
    return st;
}
