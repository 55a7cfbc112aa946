/* SPDX-License-Identifier: Apache-2.0
 * One statement for the line of each method, and one for each accuracy matrix while there are few.
 */
#include "analysis/report/run_summary.h"

#include <inttypes.h>

#include "analysis/report/named_metric.h"
#include "store/base/memory.h"
#include "store/results/query.h"

/* Accuracy matrices are printed for so many methods at most; `wane show` has all. */
enum { MATRICES_MOST = 4 };

static wane_binding experiment_binding(const char *experiment)
{
    return (wane_binding){"experiment", {.type = WANE_VALUE_TEXT, .text = experiment}};
}

/* format() writes a missing number as 0. */
#define MEAN(column, digits)                                                                       \
    "CASE WHEN count(" column ") > 0 THEN format('%." digits "f', avg(" column ")) END"
/* What a mean is over, where a run that is done lacks the value: " (3 of 4)". */
#define OF_RUNS(column)                                                                            \
    " || CASE WHEN count(" column ") < sum(status = 'done') THEN format(' (%d of %d)', "           \
    "count(" column "), sum(status = 'done')) ELSE '' END"
/* Mean and standard deviation over the runs that are done, as "0.512 +- 0.013". */
#define MEAN_SD(column, digits)                                                                    \
    "CASE WHEN count(" column ") > 1 THEN format('%." digits "f +- %." digits "f', avg(" column    \
    "), sqrt(max(0, (sum(" column " * " column ") - count(" column ") * avg(" column               \
    ") * avg(" column ")) / (count(" column                                                        \
    ") - 1)))) ELSE " MEAN(column, digits) " END" OF_RUNS(column)
#define ACC MEAN_SD("acc", "3") " AS acc, "
#define LEARNING                                                                                   \
    MEAN("learning_acc", "3")                                                                      \
    " AS \"learning acc\", " MEAN("majority",                                                      \
                                  "3") " AS majority, CASE WHEN "                                  \
                                       "count(learned_tasks) > 0 THEN format('%.1f of %d', "       \
                                       "avg(learned_tasks), max(stages)) END AS "                  \
                                       "learned, "
#define BWT_LEARNED MEAN("bwt_learned", "3") OF_RUNS("bwt_learned") " AS \"bwt learned\", "
#define COLLAPSED                                                                                  \
    "CASE WHEN count(collapsed) > 0 THEN format('%d of %d', sum(collapsed), count(collapsed)) "    \
    "END AS \"end collapsed\", "
#define BWT MEAN_SD("bwt", "3") " AS bwt, "
#define FORGETTING MEAN_SD("forgetting", "3") " AS forgetting, "
#define NLL_BEFORE MEAN("nll_0", "3") " AS \"nll before\", "
#define NLL_AFTER MEAN_SD("nll", "3") " AS \"nll after\", "
#define INTRUDERS MEAN_SD("intruders", "1") " AS intruders, "
#define UNRESOLVED MEAN("unresolved", "1") " AS unresolved, "
/* Means of the runs' own quantiles; in how many of them the null shows nothing. */
#define NULLS                                                                                      \
    "CASE WHEN count(null_mean) > 0 THEN format('%.1f [%.1f, %.1f]', avg(null_mean), "             \
    "avg(null_low), avg(null_high)) || CASE WHEN count(null_mean) < sum(status = 'done') THEN "    \
    "format(' (%d of %d)', count(null_mean), sum(status = 'done')) ELSE '' END END AS \"null\", "
#define WALL MEAN("wall", "1") " AS \"wall s\", "
#define PEAK "round(max(peak)) AS \"peak MiB\" "

/* Runs that are not done (g is then empty) are counted, and have no part in the means. */
static const char methods_sql[] =
    "WITH s AS MATERIALIZED (SELECT * FROM run_summary WHERE experiment = :experiment), "
    "g AS (SELECT s.*, intruders_unresolved AS unresolved, (SELECT sum(u.wall_s) FROM run_stage p "
    "JOIN usage u ON u.stage = p.stage JOIN run r ON r.id = p.run WHERE r.key = s.key "
    "AND p.position > 0) AS wall, (SELECT max(u.peak_bytes) / 1048576.0 FROM run_stage p "
    "JOIN usage u ON u.stage = p.stage JOIN run r ON r.id = p.run WHERE r.key = s.key "
    "AND p.position > 0) AS peak FROM s WHERE status = 'done') "
    "SELECT method, sum(status = 'done') AS done, sum(status <> 'done') AS \"not done\", " ACC
        LEARNING BWT BWT_LEARNED FORGETTING NLL_BEFORE NLL_AFTER COLLAPSED INTRUDERS UNRESOLVED
            NULLS WALL PEAK
    "FROM (SELECT s.method, s.status, s.nll_0, r.id, g.stages, g.acc, g.learning_acc, g.majority, "
    "g.learned_tasks, g.bwt, g.bwt_learned, g.forgetting, g.nll, g.collapsed, g.intruders, "
    "g.unresolved, g.intruders_null AS null_mean, g.intruders_null_low AS null_low, "
    "g.intruders_null_high AS null_high, g.wall, g.peak FROM s JOIN run r ON r.key = s.key "
    "LEFT JOIN g ON g.key = s.key WHERE r.bound IS NOT 'perturbed') GROUP BY method ORDER BY "
    "min(id)";

