/* SPDX-License-Identifier: Apache-2.0
 * Finds the runs of both sides by any name that a run goes by, and pairs those that agree in
 * everything that is not compared.
 */
#include "analysis/report/comparing.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "analysis/report/named_metric.h"
#include "store/results/query.h"

/* What a pair shares, beside the experiment; `by` is left out of it. A method decides kind, rank
 * and learning rate, so they are shared only when it is not what differs; a kind decides whether
 * there is a rank. */
static const char *const shared[] = {"kind", "rank", "learning_rate", "order_name", "seed"};
enum { SHARED = sizeof shared / sizeof *shared };

typedef wane_compare_run candidate;
typedef wane_compare_runs candidates;

static wane_status no_memory(wane_error *err)
{
    return wane_fail_memory(err, "compare", "runs");
}

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static bool in_key(const wane_compare_question *q, size_t i)
{
    if (is(shared[i], q->by) || (is(shared[i], "rank") && is(q->by, "kind"))) return false;
    return i >= 3 || !is(q->by, "method");
}

/* Its parts joined by '/': "given/s0", "lora/r8/given/s0". */
static void write_label(wane_text *sql, const wane_compare_question *q)
{
    static const char *const as[SHARED] = {"l.kind", "'r' || l.rank",
                                           "'lr' || printf('%g', l.learning_rate)", "l.order_name",
                                           "'s' || l.seed"};
    wane_text_string(sql, "rtrim(''");
    for (size_t i = 0; i < SHARED; i++)
        if (in_key(q, i)) wane_text_printf(sql, " || coalesce(%s || '/', '')", as[i]);
    wane_text_string(sql, ", '/')");
}

static void write_condition(wane_text *sql, const wane_compare_question *q, const char *side,
                            const char *run_key)
{
    double number;
    if (run_key) {
        wane_text_string(sql, "l.key = ");
        wane_sql_text(sql, run_key);
    } else if (wane_parse_double(&number, side) && !is(q->by, "method")) {
        wane_text_printf(sql, "l.%s = %.17g", q->by, number);
    } else {
        wane_text_printf(sql, "l.%s = ", q->by);
        wane_sql_text(sql, side);
    }
}

/* A run is usable when it is done and, where others are not limited, not limited. */
static void write_sql(wane_text *sql, const wane_compare_question *q, const char *side,
                      const char *run_key)
{
    wane_text_string(sql, "SELECT l.experiment, l.run, l.key, ");
    write_label(sql, q);
    wane_text_string(sql, ", p.stage, z.stage, l.status, l.limited = 1 AND EXISTS (SELECT 1 FROM "
                          "run_list o WHERE o.superseded = 0 AND o.limited = 0) "
                          "FROM run_list l JOIN run r ON r.key = l.key "
                          "LEFT JOIN run_stage z ON z.run = r.id AND z.position = 0 "
                          "LEFT JOIN run_stage p ON p.run = r.id AND p.position = ");
    if (q->stage > 0) wane_text_printf(sql, "%" PRId64, q->stage);
    else wane_text_string(sql, "l.stages");
    wane_text_string(sql, " WHERE l.superseded = 0 AND ");
    write_condition(sql, q, side, run_key);
    if (!is(q->by, "method")) wane_text_string(sql, " AND l.bound IS NULL");
    if (q->experiment) {
        wane_text_string(sql, " AND l.experiment = ");
        wane_sql_text(sql, q->experiment);
    }
    wane_text_string(sql, " ORDER BY l.experiment, 4, l.run");
}

static wane_status take(candidates *list, wane_compare_side *side, const wane_query *query,
                        wane_arena *arena, wane_error *err)
{
    if (!WANE_GROW(list->item, list->room, list->count + 1)) return no_memory(err);
    candidate *c = &list->item[list->count];
    const char *status = wane_query_text(query, 6);
    bool limited = wane_query_int(query, 7) != 0;
    *c = (candidate){.experiment = wane_arena_strdup(arena, wane_query_text(query, 0)),
                     .run = wane_arena_strdup(arena, wane_query_text(query, 1)),
                     .key = wane_arena_strdup(arena, wane_query_text(query, 2)),
                     .label = wane_arena_strdup(arena, wane_query_text(query, 3)),
                     .stage = wane_query_int(query, 4),
                     .base = wane_query_int(query, 5),
                     .usable = is(status, "done") && !limited};
    if (!c->experiment || !c->run || !c->key || !c->label) return no_memory(err);
    if (c->usable && c->stage == WANE_NULL)
        return wane_fail(err, WANE_EINVAL, "compare: %s: has no such stage", c->run);
    side->runs++;
    if (is(status, "diverged")) side->diverged++;
    else if (is(status, "gate_failed")) side->gate_failed++;
    else if (is(status, "failed")) side->failed++;
    else if (!is(status, "done")) side->unfinished++;
    else side->limited += limited;
    list->count++;
    return WANE_OK;
}

