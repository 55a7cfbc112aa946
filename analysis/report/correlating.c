/* SPDX-License-Identifier: Apache-2.0
 * Reads the points group by group, gives each group to wane_correlate, and corrects the p values of
 * many groups (Holm).
 */
#include "analysis/report/correlating.h"

#include <math.h>
#include <string.h>

static const char *const block_names[] = {
    [WANE_BLOCKS_CONFIG] = "config", [WANE_BLOCKS_RUN] = "run", [WANE_BLOCKS_NONE] = "none"};
static const char *const points_names[] = {
    [WANE_POINTS_STAGES] = "stages", [WANE_POINTS_LOOKS] = "looks"};

const char *wane_correlating_block_name(wane_blocks blocks)
{
    return block_names[blocks];
}

const char *wane_correlating_points_name(wane_points points)
{
    return points_names[points];
}

const char *wane_correlating_null(wane_blocks blocks)
{
    static const char *const nulls[] = {
        [WANE_BLOCKS_CONFIG] =
            "rates exchangeable between configs: as if their settings did not matter",
        [WANE_BLOCKS_RUN] =
            "runs exchangeable within an order: as if config and seed did not matter",
        [WANE_BLOCKS_NONE] =
            "points exchangeable: as if config, order, seed and stage did not matter"};
    return nulls[blocks];
}

wane_status wane_correlating_blocks(wane_blocks *out, const char *name, wane_error *err)
{
    for (size_t i = 0; i < sizeof block_names / sizeof *block_names; i++) {
        if (strcmp(name, block_names[i]) != 0) continue;
        *out = (wane_blocks)i;
        return WANE_OK;
    }
    return wane_fail(err, WANE_EINVAL, "correlate: --blocks %s: not config, run or none", name);
}

wane_status wane_correlating_points(wane_points *out, const char *name, wane_error *err)
{
    for (size_t i = 0; i < sizeof points_names / sizeof *points_names; i++) {
        if (strcmp(name, points_names[i]) != 0) continue;
        *out = (wane_points)i;
        return WANE_OK;
    }
    return wane_fail(err, WANE_EINVAL, "correlate: --points %s: not stages or looks", name);
}

/* -------------------------------------------------------------------------------------- reading */

enum { X_MOST = 3 };

/* A point as it was read; x of every table, NaN where it is missing. */
typedef struct row {
    double x[X_MOST], y;
    size_t group, config, order, seed, stage;
    bool collapsed; /* its config has a collapsed stage */
} row;

/* The points of all groups, those of one side by side. */
typedef struct rows {
    row *item;
    double *z, *category; /* per point and covariate: its value, and its rank among all values */
    size_t count, room, covariates;
    const char *x[X_MOST];
    size_t x_count;
    bool text_x, text_y;
} rows;

static void rows_free(rows *p)
{
    wane_free(p->item);
    wane_free(p->z);
    wane_free(p->category);
}

static wane_status grow(rows *p, wane_error *err)
{
    size_t need = p->count + 1, room[2] = {p->room, p->room};
    size_t bytes = (p->covariates + 1) * sizeof(double);
    return wane_grow(&p->z, &room[0], need, bytes) &&
                   wane_grow(&p->category, &room[1], need, bytes) &&
                   WANE_GROW(p->item, p->room, need)
               ? WANE_OK
               : wane_fail_memory(err, "correlate", "points");
}

/* The group a row belongs to: the last one, or a new one. */
static wane_status group_of_row(wane_correlating *job, const wane_query *q, wane_error *err)
{
    const char *name = wane_query_text(q, WANE_POINT_NAME);
    wane_correlating_table *table = &job->table[0];
    const wane_correlating_group *last = job->groups ? &table->group[job->groups - 1] : NULL;
    if (last && (name == NULL || strcmp(last->name, name) == 0)) return WANE_OK;
    char *copy = name ? wane_arena_strdup(job->arena, name) : NULL;
    if ((name && !copy) || !WANE_GROW(table->group, job->group_room, job->groups + 1))
        return wane_fail_memory(err, "correlate", "groups");
    table->group[job->groups++] = (wane_correlating_group){
        .name = copy, .matrices = (size_t)wane_query_int(q, WANE_POINT_MATRICES)};
    return WANE_OK;
}

