/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/cli/correlating.h"

#include <math.h>
#include <string.h>

#include "eval/cli/columns.h"
#include "eval/cli/measures.h"
#include "store/results/query.h"

wane_status wane_correlating_blocks(wane_blocks *out, const char *name, wane_error *err)
{
    static const char *const names[] = {
        [WANE_BLOCKS_CONFIG] = "config", [WANE_BLOCKS_RUN] = "run", [WANE_BLOCKS_NONE] = "none"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) != 0) continue;
        *out = (wane_blocks)i;
        return WANE_OK;
    }
    return wane_fail(err, WANE_EINVAL, "correlate: --blocks %s: not config, run or none", name);
}

/* ----------------------------------------------------------------------------------------- SQL */

/* Columns of correlation_points that each matrix has, and their total over some matrices s as
 * spectrum_total defines it. */
static const struct matrix_column {
    const char *name, *total;
} matrix_columns[] = {{"intruders", "sum(s.intruders_u)"},
                      {"intruders_unresolved", "sum(s.unresolved_u)"},
                      {"intruders_existing", "sum(s.existing_u)"},
                      {"intruders_random", "sum(s.changed * s.random_u)"},
                      {"intruder_energy", "sum(s.energy_u * s.top_energy) / sum(s.top_energy)"},
                      {"intruders_v", "sum(s.intruders_v)"},
                      {"intruders_unresolved_v", "sum(s.unresolved_v)"},
                      {"intruders_random_v", "sum(s.changed * s.random_v)"},
                      {"intruder_energy_v", "sum(s.energy_v * s.top_energy) / sum(s.top_energy)"},
                      {"delta_frobenius", "sqrt(sum(s.delta_frobenius * s.delta_frobenius))"},
                      {"delta_spectral", "sqrt(sum(s.delta_spectral * s.delta_spectral))"},
                      {"relative_update", "sqrt(sum(s.delta_frobenius * s.delta_frobenius) / "
                                          "sum(s.base_frobenius * s.base_frobenius))"},
                      {"effective_rank", "avg(s.effective_rank)"},
                      {"stable_rank", "avg(s.stable_rank)"},
                      {"top_share", "avg(s.top_share)"},
                      {"rho_10", "avg(s.rho_10)"}};
enum { MATRIX_COLUMNS = sizeof matrix_columns / sizeof *matrix_columns };

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

static wane_status find_grouping(const struct grouping **out, const char *per, wane_error *err)
{
    *out = NULL;
    for (size_t i = 0; per && i < GROUPINGS; i++)
        if (strcmp(groupings[i].per, per) == 0) *out = &groupings[i];
    if (per && !*out)
        return wane_fail(err, WANE_EINVAL, "correlate: --per %s: not layer, module or matrix", per);
    return WANE_OK;
}

static void write_column(wane_text *sql, const wane_correlating *job, const char *name)
{
    bool own = job->per && wane_correlating_of_matrices(name);
    wane_text_printf(sql, "%s.\"%s\"", own ? "g" : "c", name);
}

/* "g" has one row per stage and group. Both parts are made once: the view is costly. */
static void write_parts(wane_text *sql, const struct grouping *grouping)
{
    wane_text_string(sql, "WITH c AS MATERIALIZED (SELECT * FROM correlation_points)");
    if (grouping) {
        wane_text_printf(sql,
                         ", g AS MATERIALIZED (SELECT s.stage, coalesce(%s, '-') AS name, "
                         "%s AS place, count(*) AS matrices",
                         grouping->name, grouping->place);
        for (size_t i = 0; i < MATRIX_COLUMNS; i++)
            wane_text_printf(sql, ", %s AS \"%s\"", matrix_columns[i].total,
                             matrix_columns[i].name);
        wane_text_printf(sql,
                         " FROM spectrum s JOIN matrix m ON m.id = s.matrix WHERE s.step = -1 "
                         "AND s.against = 'base' GROUP BY s.stage, %s)",
                         grouping->name);
    }
}

/* Numbers by rank, so that they follow the sorted names. Configs of two experiments differ even
 * where their names do not. */
static void write_sql(wane_text *sql, const wane_correlating *job, const struct grouping *grouping)
{
    write_parts(sql, grouping);
    wane_text_string(sql, grouping ? " SELECT g.name, g.matrices, " : " SELECT NULL, 0, ");
    write_column(sql, job, job->x);
    wane_text_string(sql, ", ");
    write_column(sql, job, job->y);
    wane_text_string(sql, ", dense_rank() OVER (ORDER BY c.experiment, c.config), "
                          "dense_rank() OVER (ORDER BY c.order_name), "
                          "dense_rank() OVER (ORDER BY c.seed), c.position");
    for (size_t i = 0; i < job->given_count; i++) {
        wane_text_string(sql, ", ");
        write_column(sql, job, job->given[i]);
        wane_text_string(sql, ", dense_rank() OVER (ORDER BY ");
        write_column(sql, job, job->given[i]);
        wane_text_string(sql, ")");
    }
    wane_text_string(sql, " FROM c JOIN run_list l ON l.experiment = c.experiment "
                          "AND l.run = c.run AND l.superseded = 0 ");
    if (grouping)
        wane_text_string(sql, "JOIN run r ON r.key = l.key JOIN run_stage p ON p.run = r.id "
                              "AND p.position = c.position JOIN g ON g.stage = p.stage ");
    wane_text_string(sql, "WHERE " WANE_USABLE_RUNS);
    if (grouping) wane_text_string(sql, "ORDER BY g.place, g.name");
}

