/* SPDX-License-Identifier: Apache-2.0
 * The statement behind a correlation: which table has a column at stages, at looks or per matrix,
 * and how matrices make layers and modules.
 */
#include <string.h>

#include "analysis/report/columns.h"
#include "analysis/report/correlating.h"
#include "analysis/report/named_metric.h"
#include "analysis/report/statement.h"

/* Of a column that a bounded spectrum may leave out: none where one matrix has none. */
#define KNOWN(column, total)                                                                       \
    "CASE WHEN NOT max(s.reason IS 'bounded' AND s." column " IS NULL) THEN " total " END"

/* Columns of correlation_points that each matrix has: their total over some matrices s as
 * spectrum_total defines it, and where a look has them (t is its spectrum_total). */
static const struct matrix_column {
    const char *name, *total, *look;
} matrix_columns[] = {
    {"intruders", "sum(s.intruders_u)", "t.intruders_u"},
    {"intruders_unresolved", "sum(s.unresolved_u)", "t.unresolved_u"},
    {"intruders_existing", "sum(s.existing_u)", "t.existing_u"},
    {"intruder_energy", "sum(s.energy_u * s.top_energy) / sum(s.top_energy)", "t.energy_u"},
    {"intruders_v", "sum(s.intruders_v)", "t.intruders_v"},
    {"intruders_unresolved_v", "sum(s.unresolved_v)", "t.unresolved_v"},
    {"intruder_energy_v", "sum(s.energy_v * s.top_energy) / sum(s.top_energy)", "t.energy_v"},
    {"delta_frobenius", "sqrt(sum(s.delta_frobenius * s.delta_frobenius))", "t.delta_frobenius"},
    {"delta_spectral", KNOWN("delta_spectral", "sqrt(sum(s.delta_spectral * s.delta_spectral))"),
     "t.delta_spectral"},
    {"relative_update",
     "sqrt(sum(s.delta_frobenius * s.delta_frobenius) / sum(s.base_frobenius * s.base_frobenius))",
     "t.relative_update"},
    {"effective_rank", KNOWN("effective_rank", "avg(s.effective_rank)"), "t.effective_rank"},
    {"stable_rank", KNOWN("stable_rank", "avg(s.stable_rank)"), "t.stable_rank"},
    {"top_share", KNOWN("top_share", "avg(s.top_share)"), "t.top_share"},
    {"rho_10", "avg(s.rho_10)", "t.rho_10"}};
enum { MATRIX_COLUMNS = sizeof matrix_columns / sizeof *matrix_columns };

/* What a look has besides. The likelihood at looks is that of one corpus. */
static const struct look_column {
    const char *name, *value;
} look_columns[] = {
    {"nll", "(SELECT k.nll FROM likelihood k JOIN experiment_corpus o ON o.corpus = k.corpus AND "
            "o.experiment = r.experiment WHERE k.stage = x.stage AND k.step = x.step "
            "ORDER BY o.role DESC LIMIT 1)"},
    {"max_cosine", "(SELECT avg(d.max_cosine) FROM direction d JOIN spectrum y ON y.stage = "
                   "d.stage AND y.step = d.step AND y.against = 'base' AND y.matrix = d.matrix AND "
                   "y.changed = 1 WHERE d.stage = x.stage AND d.step = x.step AND d.against = "
                   "'base' AND d.side = 'u' AND d.position <= 10)"},
    {"kind", "l.kind"},
    {"rank", "l.rank"},
    {"learning_rate", "l.learning_rate"},
    {"order_name", "l.order_name"},
    {"seed", "l.seed"},
    {"config", "l.method"},
    {"position", "p.position"},
    {"step", "x.step"},
    {"trained", "k.name"}};
enum { LOOK_COLUMNS = sizeof look_columns / sizeof *look_columns };

/* How matrices m are grouped, and in which order the groups come. */
static const struct grouping {
    const char *per, *name, *place;
} groupings[] = {{"layer", "m.layer", "m.layer"},
                 {"module", "m.module", "min(m.position)"},
                 {"matrix", "m.name", "min(m.position)"}};
enum { GROUPINGS = sizeof groupings / sizeof *groupings };

bool wane_correlating_of_matrices(const char *column)
{
    for (size_t i = 0; i < MATRIX_COLUMNS; i++)
        if (strcmp(matrix_columns[i].name, column) == 0) return true;
    return false;
}

/* ------------------------------------------------------------------------------------- checking */

static bool at_looks(const char *column)
{
    for (size_t i = 0; i < MATRIX_COLUMNS; i++)
        if (strcmp(matrix_columns[i].name, column) == 0) return matrix_columns[i].look != NULL;
    for (size_t i = 0; i < LOOK_COLUMNS; i++)
        if (strcmp(look_columns[i].name, column) == 0) return true;
    return false;
}

