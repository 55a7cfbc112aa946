/* SPDX-License-Identifier: Apache-2.0
 * Writes a SELECT of (run, stage, value) for the metric of a task, a corpus, a run or a measure,
 * once the database knows the names.
 */
#include "analysis/report/named_metric.h"

#include <string.h>

#include "store/base/memory.h"
#include "store/results/query.h"

#define MEASURED_NAMES "SELECT DISTINCT name FROM measured_values WHERE matrix = ''"

/* Names a measure may have, copied. */
typedef struct names {
    wane_arena *arena;
    const char **item;
    size_t count, room;
} names;

void wane_sql_text(wane_text *sql, const char *text)
{
    wane_text_string(sql, "'");
    for (; *text; text++) wane_text_append(sql, *text == '\'' ? "''" : text, *text == '\'' ? 2 : 1);
    wane_text_string(sql, "'");
}

const char *const wane_metrics_of_task[] = {"accuracy", NULL};
const char *const wane_metrics_of_corpus[] = {"pretraining_forgetting", "nll", "kl_to_base",
                                              "soft_ce", NULL};

static void names_free(names *n)
{
    wane_arena_free(n->arena);
    wane_free(n->item);
}

static bool known(const names *n, const char *name)
{
    for (size_t i = 0; i < n->count; i++)
        if (strcmp(n->item[i], name) == 0) return true;
    return false;
}

static wane_status add(names *n, const char *name, wane_error *err)
{
    if (!n->arena) n->arena = wane_arena_new();
    char *copy = n->arena && name ? wane_arena_strdup(n->arena, name) : NULL;
    if (!copy || !WANE_GROW(n->item, n->room, n->count + 1))
        return wane_fail_memory(err, "read", "names");
    n->item[n->count++] = copy;
    return WANE_OK;
}

/* The first column of every row. */
static wane_status add_rows(names *n, wane_results *db, const char *sql, wane_error *err)
{
    wane_query *query = NULL;
    wane_status st = wane_query_open(&query, db, sql, NULL, 0, err);
    while (st == WANE_OK && (st = wane_query_next(query, err)) == WANE_OK)
        st = add(n, wane_query_text(query, 0), err);
    wane_query_free(query);
    return st == WANE_DONE ? WANE_OK : st;
}

/* Columns of stage_summary that hold numbers of a stage. */
static wane_status add_columns(names *n, wane_results *db, wane_error *err)
{
    static const char *const texts[] = {"experiment", "run",         "method",  "kind",
                                        "order_name", "status",      "trained", "stage",
                                        "run_key",    "stage_status"};
    wane_query *query = NULL;
    wane_status st =
        wane_query_open(&query, db, "SELECT * FROM stage_summary LIMIT 0", NULL, 0, err);
    for (size_t i = 0; st == WANE_OK && i < wane_query_columns(query); i++) {
        bool text = false;
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
            text = text || strcmp(wane_query_name(query, i), texts[k]) == 0;
        if (!text) st = add(n, wane_query_name(query, i), err);
    }
    wane_query_free(query);
    return st;
}

static wane_status no_such(const char *kind, const char *name, const names *n, const char *more,
                           wane_error *err)
{
    const char *near = wane_nearest(name, n->item, n->count);
    return wane_fail(err, WANE_ENOTFOUND, "read: %s: no such %s%s%s%s", name, kind,
                     near ? "; did you mean " : more, near ? near : "", near ? "?" : "");
}

wane_status wane_measured_there(bool *out, wane_results *db, const char *name, const char *subject,
                                wane_error *err)
{
    static const char sql[] = "SELECT 1 FROM measured_values WHERE matrix = '' AND name = ?1 AND "
                              "(?2 IS NULL OR subject = ?2) LIMIT 1";
    const wane_binding values[2] = {
        {NULL, {.type = WANE_VALUE_TEXT, .text = name}},
        {NULL, {.type = subject ? WANE_VALUE_TEXT : WANE_VALUE_NULL, .text = subject}}};
    wane_query *query = NULL;
    wane_status st = wane_query_open(&query, db, sql, values, 2, err);
    if (st == WANE_OK) st = wane_query_next(query, err);
    *out = st == WANE_OK;
    wane_query_free(query);
    return st == WANE_DONE ? WANE_OK : st;
}

void wane_measured_sql(wane_text *sql, const char *name, const char *subject)
{
    wane_text_string(sql, "SELECT experiment, run, position, CASE WHEN count(value) = count(*) "
                          "THEN avg(value) END AS value FROM measured_values WHERE matrix = '' "
                          "AND name = ");
    wane_sql_text(sql, name);
    if (subject) {
        wane_text_string(sql, " AND subject = ");
        wane_sql_text(sql, subject);
    }
    wane_text_string(sql, " GROUP BY experiment, run, position");
}

static wane_status task_sql(wane_text *sql, wane_results *db, const char *metric, const char *task,
                            wane_error *err)
{
    names n = {0};
    bool there = false;
    wane_status st = wane_measured_there(&there, db, metric, task, err);
    if (st != WANE_OK) return st;
    if (there) {
        wane_measured_sql(sql, metric, task);
        return WANE_OK;
    }
    if (strcmp(metric, "accuracy") != 0)
        return wane_fail(err, WANE_EINVAL,
                         "read: %s: --task goes with the metric accuracy, and with what is "
                         "measured on that task",
                         metric);
    WANE_TRY(add_rows(&n, db, "SELECT DISTINCT task FROM accuracy_matrix", err));
    if (!known(&n, task)) {
        st = no_such("task", task, &n, " (wane ls DB tasks)", err);
        goto done;
    }
    wane_text_string(sql, "SELECT experiment, run, position, accuracy AS value "
                          "FROM accuracy_matrix WHERE task = ");
    wane_sql_text(sql, task);
done:
    names_free(&n);
    return st;
}