/* Keeps the name of a config with a collapsed stage, once. */
static wane_status note_collapsed(wane_correlating *job, const char *name, wane_error *err)
{
    for (size_t i = 0; i < job->collapsed_count; i++)
        if (strcmp(job->collapsed[i], name) == 0) return WANE_OK;
    char *copy = wane_arena_strdup(job->arena, name);
    if (!copy || !WANE_GROW(job->collapsed, job->collapsed_room, job->collapsed_count + 1))
        return wane_fail_memory(err, "correlate", "configs");
    job->collapsed[job->collapsed_count++] = copy;
    return WANE_OK;
}

static void take_covariates(rows *p, wane_correlating *job, const wane_query *q)
{
    for (size_t f = 0; f < p->covariates; f++) {
        size_t from = WANE_POINT_X + p->x_count + 2 * f, at = p->count * p->covariates + f;
        wane_value_type type = wane_query_type(q, from);
        bool none = type == WANE_VALUE_NULL;
        job->category[f] |= type == WANE_VALUE_TEXT;
        p->z[at] = none ? (double)NAN : wane_query_double(q, from);
        p->category[at] = none ? (double)NAN : wane_query_double(q, from + 1);
    }
}

static double value_of(const wane_query *q, size_t column)
{
    double value = wane_query_double(q, column);
    return isfinite(value) ? value : (double)NAN;
}

static wane_status take_row(rows *p, wane_correlating *job, const wane_query *q, wane_error *err)
{
    wane_status st = group_of_row(job, q, err);
    if (st == WANE_OK) st = grow(p, err);
    if (st != WANE_OK) return st;
    p->text_y |= wane_query_type(q, WANE_POINT_Y) == WANE_VALUE_TEXT;
    p->text_x |= wane_query_type(q, WANE_POINT_X) == WANE_VALUE_TEXT;
    row r = {.y = value_of(q, WANE_POINT_Y),
             .group = job->groups - 1,
             .config = (size_t)wane_query_int(q, WANE_POINT_CONFIG),
             .order = (size_t)wane_query_int(q, WANE_POINT_ORDER),
             .seed = (size_t)wane_query_int(q, WANE_POINT_SEED),
             .stage = (size_t)wane_query_int(q, WANE_POINT_STAGE),
             .collapsed = wane_query_int(q, WANE_POINT_COLLAPSED) == 1};
    for (size_t i = 0; i < p->x_count; i++) r.x[i] = value_of(q, WANE_POINT_X + i);
    job->read += r.group == 0;
    job->flag_unknown += r.group == 0 && wane_query_type(q, WANE_POINT_FLAG) == WANE_VALUE_NULL;
    if (r.collapsed) st = note_collapsed(job, wane_query_text(q, WANE_POINT_CONFIG_NAME), err);
    take_covariates(p, job, q);
    p->item[p->count++] = r;
    return st;
}

static wane_status read_rows(rows *p, wane_correlating *job, wane_results *db, wane_error *err)
{
    wane_text sql = {0};
    wane_query *query = NULL;
    wane_binding binding = {"experiment", {.type = WANE_VALUE_NULL}};
    if (job->experiment)
        binding.value = (wane_value){.type = WANE_VALUE_TEXT, .text = job->experiment};
    wane_status st = WANE_OK;
    WANE_TRY(wane_correlating_sql(&sql, job, p->x, p->x_count, db, err));
    WANE_TRY(wane_query_open(&query, db, sql.data, &binding, 1, err));
    while ((st = wane_query_next(query, err)) == WANE_OK) WANE_TRY(take_row(p, job, query, err));
    if (st == WANE_DONE) st = WANE_OK;
done:
    wane_query_free(query);
    wane_text_free(&sql);
    return st;
}