/* -------------------------------------------------------------------------------------- points */

/* The points of all groups, those of one side by side. */
typedef struct points {
    wane_point *item;
    double *z, *category; /* per point and covariate: its value, and its rank among all values */
    size_t *group;        /* per point */
    size_t count, room, covariates;
    bool text_x, text_y, text_z[WANE_GIVEN_MOST];
} points;

static void points_free(points *p)
{
    wane_free(p->item);
    wane_free(p->z);
    wane_free(p->category);
    wane_free(p->group);
}

static wane_status grow(points *p, wane_error *err)
{
    if (p->count < p->room) return WANE_OK;
    size_t room = p->room ? 2 * p->room : 256;
    wane_point *item = wane_realloc(p->item, room, sizeof *item);
    if (item) p->item = item;
    size_t *group = wane_realloc(p->group, room, sizeof *group);
    if (group) p->group = group;
    double *z = wane_realloc(p->z, room, (p->covariates + 1) * sizeof *z);
    if (z) p->z = z;
    double *category = wane_realloc(p->category, room, (p->covariates + 1) * sizeof *category);
    if (category) p->category = category;
    if (!item || !group || !z || !category) return wane_fail_memory(err, "correlate", "points");
    p->room = room;
    return WANE_OK;
}

enum { NAME, MATRICES, X, Y, CONFIG, ORDER, SEED, STAGE, Z };

/* The group a row belongs to: the last one, or a new one. */
static wane_status group_of_row(wane_correlating *job, const wane_query *q, wane_error *err)
{
    const char *name = wane_query_text(q, NAME);
    const wane_correlating_group *last = job->groups ? &job->group[job->groups - 1] : NULL;
    if (last && (name == NULL || strcmp(last->name, name) == 0)) return WANE_OK;
    wane_correlating_group *more = wane_realloc(job->group, job->groups + 1, sizeof *more);
    if (more) job->group = more;
    char *copy = name ? wane_arena_strdup(job->arena, name) : NULL;
    if (!more || (name && !copy)) return wane_fail_memory(err, "correlate", "groups");
    more[job->groups++] =
        (wane_correlating_group){.name = copy, .matrices = (size_t)wane_query_int(q, MATRICES)};
    return WANE_OK;
}

static wane_status take_row(points *p, wane_correlating *job, const wane_query *q, wane_error *err)
{
    wane_status st = group_of_row(job, q, err);
    if (st == WANE_OK) st = grow(p, err);
    if (st != WANE_OK) return st;
    p->text_x |= wane_query_type(q, X) == WANE_VALUE_TEXT;
    p->text_y |= wane_query_type(q, Y) == WANE_VALUE_TEXT;
    double x = wane_query_double(q, X), y = wane_query_double(q, Y);
    if (!isfinite(x) || !isfinite(y)) {
        job->group[job->groups - 1].missing++;
        return WANE_OK;
    }
    for (size_t f = 0; f < p->covariates; f++) {
        wane_value_type type = wane_query_type(q, Z + 2 * f);
        size_t at = p->count * p->covariates + f;
        bool none = type == WANE_VALUE_NULL;
        p->text_z[f] |= type == WANE_VALUE_TEXT;
        p->z[at] = none ? (double)NAN : wane_query_double(q, Z + 2 * f);
        p->category[at] = none ? (double)NAN : wane_query_double(q, Z + 2 * f + 1);
    }
    p->group[p->count] = job->groups - 1;
    p->item[p->count++] = (wane_point){.x = x,
                                       .y = y,
                                       .config = (size_t)wane_query_int(q, CONFIG),
                                       .order = (size_t)wane_query_int(q, ORDER),
                                       .seed = (size_t)wane_query_int(q, SEED),
                                       .stage = (size_t)wane_query_int(q, STAGE)};
    return WANE_OK;
}

static wane_status read_points(points *p, wane_correlating *job, wane_results *db, wane_error *err)
{
    const struct grouping *grouping;
    wane_text sql = {0};
    wane_query *query = NULL;
    wane_binding binding = {"experiment", {.type = WANE_VALUE_NULL}};
    if (job->experiment)
        binding.value = (wane_value){.type = WANE_VALUE_TEXT, .text = job->experiment};
    wane_status st = WANE_OK;
    WANE_TRY(find_grouping(&grouping, job->per, err));
    p->covariates = job->given_count;
    write_sql(&sql, job, grouping);
    WANE_TRY(wane_text_check(&sql, "correlate", "query", err));
    WANE_TRY(wane_query_open(&query, db, sql.data, &binding, 1, err));
    while ((st = wane_query_next(query, err)) == WANE_OK) WANE_TRY(take_row(p, job, query, err));
    if (st == WANE_DONE) st = WANE_OK;
done:
    wane_query_free(query);
    wane_text_free(&sql);
    return st;
}