static wane_status select_runs(candidates *list, wane_compare_side *side, wane_results *db,
                               const wane_compare_question *q, const char *name,
                               const char *run_key, wane_arena *arena, wane_error *err)
{
    wane_text sql = {0};
    wane_query *query = NULL;
    wane_status st = WANE_OK;
    write_sql(&sql, q, name, run_key);
    WANE_TRY(wane_text_check(&sql, "compare", name, err));
    WANE_TRY(wane_query_open(&query, db, sql.data, NULL, 0, err));
    while ((st = wane_query_next(query, err)) == WANE_OK)
        WANE_TRY(take(list, side, query, arena, err));
    if (st == WANE_DONE) st = WANE_OK;
done:
    wane_query_free(query);
    wane_text_free(&sql);
    return st;
}

/* What `by` may be, for a message: "A; B; C and N more". */
static wane_status nothing_named(const wane_compare_question *q, const char *name, wane_results *db,
                                 wane_error *err)
{
    enum { LISTED = 12 };
    wane_text sql = {0}, list = {0};
    wane_query *query = NULL;
    size_t count = 0;
    wane_text_printf(&sql,
                     "SELECT DISTINCT CASE typeof(l.%s) WHEN 'real' THEN printf('%%g', l.%s) "
                     "ELSE l.%s END FROM run_list l "
                     "WHERE l.superseded = 0 AND l.%s IS NOT NULL ORDER BY l.%s",
                     q->by, q->by, q->by, q->by, q->by);
    wane_status st = wane_text_check(&sql, "compare", name, err);
    if (st == WANE_OK) st = wane_query_open(&query, db, sql.data, NULL, 0, err);
    while (st == WANE_OK && (st = wane_query_next(query, err)) == WANE_OK)
        if (count++ < LISTED)
            wane_text_printf(&list, "%s%s", count > 1 ? ", " : "", wane_query_text(query, 0));
    if (st == WANE_DONE) {
        if (count > LISTED) wane_text_printf(&list, " and %zu more", count - LISTED);
        st = wane_fail(err, WANE_ENOTFOUND, "compare: %s: no such %s%s; there %s %s", name, q->by,
                       is(q->by, "method") ? " or run" : "", count == 1 ? "is" : "are",
                       list.data ? list.data : "none");
    }
    wane_query_free(query);
    wane_text_free(&list);
    wane_text_free(&sql);
    return st;
}

wane_status wane_comparing_side(candidates *list, wane_compare_side *side, wane_results *db,
                                const wane_compare_question *q, const char *name, wane_arena *arena,
                                wane_error *err)
{
    int64_t id = 0;
    wane_error other;
    side->name = name;
    wane_status st = select_runs(list, side, db, q, name, NULL, arena, err);
    if (st != WANE_OK || list->count > 0) return st;
    if (!is(q->by, "method") ||
        wane_results_find_run(db, &id, name, q->experiment, &other) == WANE_ENOTFOUND)
        return nothing_named(q, name, db, err);
    /* Again, for the error if it is ambiguous. */
    st = wane_results_find_run(db, &id, name, q->experiment, err);
    if (st != WANE_OK) return st;
    char sql[96];
    wane_query *query = NULL;
    (void)snprintf(sql, sizeof sql, "SELECT key FROM run WHERE id = %" PRId64, id);
    WANE_TRY(wane_query_open(&query, db, sql, NULL, 0, err));
    WANE_TRY(wane_query_next(query, err));
    st = select_runs(list, side, db, q, name, wane_query_text(query, 0), arena, err);
done:
    wane_query_free(query);
    return st;
}

static bool same_place(const candidate *a, const candidate *b)
{
    return is(a->experiment, b->experiment) && is(a->label, b->label);
}