static wane_status corpus_sql(wane_text *sql, wane_results *db, const char *metric,
                              const char *corpus, wane_error *err)
{
    names n = {0};
    bool there = false;
    size_t i = 0;
    wane_status st = wane_measured_there(&there, db, metric, corpus, err);
    if (st != WANE_OK) return st;
    if (there) {
        wane_measured_sql(sql, metric, corpus);
        return WANE_OK;
    }
    while (wane_metrics_of_corpus[i] && strcmp(metric, wane_metrics_of_corpus[i]) != 0) i++;
    if (!wane_metrics_of_corpus[i])
        return wane_fail(err, WANE_EINVAL,
                         "read: %s: --corpus goes with pretraining_forgetting, nll, kl_to_base or "
                         "soft_ce, and with what is measured on that corpus",
                         metric);
    WANE_TRY(add_rows(&n, db, "SELECT DISTINCT corpus FROM pretraining_forgetting", err));
    if (!known(&n, corpus)) {
        st = no_such("corpus", corpus, &n, " (wane ls DB corpora)", err);
        goto done;
    }
    wane_text_printf(
        sql,
        "SELECT experiment, run, position, %s AS value FROM pretraining_forgetting WHERE corpus = ",
        i ? metric : "forgetting");
    wane_sql_text(sql, corpus);
done:
    names_free(&n);
    return st;
}

/* A metric without a value over all subjects is their mean, unless one of them is missing. */
static void metric_sql(wane_text *sql, const char *metric)
{
    wane_text_string(
        sql, "SELECT e.key AS experiment, r.name AS run, m.position AS position, "
             "CASE WHEN count(m.value) = count(*) THEN avg(m.value) END AS value FROM run r "
             "JOIN experiment e ON e.id = r.experiment JOIN metric m ON m.run = r.id "
             "WHERE r.superseded = 0 AND m.name = ");
    wane_sql_text(sql, metric);
    wane_text_string(sql, " AND (m.subject = '' OR NOT EXISTS (SELECT 1 FROM metric o WHERE "
                          "o.run = m.run AND o.position = m.position AND o.name = m.name "
                          "AND o.subject = '')) GROUP BY r.id, m.position");
}

wane_status wane_named_metric_sql(wane_text *sql, wane_results *db, const wane_named_metric *m,
                                  wane_error *err)
{
    names n = {0};
    wane_status st = WANE_OK;
    if (m->task && m->corpus)
        return wane_fail(err, WANE_EINVAL, "read: %s: either --task or --corpus", m->metric);
    if (m->task) return task_sql(sql, db, m->metric, m->task, err);
    if (m->corpus) return corpus_sql(sql, db, m->metric, m->corpus, err);
    if (strcmp(m->metric, "accuracy") == 0)
        return wane_fail(err, WANE_EINVAL,
                         "read: accuracy: of which task? --task NAME, or accuracy_matrix, or acc");
    if (m->counting && wane_counting_metric(m->metric)) {
        wane_counting_sql(sql, m->counting, m->metric);
        return WANE_OK;
    }
    WANE_TRY(add_rows(&n, db, "SELECT DISTINCT name FROM metric", err));
    if (known(&n, m->metric)) {
        metric_sql(sql, m->metric);
        goto done;
    }
    WANE_TRY(add_columns(&n, db, err));
    if (known(&n, m->metric)) {
        wane_text_printf(
            sql, "SELECT experiment, run, position, \"%s\" AS value FROM stage_summary", m->metric);
        goto done;
    }
    WANE_TRY(add_rows(&n, db, MEASURED_NAMES, err));
    if (known(&n, m->metric)) wane_measured_sql(sql, m->metric, NULL);
    else st = no_such("metric", m->metric, &n, " (wane ls DB metrics)", err);
done:
    names_free(&n);
    return st;
}

wane_status wane_named_metric_check(wane_results *db, const char *name, const char *const *others,
                                    size_t count, wane_error *err)
{
    names n = {0};
    wane_status st = WANE_OK;
    for (size_t i = 0; wane_metrics_of_task[i]; i++)
        WANE_TRY(add(&n, wane_metrics_of_task[i], err));
    if (known(&n, name) || wane_counting_metric(name)) goto done;
    WANE_TRY(add_columns(&n, db, err));
    if (known(&n, name)) goto done;
    WANE_TRY(add_rows(&n, db, "SELECT DISTINCT name FROM metric", err));
    if (known(&n, name)) goto done;
    WANE_TRY(add_rows(&n, db, MEASURED_NAMES, err));
    if (known(&n, name)) goto done;
    for (size_t i = 0; wane_metrics_of_corpus[i]; i++) {
        if (strcmp(wane_metrics_of_corpus[i], name) == 0)
            WANE_TRY(wane_fail(err, WANE_EINVAL, "read: %s: of which corpus? --corpus NAME", name));
        WANE_TRY(add(&n, wane_metrics_of_corpus[i], err));
    }
    for (size_t i = 0; i < count; i++) WANE_TRY(add(&n, others[i], err));
    st = no_such("chart or metric", name, &n, " (wane curves DB --list)", err);
done:
    names_free(&n);
    return st;
}