static const char notes[] =
    "acc: of all tasks after the last stage; learning acc: of each right after its training; "
    "majority: of guessing the most frequent label.\n"
    "learned: tasks right after their training above majority by 2 standard errors; bwt learned: "
    "bwt "
    "of these alone.\n"
    "end collapsed: runs whose last stage knows less of the pretraining text than its word counts "
    "tell; they are in the means (wane explain collapsed).\n"
    "null: what random changes of the same size have (rotated), mean [95%], beside intruders (wane "
    "explain intruders_null).\n";

/* Below the table, where runs were made again from perturbed numbers. */
static const char noise_sql[] =
    "SELECT method, n, format('%.1f', mean) AS mean, "
    "CASE WHEN count_noise IS NOT NULL THEN format('%.1f', count_noise) END AS count_noise, low, "
    "high FROM count_noise c WHERE experiment = :experiment AND n > 0 ORDER BY (SELECT r.id FROM "
    "run r "
    "WHERE r.method = c.method AND r.name = c.run ORDER BY r.superseded LIMIT 1)";

static wane_status print_query(wane_text *out, wane_results *db, const char *sql,
                               const wane_binding *bindings, size_t count, wane_error *err)
{
    wane_query *query = NULL;
    wane_status st = wane_query_open(&query, db, sql, bindings, count, err);
    if (st == WANE_OK) st = wane_query_render(query, WANE_RENDER_TABLE, out, err);
    wane_query_free(query);
    return st;
}

/* The names of the first column of a query; free each and the list. */
typedef struct names {
    char *item[64];
    size_t count;
} names;

static void names_free(names *n)
{
    for (size_t i = 0; i < n->count; i++) wane_free(n->item[i]);
}

static wane_status read_names(names *out, wane_results *db, const char *sql,
                              const wane_binding *bindings, size_t count, wane_error *err)
{
    wane_query *query = NULL;
    wane_status st = wane_query_open(&query, db, sql, bindings, count, err);
    while (st == WANE_OK && (st = wane_query_next(query, err)) == WANE_OK) {
        if (out->count == sizeof out->item / sizeof *out->item) break;
        char *name = wane_strdup(wane_query_text(query, 0));
        if (!name) st = wane_fail_memory(err, "summary", "names");
        else out->item[out->count++] = name;
    }
    wane_query_free(query);
    return st == WANE_DONE ? WANE_OK : st;
}

/* The runs of one method and order. */
#define RUNS_OF                                                                                    \
    "FROM run_list WHERE experiment = :experiment AND method = :method AND order_name = :order "   \
    "AND superseded = 0 "

/* How many runs of a method and order are done, and how many are not. */
static wane_status count_runs(int64_t *done, int64_t *others, wane_results *db,
                              const wane_binding *bindings, size_t count, wane_error *err)
{
    wane_query *query = NULL;
    wane_status st = wane_query_open(
        &query, db, "SELECT total(status = 'done'), total(status <> 'done') " RUNS_OF, bindings,
        count, err);
    if (st == WANE_OK) st = wane_query_next(query, err);
    if (st == WANE_OK) {
        *done = (int64_t)wane_query_double(query, 0);
        *others = (int64_t)wane_query_double(query, 1);
    }
    wane_query_free(query);
    return st;
}

/* Of the runs whose accuracy is averaged. */
#define OF_THESE                                                                                   \
    " FROM accuracy_matrix, (SELECT count(*) AS runs " RUNS_OF "AND status = 'done') "             \
    "WHERE experiment = :experiment AND run IN (SELECT run " RUNS_OF "AND status = 'done') "

/* A column per task: `format` with a value of that task's rows in place of each %s, then its name.
 */
static wane_status add_tasks(wane_text *sql, const names *tasks, const char *column,
                             const char *format, wane_error *err)
{
    wane_text value = {0};
    wane_status st = WANE_OK;
    for (size_t t = 0; t < tasks->count; t++) {
        wane_text_clear(&value);
        wane_text_string(&value, "(CASE WHEN task = ");
        wane_sql_text(&value, tasks->item[t]);
        wane_text_printf(&value, " THEN %s END)", column);
        WANE_TRY(wane_text_check(&value, "summary", column, err));
        for (const char *f = format; *f; f++) {
            bool here = f[0] == '%' && f[1] == 's';
            wane_text_append(sql, here ? value.data : f, here ? value.length : 1);
            f += here;
        }
        for (const char *c = tasks->item[t]; *c; c++)
            wane_text_append(sql, *c == '"' ? "\"\"" : c, *c == '"' ? 2 : 1);
        wane_text_string(sql, "\"");
    }
done:
    wane_text_free(&value);
    return st;
}

