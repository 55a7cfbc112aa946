/* SPDX-License-Identifier: Apache-2.0
 * Measures the pairs that comparing.c has made: metrics, outcomes on the same examples (McNemar),
 * losses of documents and examples (bootstrap).
 */
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "analysis/report/comparing.h"
#include "analysis/report/named_metric.h"
#include "store/results/query.h"

static const char *const usual[] = {"acc",
                                    "learning_acc",
                                    "mean_majority",
                                    "learned_tasks",
                                    "bwt",
                                    "bwt_learned",
                                    "forgetting",
                                    "forgetting_learned",
                                    "held_out_change",
                                    "pretraining_forgetting",
                                    "other_forgetting",
                                    "kl_to_base",
                                    "intruders",
                                    "intruder_energy",
                                    "delta_frobenius",
                                    "relative_update",
                                    "effective_rank"};
enum { USUAL = sizeof usual / sizeof *usual };

static wane_status no_memory(wane_error *err)
{
    return wane_fail_memory(err, "compare", "values");
}

/* "WITH pair(n, a, b) AS (VALUES (0, 12, 34), ...) " with the ids of the stages. */
static void write_pairs(wane_text *sql, const wane_comparing *c)
{
    wane_text_string(sql, "WITH pair(n, a, b) AS (VALUES ");
    for (size_t i = 0; i < c->pairs; i++)
        wane_text_printf(sql, "%s(%zu, %" PRId64 ", %" PRId64 ")", i ? ", " : "", i,
                         c->pair[i].stage[0], c->pair[i].stage[1]);
    wane_text_string(sql, ") ");
}

/* ------------------------------------------------------------------------------------- metrics */

static wane_status read_metric(wane_comparing *c, wane_compare_metric *m, wane_results *db,
                               wane_error *err)
{
    const wane_named_metric measure = {.metric = m->name};
    wane_text sql = {0};
    wane_query *query = NULL;
    wane_status st = WANE_OK;
    wane_text_string(&sql, "SELECT v.experiment, v.run, v.value FROM (");
    WANE_TRY(wane_named_metric_sql(&sql, db, &measure, err));
    wane_text_string(&sql, ") v JOIN run_list l ON l.experiment = v.experiment AND l.run = v.run "
                           "AND l.superseded = 0 WHERE v.position = ");
    if (c->question->stage > 0) wane_text_printf(&sql, "%" PRId64, c->question->stage);
    else wane_text_string(&sql, "l.stages");
    WANE_TRY(wane_text_check(&sql, "compare", m->name, err));
    WANE_TRY(wane_query_open(&query, db, sql.data, NULL, 0, err));
    while ((st = wane_query_next(query, err)) == WANE_OK)
        for (size_t i = 0; i < c->pairs; i++)
            for (int s = 0; s < 2; s++)
                if (strcmp(c->pair[i].run[s], wane_query_text(query, 1)) == 0 &&
                    strcmp(c->pair[i].experiment[s], wane_query_text(query, 0)) == 0)
                    m->value[s][i] = wane_query_double(query, 2);
    if (st == WANE_DONE) st = WANE_OK;
done:
    wane_query_free(query);
    wane_text_free(&sql);
    return st;
}

/* Values that one side lacks are taken from the other too, so that all means are over the same
 * pairs. */
static void summarise(wane_compare_metric *m, size_t pairs, double *difference)
{
    for (size_t i = 0; i < pairs; i++) {
        difference[i] = m->value[1][i] - m->value[0][i];
        if (!isfinite(difference[i])) m->value[0][i] = m->value[1][i] = difference[i] = NAN;
    }
    for (int s = 0; s < 2; s++) m->side[s] = wane_summarise(m->value[s], pairs);
    m->difference = wane_summarise(difference, pairs);
    m->p = wane_paired_t(m->difference.mean, m->difference.sd, m->difference.n);
    for (size_t i = 0; i < pairs; i++) m->agree += difference[i] * m->difference.mean > 0;
}

