/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/cli/correlating.h"

#include <math.h>
#include <string.h>

#include "eval/cli/columns.h"
#include "eval/cli/measures.h"
#include "eval/cli/reading.h"
#include "eval/cli/sheet.h"
#include "store/files/json.h"

static const char *const block_names[] = {
    [WANE_BLOCKS_CONFIG] = "config", [WANE_BLOCKS_RUN] = "run", [WANE_BLOCKS_NONE] = "none"};
enum { BLOCK_NAMES = sizeof block_names / sizeof *block_names };

wane_status wane_correlating_blocks(wane_blocks *out, const char *name, wane_error *err)
{
    for (size_t i = 0; i < BLOCK_NAMES; i++) {
        if (strcmp(name, block_names[i]) != 0) continue;
        *out = (wane_blocks)i;
        return WANE_OK;
    }
    return wane_fail(err, WANE_EINVAL, "correlate: --blocks %s: not config, run or none", name);
}

/* Numbers by rank, so that they follow the sorted names. Configs of two experiments differ even
 * where their names do not. */
static void write_sql(wane_text *sql, const wane_correlating *job)
{
    const char *z = job->given ? job->given : "NULL";
    const char *quote = job->given ? "\"c\".\"" : "", *close = job->given ? "\"" : "";
    wane_text_printf(sql,
                     "SELECT c.\"%s\" AS x, c.\"%s\" AS y, %s%s%s AS z, "
                     "dense_rank() OVER (ORDER BY %s%s%s), "
                     "dense_rank() OVER (ORDER BY c.experiment, c.config), "
                     "dense_rank() OVER (ORDER BY c.order_name), "
                     "dense_rank() OVER (ORDER BY c.seed), c.position "
                     "FROM correlation_points c JOIN run_list l ON l.experiment = c.experiment "
                     "AND l.run = c.run WHERE " WANE_USABLE_RUNS,
                     job->x, job->y, quote, z, close, quote, z, close);
}

typedef struct points {
    wane_point *item;
    double *z;
    size_t *category; /* the rank of z among its values, 0 where it is missing */
    size_t count, room;
    bool text_x, text_y, text_z;
} points;

static void points_free(points *p)
{
    wane_free(p->item);
    wane_free(p->z);
    wane_free(p->category);
}

static wane_status grow(points *p, wane_error *err)
{
    if (p->count < p->room) return WANE_OK;
    size_t room = p->room ? 2 * p->room : 256;
    wane_point *item = wane_realloc(p->item, room, sizeof *item);
    if (item) p->item = item;
    size_t *category = wane_realloc(p->category, room, sizeof *category);
    if (category) p->category = category;
    double *z = wane_realloc(p->z, room, sizeof *z);
    if (z) p->z = z;
    if (!item || !category || !z) return wane_fail_memory(err, "correlate", "points");
    p->room = room;
    return WANE_OK;
}

static wane_status take_row(points *p, wane_correlating *job, const wane_query *q, wane_error *err)
{
    enum { X, Y, Z, CATEGORY, CONFIG, ORDER, SEED, STAGE };
    p->text_x |= wane_query_type(q, X) == WANE_VALUE_TEXT;
    p->text_y |= wane_query_type(q, Y) == WANE_VALUE_TEXT;
    double x = wane_query_double(q, X), y = wane_query_double(q, Y);
    if (!isfinite(x) || !isfinite(y)) {
        job->missing++;
        return WANE_OK;
    }
    bool none = wane_query_type(q, Z) == WANE_VALUE_NULL;
    p->text_z |= wane_query_type(q, Z) == WANE_VALUE_TEXT;
    wane_status st = grow(p, err);
    if (st != WANE_OK) return st;
    p->z[p->count] = none ? (double)NAN : wane_query_double(q, Z);
    p->category[p->count] = none ? 0 : (size_t)wane_query_int(q, CATEGORY);
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
    wane_text sql = {0};
    wane_query *query = NULL;
    wane_binding binding = {"experiment", {.type = WANE_VALUE_NULL}};
    if (job->experiment)
        binding.value = (wane_value){.type = WANE_VALUE_TEXT, .text = job->experiment};
    wane_status st = WANE_OK;
    write_sql(&sql, job);
    WANE_TRY(wane_text_check(&sql, "correlate", "query", err));
    WANE_TRY(wane_query_open(&query, db, sql.data, &binding, 1, err));
    while ((st = wane_query_next(query, err)) == WANE_OK) WANE_TRY(take_row(p, job, query, err));
    if (st == WANE_DONE) st = WANE_OK;
done:
    wane_query_free(query);
    wane_text_free(&sql);
    return st;
}