static wane_status not_at_looks(const char *column, wane_error *err)
{
    wane_text there = {0};
    for (size_t i = 0; i < MATRIX_COLUMNS; i++)
        if (matrix_columns[i].look) wane_text_printf(&there, "%s, ", matrix_columns[i].name);
    wane_text_string(&there, "max_cosine and nll");
    wane_status st = wane_text_check(&there, "correlate", column, err);
    if (st == WANE_OK)
        st = wane_fail(err, WANE_EINVAL,
                       "correlate: %s: not measured at looks (--points looks); there are %s",
                       column, there.data);
    wane_text_free(&there);
    return st;
}

/* Numbers of measured_values that are asked for and are no columns of correlation_points. */
typedef struct measured_names {
    const char *item[WANE_GIVEN_MOST + 2];
    size_t count;
} measured_names;

/* Takes those out of `columns`. */
static wane_status find_measured(measured_names *out, wane_results *db, const char **columns,
                                 size_t count, wane_error *err)
{
    wane_query *query = NULL;
    wane_status st =
        wane_query_open(&query, db, "SELECT * FROM correlation_points LIMIT 0", NULL, 0, err);
    for (size_t i = 0; i < count && st == WANE_OK; i++) {
        bool there = false, again = false;
        for (size_t c = 0; columns[i] && c < wane_query_columns(query) && !there; c++)
            there = strcmp(wane_query_name(query, c), columns[i]) == 0;
        if (there || !columns[i]) continue;
        st = wane_measured_there(&there, db, columns[i], NULL, err);
        if (!there) continue;
        for (size_t k = 0; k < out->count; k++)
            again = again || strcmp(out->item[k], columns[i]) == 0;
        if (!again) out->item[out->count++] = columns[i];
        columns[i] = NULL;
    }
    wane_query_free(query);
    return st;
}

static wane_status check(measured_names *measured, const wane_correlating *job, wane_results *db,
                         wane_error *err)
{
    const char *columns[WANE_GIVEN_MOST + 2] = {job->x, job->y};
    if (job->given_count > WANE_GIVEN_MOST)
        return wane_fail(err, WANE_EINVAL, "correlate: --given: %zu columns: more than %d",
                         job->given_count, WANE_GIVEN_MOST);
    for (size_t i = 0; i < job->given_count; i++) columns[i + 2] = job->given[i];
    size_t count = job->given_count + 2;
    bool looks = job->points == WANE_POINTS_LOOKS;
    wane_status st = WANE_OK;
    for (size_t i = 0; looks && i < count; i++)
        if (at_looks(columns[i])) columns[i] = NULL;
    st = find_measured(measured, db, columns, count, err);
    if (st == WANE_OK && looks && measured->count) return not_at_looks(measured->item[0], err);
    if (st == WANE_OK)
        st = wane_columns_check(db, "correlate", "correlation_points", columns, count, err);
    for (size_t i = 0; st == WANE_OK && looks && i < count; i++)
        if (columns[i]) st = not_at_looks(columns[i], err);
    if (st != WANE_OK || !job->per) return st;
    if (!wane_correlating_of_matrices(job->x) && !wane_correlating_of_matrices(job->y))
        return wane_fail(err, WANE_EINVAL,
                         "correlate: --per %s: neither %s nor %s is one of each matrix", job->per,
                         job->x, job->y);
    return WANE_OK;
}

static wane_status find_grouping(const struct grouping **out, const char *per, wane_error *err)
{
    *out = NULL;
    for (size_t i = 0; per && i < GROUPINGS; i++)
        if (strcmp(groupings[i].per, per) == 0) *out = &groupings[i];
    if (per && !*out)
        return wane_fail(err, WANE_EINVAL, "correlate: --per %s: not layer, module or matrix", per);
    return WANE_OK;
}

/* ------------------------------------------------------------------------------------ statement */

static void write_column(wane_text *sql, const wane_correlating *job, const char *name)
{
    bool own = job->per && wane_correlating_of_matrices(name);
    wane_text_printf(sql, "%s.\"%s\"", own ? "g" : "c", name);
}

/* "w": the stages. "c": the points, with the stage's id and step. "bad": the configs with a
 * collapsed stage. All made once: the view is costly. */