/* ------------------------------------------------------------------------------------- running */

static wane_status check(const wane_correlating *job, wane_results *db, wane_error *err)
{
    const char *columns[WANE_GIVEN_MOST + 2] = {job->x, job->y};
    if (job->given_count > WANE_GIVEN_MOST)
        return wane_fail(err, WANE_EINVAL, "correlate: --given: %zu columns: more than %d",
                         job->given_count, WANE_GIVEN_MOST);
    for (size_t i = 0; i < job->given_count; i++) columns[i + 2] = job->given[i];
    wane_status st = wane_columns_check(db, "correlate", "correlation_points", columns,
                                        job->given_count + 2, err);
    if (st != WANE_OK || !job->per) return st;
    if (!wane_correlating_of_matrices(job->x) && !wane_correlating_of_matrices(job->y))
        return wane_fail(err, WANE_EINVAL,
                         "correlate: --per %s: neither %s nor %s is one of each matrix", job->per,
                         job->x, job->y);
    return WANE_OK;
}

static wane_status correlate_groups(wane_correlating *job, points *p, wane_error *err)
{
    wane_covariate_kind kinds[WANE_GIVEN_MOST];
    const wane_correlation_options options = {
        .blocks = job->blocks, .given = kinds, .given_count = p->covariates};
    for (size_t f = 0; f < p->covariates; f++) {
        kinds[f] = p->text_z[f] ? WANE_COVARIATE_CATEGORY : WANE_COVARIATE_QUANTITY;
        for (size_t i = 0; p->text_z[f] && i < p->count; i++)
            p->z[i * p->covariates + f] = p->category[i * p->covariates + f];
    }
    for (size_t i = 0; i < p->count; i++) p->item[i].z = p->z + i * p->covariates;
    size_t first = 0;
    for (size_t g = 0; g < job->groups; g++) {
        size_t last = first;
        while (last < p->count && p->group[last] == g) last++;
        wane_status st =
            wane_correlate(&job->group[g].result, p->item + first, last - first, &options, err);
        if (st != WANE_OK) return st;
        first = last;
    }
    return WANE_OK;
}

/* Per coefficient, over the groups that have a p. */
static wane_status correct(wane_correlating *job, wane_error *err)
{
    wane_status st = WANE_OK;
    double *p = wane_alloc(job->groups, 2 * sizeof *p);
    if (!p) return wane_fail_memory(err, "correlate", "groups");
    for (size_t c = 0; st == WANE_OK && c < WANE_COEFFICIENT_COUNT; c++) {
        for (size_t g = 0; g < job->groups; g++) {
            const wane_correlation *r = &job->group[g].result;
            p[g] = c < r->count ? r->coefficient[c].p : (double)NAN;
        }
        st = wane_holm(p + job->groups, p, job->groups, err);
        for (size_t g = 0; st == WANE_OK && g < job->groups; g++)
            job->group[g].holm[c] = p[job->groups + g];
    }
    wane_free(p);
    return st;
}

wane_status wane_correlating_run(wane_correlating *job, wane_results *db, wane_error *err)
{
    wane_status st = WANE_OK;
    points p = {0};
    job->group = NULL;
    job->groups = 0;
    job->arena = wane_arena_new();
    if (!job->arena) return wane_fail_memory(err, "correlate", "groups");
    WANE_TRY(check(job, db, err));
    WANE_TRY(read_points(&p, job, db, err));
    if (p.text_x || p.text_y) {
        st = wane_fail(err, WANE_EINVAL, "correlate: %s: holds texts, not numbers",
                       p.text_x ? job->x : job->y);
        goto done;
    }
    if (p.count == 0) {
        st = wane_fail(err, WANE_ENUMERIC, "correlate: %s, %s: no finished run has both", job->x,
                       job->y);
        goto done;
    }
    WANE_TRY(correlate_groups(job, &p, err));
    st = correct(job, err);
done:
    points_free(&p);
    return st;
}

void wane_correlating_free(wane_correlating *job)
{
    wane_free(job->group);
    wane_arena_free(job->arena);
    job->group = NULL;
    job->arena = NULL;
    job->groups = 0;
}

wane_status wane_correlate_print(wane_text *out, wane_results *db, const char *experiment,
                                 const char *x, const char *y, wane_error *err)
{
    wane_correlating job = {.experiment = experiment, .x = x, .y = y};
    wane_status st = wane_correlating_run(&job, db, err);
    if (st == WANE_OK) st = wane_correlating_table(out, &job, db, err);
    wane_correlating_free(&job);
    return st;
}