wane_status wane_correlating_run(wane_correlating *job, wane_results *db, wane_error *err)
{
    wane_status st = WANE_OK;
    points p = {0};
    wane_correlation_options options = {.blocks = job->blocks};
    const char *columns[] = {job->x, job->y, job->given};
    job->missing = 0;
    WANE_TRY(wane_columns_check(db, "correlate", "correlation_points", columns, 3, err));
    WANE_TRY(read_points(&p, job, db, err));
    if (p.text_x || p.text_y) {
        st = wane_fail(err, WANE_EINVAL, "correlate: %s: holds texts, not numbers",
                       p.text_x ? job->x : job->y);
        goto done;
    }
    const wane_covariate_kind kind = p.text_z ? WANE_COVARIATE_CATEGORY : WANE_COVARIATE_QUANTITY;
    options.given = &kind;
    options.given_count = job->given != NULL;
    for (size_t i = 0; i < p.count; i++) {
        if (p.text_z) p.z[i] = p.category[i] ? (double)p.category[i] : (double)NAN;
        p.item[i].z = &p.z[i];
    }
    if (p.count == 0) {
        st = wane_fail(err, WANE_ENUMERIC, "correlate: %s, %s: no finished run has both", job->x,
                       job->y);
        goto done;
    }
    WANE_TRY(wane_correlate(&job->result, p.item, p.count, &options, err));
done:
    points_free(&p);
    return st;
}

static void reasons(wane_text *text, const wane_coefficient *c)
{
    wane_text_clear(text);
    if (c->reason) {
        wane_text_string(text, c->reason);
        return;
    }
    if (c->interval_reason) wane_text_printf(text, "interval: %s", c->interval_reason);
    if (c->interval_reason && c->p_reason) wane_text_string(text, "; ");
    if (c->p_reason) wane_text_printf(text, "p: %s", c->p_reason);
}

static wane_status table(wane_text *out, const wane_correlation *r, wane_results *db,
                         wane_error *err)
{
    static const char *const names[] = {"coefficient", "value",    "95% low", "95% high",
                                        "p",           "p method", "reason"};
    wane_sheet sheet = {0};
    wane_text reason = {0};
    wane_query *query = NULL;
    wane_status st = WANE_OK;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) wane_sheet_column(&sheet, names[i]);
    for (size_t i = 0; i < r->count; i++) {
        const wane_coefficient *c = &r->coefficient[i];
        reasons(&reason, c);
        wane_sheet_text(&sheet, c->name);
        wane_sheet_number(&sheet, c->value);
        wane_sheet_number(&sheet, c->low);
        wane_sheet_number(&sheet, c->high);
        wane_sheet_number(&sheet, c->p);
        wane_sheet_text(&sheet, c->p_method);
        wane_sheet_text(&sheet, reason.length ? reason.data : NULL);
    }
    WANE_TRY(wane_text_check(&reason, "correlate", "table", err));
    WANE_TRY(wane_sheet_open(&query, &sheet, db, err));
    WANE_TRY(wane_reading_append(out, query, WANE_RENDER_TABLE, NULL, err));
done:
    wane_sheet_free(&sheet);
    wane_text_free(&reason);
    return st;
}

static const char *number(char out[32], double value)
{
    if (fabs(value) < 1e-12) value = 0; /* what rounding leaves of a mean that is 0 */
    return isnan(value) ? "-" : wane_format_short(out, value);
}

wane_status wane_correlating_rows(wane_query **out, const wane_correlating *job, wane_results *db,
                                  wane_error *err)
{
    static const char *const names[] = {"x",    "y",     "given", "blocks", "n", "n_blocks",
                                        "name", "value", "low",   "high",   "p", "p_method"};
    wane_sheet sheet = {0};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) wane_sheet_column(&sheet, names[i]);
    for (size_t i = 0; i < job->result.count; i++) {
        const wane_coefficient *c = &job->result.coefficient[i];
        wane_sheet_text(&sheet, job->x);
        wane_sheet_text(&sheet, job->y);
        wane_sheet_text(&sheet, job->given);
        wane_sheet_text(&sheet, block_names[job->result.blocks]);
        wane_sheet_whole(&sheet, (int64_t)job->result.points);
        wane_sheet_whole(&sheet, (int64_t)job->result.block_count);
        wane_sheet_text(&sheet, c->name);
        wane_sheet_number(&sheet, c->value);
        wane_sheet_number(&sheet, c->low);
        wane_sheet_number(&sheet, c->high);
        wane_sheet_number(&sheet, c->p);
        wane_sheet_text(&sheet, c->p_method);
    }
    wane_status st = wane_sheet_open(out, &sheet, db, err);
    wane_sheet_free(&sheet);
    return st;
}