static wane_status measure_metrics(wane_comparing *c, wane_results *db, wane_error *err)
{
    const wane_compare_question *q = c->question;
    size_t count = q->metrics ? q->metrics : USUAL;
    double *difference = wane_arena_alloc(c->arena, c->pairs, sizeof *difference);
    c->metric = wane_arena_alloc(c->arena, count, sizeof *c->metric);
    if (!c->metric || !difference) return no_memory(err);
    for (size_t i = 0; i < count; i++) {
        /* These are of tasks alone. */
        if (q->metrics &&
            (strcmp(q->metric[i], "accuracy") == 0 || strcmp(q->metric[i], "loss") == 0))
            continue;
        wane_compare_metric *m = &c->metric[c->metrics];
        *m = (wane_compare_metric){.name = q->metrics ? q->metric[i] : usual[i]};
        for (int s = 0; s < 2; s++) {
            m->value[s] = wane_arena_alloc(c->arena, c->pairs, sizeof **m->value);
            if (!m->value[s]) return no_memory(err);
            for (size_t k = 0; k < c->pairs; k++) m->value[s][k] = NAN;
        }
        wane_status st = read_metric(c, m, db, err);
        if (st != WANE_OK) return st;
        summarise(m, c->pairs, difference);
        c->metrics += q->metrics > 0 || m->difference.n > 0;
    }
    return WANE_OK;
}

static wane_status read_flags(wane_comparing *c, wane_results *db, wane_error *err)
{
    wane_compare_metric flag = {.name = "collapsed"};
    for (int s = 0; s < 2; s++) {
        flag.value[s] = wane_arena_alloc(c->arena, c->pairs, sizeof **flag.value);
        if (!flag.value[s]) return no_memory(err);
        for (size_t i = 0; i < c->pairs; i++) flag.value[s][i] = NAN;
    }
    wane_status st = read_metric(c, &flag, db, err);
    for (size_t i = 0; i < c->pairs; i++)
        for (int s = 0; s < 2; s++) c->pair[i].collapsed[s] = flag.value[s][i];
    return st;
}

/* ------------------------------------------------------------------------------------ examples */

/* The outcomes of both sides on the same rows; f and s: whether first and second are right. */
static const char outcomes[] =
    ", outcome AS (SELECT p.n, x.task, x.\"row\" AS place, x.predicted = x.label AS f, "
    "y.predicted = y.label AS s, x.loss AS f_loss, y.loss AS s_loss "
    "FROM pair p CROSS JOIN example x ON x.stage = p.a AND x.step = -1 "
    "JOIN task k ON k.id = x.task AND k.split = x.split "
    "JOIN example y ON y.stage = p.b AND y.step = -1 AND y.task = x.task AND y.split = x.split "
    "AND y.\"row\" = x.\"row\") ";

static wane_status open_outcomes(wane_query **query, const wane_comparing *c, const char *select,
                                 wane_results *db, wane_error *err)
{
    wane_text sql = {0};
    write_pairs(&sql, c);
    wane_text_string(&sql, outcomes);
    wane_text_string(&sql, select);
    wane_status st = wane_text_check(&sql, "compare", "examples", err);
    if (st == WANE_OK) st = wane_query_open(query, db, sql.data, NULL, 0, err);
    wane_text_free(&sql);
    return st;
}

static wane_status new_task(wane_compare_task *t, const wane_comparing *c, const char *name,
                            wane_error *err)
{
    *t = (wane_compare_task){.name = NULL, .majority = NAN, .p = NAN, .p_examples = NAN};
    if (name && !(t->name = wane_arena_strdup(c->arena, name))) return no_memory(err);
    for (int s = 0; s < 2; s++) {
        t->pair_only[s] = wane_arena_alloc(c->arena, c->pairs, sizeof **t->pair_only);
        if (!t->pair_only[s]) return no_memory(err);
    }
    return WANE_OK;
}