static wane_status check_unique(const candidates *list, const char *name, wane_error *err)
{
    for (size_t i = 1; i < list->count; i++) {
        const candidate *a = &list->item[i - 1], *b = &list->item[i];
        if (a->usable && b->usable && same_place(a, b))
            return wane_fail(err, WANE_EINVAL,
                             "compare: %s: %s and %s both go with %s: narrow by --where", name,
                             a->run, b->run, a->label);
    }
    return WANE_OK;
}

static void add_pair(wane_comparing *c, candidate *a, candidate *b, const char *label)
{
    c->pair[c->pairs++] = (wane_compare_pair){.label = label,
                                              .experiment = {a->experiment, b->experiment},
                                              .run = {a->run, b->run},
                                              .stage = {a->stage, b->stage},
                                              .base = {a->base, b->base}};
    a->taken = b->taken = true;
}

static wane_status make_pairs(wane_comparing *c, candidates list[2], wane_error *err)
{
    wane_status st = check_unique(&list[0], c->side[0].name, err);
    if (st == WANE_OK) st = check_unique(&list[1], c->side[1].name, err);
    if (st != WANE_OK) return st;
    c->pair = wane_arena_alloc(c->arena, list[0].count, sizeof *c->pair);
    if (!c->pair) return no_memory(err);
    /* Two runs go together whatever they share. */
    bool two = list[0].count == 1 && list[1].count == 1;
    for (size_t i = 0; i < list[0].count; i++)
        for (size_t j = 0; j < list[1].count; j++) {
            candidate *a = &list[0].item[i], *b = &list[1].item[j];
            if (!a->usable || !b->usable || is(a->key, b->key)) continue;
            if (two && !same_place(a, b)) add_pair(c, a, b, "the two runs");
            else if (same_place(a, b)) add_pair(c, a, b, a->label);
        }
    for (int s = 0; s < 2; s++)
        for (size_t i = 0; i < list[s].count; i++)
            c->side[s].unpaired += list[s].item[i].usable && !list[s].item[i].taken;
    if (c->pairs == 0)
        return wane_fail(err, WANE_EINVAL,
                         "compare: %s and %s: no two finished runs to pair (%zu and %zu runs, %zu "
                         "and %zu of them without a partner)",
                         c->side[0].name, c->side[1].name, c->side[0].runs, c->side[1].runs,
                         c->side[0].unpaired, c->side[1].unpaired);
    return WANE_OK;
}

static wane_status check_by(const char *by, wane_error *err)
{
    static const char *const known[] = {"method",        "kind",       "rank",
                                        "learning_rate", "order_name", "seed"};
    enum { KNOWN = sizeof known / sizeof *known };
    for (size_t i = 0; i < KNOWN; i++)
        if (is(by, known[i])) return WANE_OK;
    const char *near = wane_nearest(by, known, KNOWN);
    return wane_fail(err, WANE_EINVAL,
                     "compare: --by %s: none of method, kind, rank, learning_rate, order_name, "
                     "seed%s%s",
                     by, near ? "; did you mean " : "", near ? near : "");
}

wane_status wane_comparing_run(wane_comparing *out, wane_results *db,
                               const wane_compare_question *question, wane_error *err)
{
    wane_comparing c = {.question = question};
    candidates list[2] = {{0}, {0}};
    wane_status st = check_by(question->by, err);
    if (st != WANE_OK) return st;
    c.arena = wane_arena_new();
    if (!c.arena) return no_memory(err);
    for (int s = 0; s < 2; s++)
        WANE_TRY(wane_comparing_side(&list[s], &c.side[s], db, question, question->side[s], c.arena,
                                     err));
    if (list[0].count == list[1].count && is(list[0].item[0].key, list[1].item[0].key)) {
        st = wane_fail(err, WANE_EINVAL, "compare: %s and %s: are the same runs", c.side[0].name,
                       c.side[1].name);
        goto done;
    }
    WANE_TRY(make_pairs(&c, list, err));
    WANE_TRY(wane_comparing_measure(&c, db, err));
    *out = c;
    c = (wane_comparing){0};
done:
    wane_free(list[0].item);
    wane_free(list[1].item);
    wane_comparing_free(&c);
    return st;
}

void wane_comparing_free(wane_comparing *comparing)
{
    wane_arena_free(comparing->arena);
    *comparing = (wane_comparing){0};
}