wane_status wane_correlating_table(wane_text *out, const wane_correlating *job, wane_results *db,
                                   wane_error *err)
{
    static const char *const notes[] = {[WANE_BLOCKS_CONFIG] = "",
                                        [WANE_BLOCKS_RUN] = " (treats seeds as independent)",
                                        [WANE_BLOCKS_NONE] =
                                            " (treats stages and seeds as independent)"};
    const wane_correlation *r = &job->result;
    char a[32], b[32];
    wane_text_printf(out, "%s against %s", job->y, job->x);
    if (job->given) wane_text_printf(out, ", given %s", job->given);
    wane_text_string(out, "\n\n");
    wane_status st = table(out, r, db, err);
    if (st != WANE_OK) return st;
    wane_text_printf(out,
                     "\nblocks                %s%s\n"
                     "number of blocks      %zu\n"
                     "points (n)            %zu\n"
                     "smallest reachable p  %s\n"
                     "null mean             %s\n",
                     block_names[r->blocks], notes[r->blocks], r->block_count, r->points,
                     number(a, r->p_min), number(b, r->null_mean));
    if (r->within_runs.n) {
        wane_text_printf(out, "within runs           %s", number(a, r->within_runs.mean));
        if (r->within_runs.n > 1) wane_text_printf(out, " +- %s", number(b, r->within_runs.sd));
        wane_text_printf(out, " (Spearman over the stages of a run, %zu run%s)\n", r->within_runs.n,
                         r->within_runs.n == 1 ? "" : "s");
    }
    wane_text_printf(out,
                     "dropped %-13s %zu\n"
                     "dropped points        %zu\n",
                     r->blocks == WANE_BLOCKS_RUN ? "runs" : "configs", r->dropped_configs,
                     r->dropped_points);
    return wane_text_check(out, "correlate", "table", err);
}

static void json_text(wane_text *out, const char *key, const char *value)
{
    wane_text_printf(out, "\"%s\":", key);
    if (value) wane_json_write_string(out, value);
    else wane_text_string(out, "null");
}

static void json_number(wane_text *out, const char *key, double value)
{
    wane_text_printf(out, ",\"%s\":", key);
    if (isfinite(value)) wane_json_write_number(out, value);
    else wane_text_string(out, "null");
}

void wane_correlating_json(wane_text *out, const wane_correlating *job)
{
    const wane_correlation *r = &job->result;
    wane_text_string(out, "{");
    json_text(out, "x", job->x);
    wane_text_string(out, ",");
    json_text(out, "y", job->y);
    wane_text_string(out, ",");
    json_text(out, "given", job->given);
    wane_text_string(out, ",");
    json_text(out, "blocks", block_names[r->blocks]);
    wane_text_printf(out, ",\"n\":%zu,\"n_blocks\":%zu", r->points, r->block_count);
    json_number(out, "p_min", r->p_min);
    json_number(out, "null_mean", r->null_mean);
    wane_text_string(out, ",\"coefficients\":[");
    for (size_t i = 0; i < r->count; i++) {
        const wane_coefficient *c = &r->coefficient[i];
        wane_text_string(out, i ? ",{" : "{");
        json_text(out, "name", c->name);
        json_number(out, "value", c->value);
        json_number(out, "low", c->low);
        json_number(out, "high", c->high);
        json_number(out, "p", c->p);
        wane_text_string(out, ",");
        json_text(out, "p_method", c->p_method);
        wane_text_string(out, "}");
    }
    wane_text_string(out, "]}\n");
}

wane_status wane_correlate_print(wane_text *out, wane_results *db, const char *experiment,
                                 const char *x, const char *y, wane_error *err)
{
    wane_correlating job = {.experiment = experiment, .x = x, .y = y};
    wane_status st = wane_correlating_run(&job, db, err);
    return st == WANE_OK ? wane_correlating_table(out, &job, db, err) : st;
}