static wane_status count_tasks(size_t *count, const wane_comparing *c, wane_results *db,
                               wane_error *err)
{
    wane_query *query = NULL;
    wane_status st = open_outcomes(&query, c, "SELECT count(DISTINCT task) FROM outcome", db, err);
    if (st == WANE_OK) st = wane_query_next(query, err);
    if (st == WANE_OK) *count = (size_t)wane_query_int(query, 0);
    wane_query_free(query);
    return st;
}

/* One row per task and pair, tasks in their order. */
static wane_status read_outcomes(wane_comparing *c, wane_results *db, wane_error *err)
{
    wane_query *query = NULL;
    int64_t last = WANE_NULL;
    wane_status st = open_outcomes(
        &query, c,
        "SELECT o.task, (SELECT k.name FROM task k WHERE k.id = o.task), o.n, count(*), sum(f), "
        "sum(s), sum(f AND NOT s), sum(s AND NOT f), (SELECT m.value FROM pair p JOIN task k ON "
        "k.id = o.task JOIN score m ON m.stage = p.a AND m.step = -1 AND m.task = o.task AND "
        "m.split = k.split AND m.metric = 'majority' WHERE p.n = o.n) FROM outcome o "
        "GROUP BY o.task, o.n "
        "ORDER BY o.task, o.n",
        db, err);
    while (st == WANE_OK && (st = wane_query_next(query, err)) == WANE_OK) {
        wane_compare_task *t = &c->task[c->tasks - (c->tasks > 0)];
        if (wane_query_int(query, 0) != last) {
            t = &c->task[c->tasks++];
            WANE_TRY(new_task(t, c, wane_query_text(query, 1), err));
            t->majority = wane_query_double(query, 8);
            last = wane_query_int(query, 0);
        }
        size_t n = (size_t)wane_query_int(query, 2), examples = (size_t)wane_query_int(query, 3);
        if (examples > t->examples) t->examples = examples;
        t->outcomes += examples;
        for (int s = 0; s < 2; s++) {
            t->right[s] += (size_t)wane_query_int(query, (size_t)(4 + s));
            t->pair_only[s][n] = (size_t)wane_query_int(query, (size_t)(6 + s));
            t->only[s] += t->pair_only[s][n];
        }
    }
    if (st == WANE_DONE) st = WANE_OK;
done:
    wane_query_free(query);
    return st;
}

/* Per task, how many examples lean to each side. */
static wane_status read_leanings(wane_comparing *c, wane_results *db, wane_error *err)
{
    wane_query *query = NULL;
    size_t next = 0;
    wane_status st = open_outcomes(
        &query, c,
        "SELECT task, sum(lean < 0), sum(lean > 0) FROM (SELECT task, place, sum(s) - sum(f) AS "
        "lean FROM outcome GROUP BY task, place) GROUP BY task ORDER BY task",
        db, err);
    while (st == WANE_OK && (st = wane_query_next(query, err)) == WANE_OK) {
        wane_compare_task *t = &c->task[next++];
        for (int s = 0; s < 2; s++) t->example[s] = (size_t)wane_query_int(query, (size_t)(1 + s));
    }
    wane_query_free(query);
    return st == WANE_DONE ? WANE_OK : st;
}

static void add_up(wane_compare_task *all, const wane_compare_task *t, size_t pairs)
{
    all->examples += t->examples;
    all->outcomes += t->outcomes;
    for (int s = 0; s < 2; s++) {
        all->right[s] += t->right[s];
        all->only[s] += t->only[s];
        all->example[s] += t->example[s];
        for (size_t i = 0; i < pairs; i++) all->pair_only[s][i] += t->pair_only[s][i];
    }
}