/* -------------------------------------------------------------------------------------- groups */

/* The points of one group of one table, with what it takes to make them. */
typedef struct points {
    wane_point *item;
    bool *used;
    double *sum; /* per config: its points, then sums of x and of each covariate */
    size_t count;
} points;

static wane_status points_make(points *out, const rows *p, wane_error *err)
{
    *out = (points){.item = wane_alloc(p->count, sizeof *out->item),
                    .used = wane_alloc(p->count, sizeof *out->used),
                    .sum = wane_alloc(p->count * (p->covariates + 2), 2 * sizeof *out->sum)};
    return out->item && out->used && out->sum ? WANE_OK
                                              : wane_fail_memory(err, "correlate", "points");
}

static void points_free(points *s)
{
    wane_free(s->item);
    wane_free(s->used);
    wane_free(s->sum);
}

static void take_points(points *s, wane_correlating_group *g, const rows *p, size_t group, size_t x,
                        bool without_collapsed)
{
    s->count = 0;
    for (size_t i = 0; i < p->count; i++) {
        const row *r = &p->item[i];
        if (r->group != group || (without_collapsed && r->collapsed)) continue;
        if (isnan(r->x[x]) || isnan(r->y)) {
            g->missing++;
            continue;
        }
        s->item[s->count++] = (wane_point){.x = r->x[x],
                                           .y = r->y,
                                           .z = p->z + i * p->covariates,
                                           .config = r->config,
                                           .order = r->order,
                                           .seed = r->seed,
                                           .stage = r->stage};
    }
}

/* Leaves the points that take part, and counts what they are: a count's zeros are what a rank
 * partial loses. */
static void keep_used(points *s, wane_correlating_group *g)
{
    size_t kept = 0;
    g->count_x = true;
    for (size_t i = 0; i < s->count; i++) {
        const wane_point q = s->item[i];
        if (!s->used[i]) continue;
        g->zeros_x += q.x == 0;
        g->zeros_y += q.y == 0;
        g->count_x &= q.x >= 0 && floor(q.x) == q.x;
        s->item[kept++] = q;
    }
    s->count = kept;
}

/* s->sum: a row per config (numbered from 0 as they come) of 1, x, z...; the count of configs. */
static size_t sum_configs(points *s, size_t covariates)
{
    size_t width = covariates + 2, configs = 0;
    double *number = s->sum + s->count * width; /* of each config's row */
    for (size_t i = 0; i < s->count; i++) {
        const wane_point *q = &s->item[i];
        size_t c = 0;
        while (c < configs && number[c] != (double)q->config) c++;
        double *sum = s->sum + c * width;
        if (c == configs) {
            number[configs++] = (double)q->config;
            memset(sum, 0, width * sizeof *sum);
        }
        sum[0]++;
        sum[1] += q->x;
        for (size_t f = 0; f < covariates; f++) sum[2 + f] += q->z[f];
    }
    return configs;
}

/* Spearman of the configs' means of x and of each covariate. */
static wane_status separate(wane_correlating_group *g, points *s, const wane_correlating *job,
                            wane_error *err)
{
    size_t covariates = job->given_count, width = covariates + 2;
    wane_status st = WANE_OK;
    g->configs = sum_configs(s, covariates);
    double *mean = wane_alloc(g->configs + 1, 2 * sizeof *mean);
    if (!mean) return wane_fail_memory(err, "correlate", "configs");
    double *other = mean + g->configs;
    for (size_t f = 0; f < covariates && st == WANE_OK; f++) {
        g->separation[f] = (double)NAN;
        bool missing = job->category[f] || g->configs < 3;
        for (size_t c = 0; c < g->configs; c++) {
            const double *sum = s->sum + c * width;
            mean[c] = sum[1] / sum[0];
            other[c] = sum[2 + f] / sum[0];
            missing |= isnan(other[c]);
        }
        if (!missing) st = wane_spearman(&g->separation[f], mean, other, g->configs, err);
    }
    wane_free(mean);
    return st;
}