/* Rows = after stage, columns = tasks in the first order; means over the seeds of that order whose
 * runs are done; nothing when there are none. */
static wane_status print_matrix(wane_text *out, wane_results *db, const char *experiment,
                                const char *method, const char *order, wane_error *err)
{
    names tasks = {0};
    wane_text sql = {0};
    int64_t done = 0, others = 0;
    wane_binding b[3] = {experiment_binding(experiment),
                         {"method", {.type = WANE_VALUE_TEXT, .text = method}},
                         {"order", {.type = WANE_VALUE_TEXT, .text = order}}};
    wane_status st = count_runs(&done, &others, db, b, 3, err);
    if (st != WANE_OK || !done) return st;
    st = read_names(
        &tasks, db,
        "SELECT task FROM accuracy_matrix WHERE experiment = :experiment AND method = :method AND "
        "order_name = :order GROUP BY task ORDER BY min(task_position IS NULL), "
        "min(task_position)",
        b, 3, err);
    if (st != WANE_OK) goto done;
    wane_text_string(&sql, "SELECT * FROM (SELECT position AS stage, coalesce(max(trained), "
                           "'(base)') AS \"trained on\"");
    /* Without any, NULL: format() writes a missing number as 0. */
    WANE_TRY(add_tasks(&sql, &tasks, "accuracy",
                       ", CASE WHEN count%s > 0 THEN format('%.3f', avg%s) || CASE WHEN "
                       "count%s < runs THEN format(' (%d of %d)', count%s, runs) ELSE '' END "
                       "END AS \"",
                       err));
    wane_text_string(&sql, OF_THESE "GROUP BY position UNION ALL SELECT NULL, '(majority)'");
    WANE_TRY(add_tasks(&sql, &tasks, "majority",
                       ", CASE WHEN count%s > 0 THEN format('%.3f', max%s) END AS \"", err));
    wane_text_string(&sql, OF_THESE ") ORDER BY stage");
    WANE_TRY(wane_text_check(&sql, "summary", method, err));
    wane_text_printf(
        out,
        "\naccuracy after each stage, %s, order %s, mean over seeds; (majority): always "
        "the most frequent label",
        method, order);
    if (others)
        wane_text_printf(out, " (%" PRId64 " of %" PRId64 " runs; %" PRId64 " %s not done)", done,
                         done + others, others, others == 1 ? "is" : "are");
    wane_text_string(out, "\n");
    st = print_query(out, db, sql.data, b, 3, err);
done:
    names_free(&tasks);
    wane_text_free(&sql);
    return st;
}

wane_status wane_summary_print(wane_text *out, wane_results *db, const char *experiment,
                               wane_error *err)
{
    wane_status st = WANE_OK;
    names methods = {0}, orders = {0}, noisy = {0};
    wane_binding b = experiment_binding(experiment);
    WANE_TRY(read_names(&methods, db,
                        "SELECT method FROM run_list WHERE experiment = :experiment AND "
                        "superseded = 0 AND bound IS NOT 'perturbed' GROUP BY method",
                        &b, 1, err));
    WANE_TRY(read_names(&orders, db,
                        "SELECT r.order_name FROM run r JOIN experiment e ON e.id = r.experiment "
                        "WHERE e.key = :experiment ORDER BY r.id LIMIT 1",
                        &b, 1, err));
    for (size_t m = 0; methods.count <= MATRICES_MOST && m < methods.count; m++)
        WANE_TRY(print_matrix(out, db, experiment, methods.item[m], orders.item[0], err));
    wane_text_string(out, "\nafter the last stage, mean +- sd over runs; nll in nats per token of "
                          "the pretraining text\n");
    WANE_TRY(print_query(out, db, methods_sql, &b, 1, err));
    wane_text_string(out, notes);
    WANE_TRY(read_names(&noisy, db, noise_sql, &b, 1, err));
    if (noisy.count) {
        wane_text_string(out,
                         "\nnoise of the count: a run of each method again from initial numbers "
                         "changed by 1e-7; intruders after the last stage\n");
        WANE_TRY(print_query(out, db, noise_sql, &b, 1, err));
    }
    st = wane_text_check(out, "summary", experiment, err);
done:
    names_free(&methods);
    names_free(&orders);
    names_free(&noisy);
    return st;
}