static wane_status measure_tasks(wane_comparing *c, wane_results *db, wane_error *err)
{
    size_t count = 0;
    wane_status st = count_tasks(&count, c, db, err);
    if (st != WANE_OK || count == 0) return st;
    c->task = wane_arena_alloc(c->arena, count + 1, sizeof *c->task);
    if (!c->task) return no_memory(err);
    WANE_TRY(read_outcomes(c, db, err));
    WANE_TRY(read_leanings(c, db, err));
    WANE_TRY(new_task(&c->task[c->tasks], c, NULL, err));
    for (size_t t = 0; t < c->tasks; t++) add_up(&c->task[c->tasks], &c->task[t], c->pairs);
    c->tasks++;
    for (size_t t = 0; t < c->tasks; t++) {
        wane_compare_task *one = &c->task[t];
        one->p = wane_mcnemar_exact(one->only[0], one->only[1]);
        one->p_examples = wane_mcnemar_exact(one->example[0], one->example[1]);
    }
done:
    return st;
}

/* -------------------------------------------------------------------------------------- losses */

/* Units of one corpus or task. */
typedef struct units {
    double *first, *second, *weight;
    size_t count, room;
    bool missing;
} units;

static void units_free(units *u)
{
    wane_free(u->first);
    wane_free(u->second);
    wane_free(u->weight);
}

static wane_status add_unit(units *u, const wane_query *query, wane_error *err)
{
    enum { FIRST = 2, SECOND, WEIGHT };
    double **columns[] = {&u->first, &u->second, &u->weight};
    size_t room = u->room;
    for (int i = 0; i < 3; i++) {
        room = u->room;
        if (!WANE_GROW(*columns[i], room, u->count + 1)) return no_memory(err);
    }
    u->room = room;
    for (int i = 0; i < 3; i++) {
        double value = wane_query_double(query, (size_t)(FIRST + i));
        u->missing = u->missing || !isfinite(value);
        (*columns[i])[u->count] = value;
    }
    u->count++;
    return WANE_OK;
}

static wane_status finish_loss(wane_comparing *c, units *u, wane_error *err)
{
    wane_compare_loss *l = &c->loss[c->losses - 1];
    if (u->missing) {
        l->reason = "missing";
        return WANE_OK;
    }
    return wane_paired_bootstrap(&l->loss, u->first, u->second, u->weight, u->count, NULL, err);
}

static wane_status begin_loss(wane_comparing *c, const char *name, bool corpus, wane_error *err)
{
    wane_compare_loss *more = wane_arena_alloc(c->arena, c->losses + 1, sizeof *more);
    const char *copy = name ? wane_arena_strdup(c->arena, name) : "";
    if (!more || !copy) return no_memory(err);
    if (c->losses) memcpy(more, c->loss, c->losses * sizeof *more);
    more[c->losses++] = (wane_compare_loss){.name = copy, .corpus = corpus, .base = NAN};
    c->loss = more;
    return WANE_OK;
}

/* Rows of `query`: id, name, first, second, weight, base; those of one id lie together. */
static wane_status read_losses(wane_comparing *c, wane_query *query, bool corpus, wane_error *err)
{
    enum { ID, NAME, BASE = 5 };
    units u = {0};
    int64_t last = WANE_NULL;
    bool same_base = true;
    wane_status st = WANE_OK;
    for (size_t i = 0; i < c->pairs; i++)
        for (int s = 0; s < 2; s++)
            same_base = same_base && c->pair[i].base[s] == c->pair[0].base[0];
    while ((st = wane_query_next(query, err)) == WANE_OK) {
        if (wane_query_int(query, ID) != last) {
            if (u.count) WANE_TRY(finish_loss(c, &u, err));
            u.count = 0;
            u.missing = false;
            WANE_TRY(begin_loss(c, wane_query_text(query, NAME), corpus, err));
            last = wane_query_int(query, ID);
            if (same_base) c->loss[c->losses - 1].base = wane_query_double(query, BASE);
        }
        WANE_TRY(add_unit(&u, query, err));
    }
    if (st == WANE_DONE) st = WANE_OK;
    if (st == WANE_OK && u.count) st = finish_loss(c, &u, err);
done:
    units_free(&u);
    return st;
}