static void write_stages(wane_text *sql, const wane_correlating *job,
                         const measured_names *measured)
{
    wane_text_string(sql, "WITH v AS MATERIALIZED (SELECT * FROM correlation_points), ");
    for (size_t i = 0; i < measured->count; i++) {
        wane_text_printf(sql, "n%zu AS MATERIALIZED (", i);
        wane_measured_sql(sql, measured->item[i], NULL);
        wane_text_string(sql, "), ");
    }
    wane_text_string(sql, "w AS MATERIALIZED (SELECT v.*");
    for (size_t i = 0; i < measured->count; i++)
        wane_text_printf(sql, ", n%zu.value AS \"%s\"", i, measured->item[i]);
    wane_text_string(sql, ", p.stage AS stage_id, -1 AS step FROM v "
                          "JOIN run_list l ON l.experiment = v.experiment AND l.run = v.run "
                          "JOIN run r ON r.key = l.key JOIN run_stage p ON p.run = r.id AND "
                          "p.position = v.position");
    for (size_t i = 0; i < measured->count; i++)
        wane_text_printf(sql,
                         " LEFT JOIN n%zu ON n%zu.experiment = v.experiment AND n%zu.run = v.run "
                         "AND n%zu.position = v.position",
                         i, i, i, i);
    wane_text_string(sql, " WHERE " WANE_USABLE_RUNS "), bad AS "
                          "MATERIALIZED (SELECT DISTINCT experiment, config FROM w WHERE collapsed "
                          "= 1), ");
    if (job->points == WANE_POINTS_STAGES) {
        wane_text_string(sql, "c AS NOT MATERIALIZED (SELECT * FROM w)");
        return;
    }
    wane_text_string(sql, "c AS MATERIALIZED (SELECT l.experiment, l.run, x.stage AS stage_id, "
                          "f.collapsed AS collapsed");
    for (size_t i = 0; i < MATRIX_COLUMNS; i++)
        if (matrix_columns[i].look)
            wane_text_printf(sql, ", %s AS \"%s\"", matrix_columns[i].look, matrix_columns[i].name);
    for (size_t i = 0; i < LOOK_COLUMNS; i++)
        wane_text_printf(sql, ", %s AS \"%s\"", look_columns[i].value, look_columns[i].name);
    /* Step 0 of a first stage is the base. */
    wane_text_string(sql, " FROM run_list l JOIN run r ON r.key = l.key JOIN run_stage p ON "
                          "p.run = r.id AND p.position >= 1 LEFT JOIN task k ON k.id = p.task "
                          "JOIN (SELECT DISTINCT stage, step FROM cell WHERE step >= 0) x ON "
                          "x.stage = p.stage AND (p.position > 1 OR x.step > 0) "
                          "LEFT JOIN spectrum_total t ON t.stage = x.stage AND t.step = x.step AND "
                          "t.against = 'base' LEFT JOIN w f ON f.experiment = l.experiment AND "
                          "f.run = l.run AND f.position = p.position WHERE " WANE_USABLE_RUNS ")");
}

/* "g" has one row per point and group. */
static void write_groups(wane_text *sql, const wane_correlating *job,
                         const struct grouping *grouping)
{
    wane_text_printf(sql,
                     ", g AS MATERIALIZED (SELECT s.stage, s.step, coalesce(%s, '-') AS name, "
                     "%s AS place, count(*) AS matrices",
                     grouping->name, grouping->place);
    for (size_t i = 0; i < MATRIX_COLUMNS; i++)
        wane_text_printf(sql, ", %s AS \"%s\"", matrix_columns[i].total, matrix_columns[i].name);
    wane_text_printf(sql,
                     " FROM spectrum s JOIN matrix m ON m.id = s.matrix WHERE s.step %s "
                     "AND s.against = 'base' GROUP BY s.stage, s.step, %s)",
                     job->points == WANE_POINTS_LOOKS ? ">= 0" : "= -1", grouping->name);
}

/* Numbers by rank, so that they follow the sorted names. Configs of two experiments differ even
 * where their names do not. */
wane_status wane_correlating_sql(wane_text *sql, const wane_correlating *job, const char *const *x,
                                 size_t x_count, wane_results *db, wane_error *err)
{
    const struct grouping *grouping;
    measured_names measured = {0};
    wane_status st = check(&measured, job, db, err);
    if (st == WANE_OK) st = find_grouping(&grouping, job->per, err);
    if (st != WANE_OK) return st;
    write_stages(sql, job, &measured);
    if (grouping) write_groups(sql, job, grouping);
    wane_text_string(sql, grouping ? " SELECT g.name, g.matrices, " : " SELECT NULL, 0, ");
    write_column(sql, job, job->y);
    wane_text_string(sql, ", dense_rank() OVER (ORDER BY c.experiment, c.config), "
                          "dense_rank() OVER (ORDER BY c.order_name), "
                          "dense_rank() OVER (ORDER BY c.seed), "
                          "dense_rank() OVER (ORDER BY c.position, c.step), "
                          "CASE WHEN (SELECT count(DISTINCT o.experiment) FROM w o) > 1 "
                          "THEN c.experiment || ':' || c.config ELSE c.config END, "
                          "EXISTS (SELECT 1 FROM bad b WHERE b.experiment = c.experiment AND "
                          "b.config = c.config), c.collapsed");
    for (size_t i = 0; i < x_count; i++) {
        wane_text_string(sql, ", ");
        write_column(sql, job, x[i]);
    }
    for (size_t i = 0; i < job->given_count; i++) {
        wane_text_string(sql, ", ");
        write_column(sql, job, job->given[i]);
        wane_text_string(sql, ", dense_rank() OVER (ORDER BY ");
        write_column(sql, job, job->given[i]);
        wane_text_string(sql, ")");
    }
    wane_text_string(sql, " FROM c");
    if (grouping)
        wane_text_string(sql, " JOIN g ON g.stage = c.stage_id AND g.step = c.step "
                              "ORDER BY g.place, g.name");
    return wane_text_check(sql, "correlate", "query", err);
}