/* Per coefficient, over the groups that have a p. */
static wane_status correct(wane_correlating_group *group, size_t groups, wane_error *err)
{
    wane_status st = WANE_OK;
    double *p = wane_alloc(groups, 2 * sizeof *p);
    if (!p) return wane_fail_memory(err, "correlate", "groups");
    for (size_t c = 0; st == WANE_OK && c < WANE_COEFFICIENT_COUNT; c++) {
        for (size_t g = 0; g < groups; g++) {
            const wane_correlation *r = &group[g].result;
            p[g] = c < r->count ? r->coefficient[c].p : (double)NAN;
        }
        st = wane_holm(p + groups, p, groups, err);
        for (size_t g = 0; st == WANE_OK && g < groups; g++) group[g].holm[c] = p[groups + g];
    }
    wane_free(p);
    return st;
}

/* --------------------------------------------------------------------------------------- tables */

/* Fills a table whose groups are named; x is one of the columns read. */
static wane_status fill(wane_correlating_table *t, const wane_correlating *job, const rows *p,
                        size_t x, wane_error *err)
{
    wane_covariate_kind kinds[WANE_GIVEN_MOST];
    points s = {0};
    wane_status st = WANE_OK;
    for (size_t f = 0; f < p->covariates; f++)
        kinds[f] = job->category[f] ? WANE_COVARIATE_CATEGORY : WANE_COVARIATE_QUANTITY;
    WANE_TRY(points_make(&s, p, err));
    const wane_correlation_options options = {
        .blocks = job->blocks, .given = kinds, .given_count = p->covariates, .used = s.used};
    for (size_t g = 0; g < job->groups; g++) {
        take_points(&s, &t->group[g], p, g, x, t->without_collapsed);
        WANE_TRY(wane_correlate(&t->group[g].result, s.item, s.count, &options, err));
        keep_used(&s, &t->group[g]);
        WANE_TRY(separate(&t->group[g], &s, job, err));
    }
    st = correct(t->group, job->groups, err);
done:
    points_free(&s);
    return st;
}

/* One more table, its groups named as those of the first. */
static wane_status add_table(wane_correlating *job, const rows *p, size_t x, bool without_collapsed,
                             wane_error *err)
{
    wane_correlating_table *t = &job->table[job->tables];
    const wane_correlating_group *first = job->table[0].group;
    *t = (wane_correlating_table){.x = p->x[x],
                                  .without_collapsed = without_collapsed,
                                  .group = wane_alloc(job->groups, sizeof *t->group)};
    if (!t->group) return wane_fail_memory(err, "correlate", "groups");
    job->tables++;
    for (size_t g = 0; g < job->groups; g++)
        t->group[g] =
            (wane_correlating_group){.name = first[g].name, .matrices = first[g].matrices};
    return fill(t, job, p, x, err);
}

/* The counts that have an energy and cosines beside them. */
static bool counts_intruders(const char *column)
{
    return strcmp(column, "intruders") == 0 || strcmp(column, "intruders_v") == 0;
}

static const char *energy_of(const char *column)
{
    return strcmp(column, "intruders_v") == 0 ? "intruder_energy_v" : "intruder_energy";
}

bool wane_correlating_mostly_zero(const wane_correlating *job)
{
    const wane_correlating_group *g = &job->table[0].group[0];
    return job->given_count > 0 && g->count_x && 2 * g->zeros_x > g->result.points;
}