static wane_status measure_corpora(wane_comparing *c, wane_results *db, wane_error *err)
{
    wane_text sql = {0};
    wane_query *query = NULL;
    wane_status st = WANE_OK;
    write_pairs(&sql, c);
    wane_text_printf(&sql,
                     "SELECT x.corpus, (SELECT k.name FROM corpus k WHERE k.id = x.corpus), "
                     "CASE WHEN count(x.nll) = count(*) THEN sum(x.nll) END, "
                     "CASE WHEN count(y.nll) = count(*) THEN sum(y.nll) END, sum(x.tokens), "
                     "(SELECT l.nll FROM likelihood l WHERE l.stage = %" PRId64
                     " AND l.step = -1 AND l.corpus = x.corpus) "
                     "FROM pair p CROSS JOIN \"window\" x ON x.stage = p.a AND x.step = -1 "
                     "JOIN \"window\" y ON y.stage = p.b AND y.step = -1 AND y.corpus = x.corpus "
                     "AND y.document = x.document AND y.position = x.position "
                     "GROUP BY x.corpus, x.document ORDER BY x.corpus, x.document",
                     c->pair[0].base[0]);
    WANE_TRY(wane_text_check(&sql, "compare", "documents", err));
    WANE_TRY(wane_query_open(&query, db, sql.data, NULL, 0, err));
    st = read_losses(c, query, true, err);
done:
    wane_query_free(query);
    wane_text_free(&sql);
    return st;
}

static wane_status measure_task_losses(wane_comparing *c, wane_results *db, wane_error *err)
{
    wane_text select = {0};
    wane_query *query = NULL;
    wane_status st = WANE_OK;
    wane_text_printf(&select,
                     "SELECT o.task, (SELECT k.name FROM task k WHERE k.id = o.task), "
                     "CASE WHEN count(f_loss) = count(*) THEN sum(f_loss) END, "
                     "CASE WHEN count(s_loss) = count(*) THEN sum(s_loss) END, count(*), "
                     "(SELECT s.value FROM score s JOIN task k ON k.id = s.task AND k.split = "
                     "s.split WHERE s.stage = %" PRId64 " AND s.step = -1 AND s.metric = 'loss' "
                     "AND s.task = o.task) FROM outcome o GROUP BY o.task, o.place "
                     "ORDER BY o.task, o.place",
                     c->pair[0].base[0]);
    WANE_TRY(wane_text_check(&select, "compare", "examples", err));
    WANE_TRY(open_outcomes(&query, c, select.data, db, err));
    st = read_losses(c, query, false, err);
done:
    wane_query_free(query);
    wane_text_free(&select);
    return st;
}

/* Whether the question names one of the metrics, or none at all. */
static bool asks(const wane_compare_question *q, const char *const *names, size_t count)
{
    for (size_t i = 0; i < q->metrics; i++)
        for (size_t k = 0; k < count; k++)
            if (strcmp(q->metric[i], names[k]) == 0) return true;
    return q->metrics == 0;
}

wane_status wane_comparing_measure(wane_comparing *c, wane_results *db, wane_error *err)
{
    static const char *const of_tasks[] = {"accuracy", "acc", "learning_acc"};
    static const char *const of_corpora[] = {"nll", "pretraining_forgetting", "other_forgetting"};
    static const char *const of_losses[] = {"loss"};
    wane_status st = read_flags(c, db, err);
    if (st == WANE_OK) st = measure_metrics(c, db, err);
    if (st == WANE_OK && asks(c->question, of_tasks, 3)) st = measure_tasks(c, db, err);
    if (st == WANE_OK && asks(c->question, of_corpora, 3)) st = measure_corpora(c, db, err);
    if (st == WANE_OK && asks(c->question, of_losses, 1)) st = measure_task_losses(c, db, err);
    return st;
}