static wane_status make_tables(wane_correlating *job, rows *p, wane_error *err)
{
    job->table[0].x = job->x;
    wane_status st = fill(&job->table[0], job, p, 0, err);
    job->tables = 1;
    if (st != WANE_OK) return st;
    size_t columns = wane_correlating_mostly_zero(job) ? p->x_count : 1;
    for (size_t x = 1; x < columns && st == WANE_OK; x++) st = add_table(job, p, x, false, err);
    for (size_t x = 0; x < columns && job->collapsed_count > 0 && st == WANE_OK; x++)
        st = add_table(job, p, x, true, err);
    return st;
}

/* Categories are told by their ranks. */
static void use_categories(rows *p, const wane_correlating *job)
{
    for (size_t i = 0; i < p->count; i++)
        for (size_t f = 0; f < p->covariates; f++)
            if (job->category[f]) p->z[i * p->covariates + f] = p->category[i * p->covariates + f];
}

static bool any_point(const rows *p)
{
    for (size_t i = 0; i < p->count; i++)
        if (!isnan(p->item[i].x[0]) && !isnan(p->item[i].y)) return true;
    return false;
}

wane_status wane_correlating_run(wane_correlating *job, wane_results *db, wane_error *err)
{
    wane_status st = WANE_OK;
    rows p = {.x = {job->x, energy_of(job->x), "max_cosine"}, .covariates = job->given_count};
    p.x_count = job->given_count > 0 && !job->per && counts_intruders(job->x) ? X_MOST : 1;
    memset(job->table, 0, sizeof job->table);
    job->tables = job->groups = job->collapsed_count = job->flag_unknown = job->read = 0;
    job->collapsed = NULL;
    memset(job->category, 0, sizeof job->category);
    job->arena = wane_arena_new();
    if (!job->arena) return wane_fail_memory(err, "correlate", "groups");
    WANE_TRY(read_rows(&p, job, db, err));
    if (p.text_x || p.text_y) {
        st = wane_fail(err, WANE_EINVAL, "correlate: %s: holds texts, not numbers",
                       p.text_x ? job->x : job->y);
        goto done;
    }
    if (!any_point(&p)) {
        st = wane_fail(err, WANE_ENUMERIC, "correlate: %s, %s: no finished run has both%s", job->x,
                       job->y, job->points == WANE_POINTS_LOOKS ? " at a look" : "");
        goto done;
    }
    use_categories(&p, job);
    st = make_tables(job, &p, err);
done:
    rows_free(&p);
    return st;
}

void wane_correlating_free(wane_correlating *job)
{
    for (size_t i = 0; i < WANE_CORRELATING_TABLES; i++) wane_free(job->table[i].group);
    wane_free(job->collapsed);
    wane_arena_free(job->arena);
    memset(job->table, 0, sizeof job->table);
    job->collapsed = NULL;
    job->arena = NULL;
    job->tables = job->groups = job->collapsed_count = 0;
}

/* --------------------------------------------------------------------------------------- claims */

enum { PARTIAL = 3 };

size_t wane_correlating_covariates(const wane_correlation *r, size_t coefficient)
{
    return coefficient == PARTIAL ? r->given_degrees : 0;
}

double wane_correlating_visible(const wane_correlating_group *g, size_t coefficient,
                                const char **reason)
{
    const wane_correlation *r = &g->result;
    size_t covariates = wane_correlating_covariates(r, coefficient);
    bool given = coefficient == PARTIAL;
    double value =
        given && covariates == 0 ? (double)NAN : wane_smallest_visible(g->configs, covariates);
    if (reason)
        *reason = !isnan(value)              ? NULL
                  : given && covariates == 0 ? r->coefficient[PARTIAL].reason
                                             : "few_configs";
    return value;
}

wane_detection wane_correlating_detected(const wane_correlating *job,
                                         const wane_correlating_group *g, size_t coefficient)
{
    const wane_coefficient *c = &g->result.coefficient[coefficient];
    return wane_detection_of(c, job->per ? g->holm[coefficient] : c->p);
}
