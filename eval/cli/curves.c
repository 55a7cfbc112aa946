/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/cli/curves.h"

#include <math.h>
#include <string.h>

#include "analysis/charts/chart.h"
#include "analysis/statistics/summary.h"
#include "eval/cli/columns.h"
#include "eval/cli/sheet.h"
#include "store/files/file.h"

enum { STAGES_MOST = 10000 };

/* A point drawn: a run after a stage, or the mean of `n` runs. Points of one group are adjacent. */
typedef struct point {
    const char *group, *run;
    size_t stage, n;
    double x, y, sd, low, high;
} point;

struct wane_curves {
    wane_curves_request request; /* texts of the arena */
    wane_arena *arena;
    point *item;
    size_t count, room;
};

void wane_curves_free(wane_curves *c)
{
    if (!c) return;
    wane_arena_free(c->arena);
    wane_free(c->item);
    wane_free(c);
}

static wane_status take_row(wane_curves *c, const wane_query *q, wane_error *err)
{
    enum { GROUP, RUN, STAGE, X, Y };
    if (wane_query_type(q, X) == WANE_VALUE_TEXT || wane_query_type(q, Y) == WANE_VALUE_TEXT)
        return wane_fail(err, WANE_EINVAL, "curves: %s: holds texts, not numbers",
                         wane_query_type(q, Y) == WANE_VALUE_TEXT ? c->request.metric
                                                                  : c->request.x);
    int64_t stage = wane_query_int(q, STAGE);
    if (stage < 0 || stage > STAGES_MOST)
        return wane_fail(err, WANE_EFORMAT, "curves: stage: a position out of range");
    if (c->count == c->room) {
        size_t room = c->room ? 2 * c->room : 256;
        point *item = wane_realloc(c->item, room, sizeof *item);
        if (!item) return wane_fail_memory(err, "curves", "points");
        c->item = item;
        c->room = room;
    }
    const char *group = wane_query_text(q, GROUP);
    if (c->count && strcmp(c->item[c->count - 1].group, group) == 0)
        group = c->item[c->count - 1].group;
    else group = wane_arena_strdup(c->arena, group);
    const char *run = wane_arena_strdup(c->arena, wane_query_text(q, RUN));
    if (!group || !run) return wane_fail_memory(err, "curves", "points");
    c->item[c->count++] = (point){.group = group,
                                  .run = run,
                                  .stage = (size_t)stage,
                                  .n = 1,
                                  .x = wane_query_double(q, X),
                                  .y = wane_query_double(q, Y)};
    return WANE_OK;
}

/* Groups of two experiments are kept apart by the experiment's name in front. */
static void write_sql(wane_text *sql, const wane_curves_request *r)
{
    const char *x = r->x ? r->x : "position";
    wane_text_printf(sql,
                     "SELECT CASE WHEN (SELECT count(DISTINCT experiment) FROM stage_summary WHERE "
                     ":experiment IS NULL OR experiment = :experiment) > 1 "
                     "THEN experiment || '/' ELSE '' END || coalesce(\"%s\", 'none'), "
                     "coalesce(run, ''), position, \"%s\", \"%s\" FROM stage_summary "
                     "WHERE (:experiment IS NULL OR experiment = :experiment) "
                     "AND status = 'done' AND \"%s\" IS NOT NULL AND \"%s\" IS NOT NULL%s "
                     "ORDER BY experiment, \"%s\", position, run",
                     r->by, x, r->metric, x, r->metric, r->x ? " AND position > 0" : "", r->by);
}

static wane_status read_rows(wane_curves *c, wane_results *db, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_text sql = {0};
    wane_query *query = NULL;
    wane_binding binding = {"experiment", {.type = WANE_VALUE_NULL}};
    if (c->request.experiment)
        binding.value = (wane_value){.type = WANE_VALUE_TEXT, .text = c->request.experiment};
    write_sql(&sql, &c->request);
    WANE_TRY(wane_text_check(&sql, "curves", "query", err));
    WANE_TRY(wane_query_open(&query, db, sql.data, &binding, 1, err));
    while ((st = wane_query_next(query, err)) == WANE_OK) WANE_TRY(take_row(c, query, err));
    if (st == WANE_DONE) st = WANE_OK;
    if (st == WANE_OK && c->count == 0)
        st = wane_fail(err, WANE_ENOTFOUND, "curves: %s: no finished run has a value%s%s",
                       c->request.metric, c->request.x ? " beside " : "",
                       c->request.x ? c->request.x : "");
done:
    wane_query_free(query);
    wane_text_free(&sql);
    return st;
}

/* Puts the mean of each group and stage in place of its runs. */
static wane_status average(wane_curves *c, wane_error *err)
{
    double *y = wane_alloc(c->count, sizeof *y);
    if (!y) return wane_fail_memory(err, "curves", "means");
    size_t kept = 0;
    for (size_t i = 0; i < c->count;) {
        point p = c->item[i];
        size_t n = 0;
        while (i < c->count && c->item[i].group == p.group && c->item[i].stage == p.stage)
            y[n++] = c->item[i++].y;
        wane_summary s = wane_summarise(y, n);
        p.n = s.n;
        p.y = s.mean;
        p.sd = s.sd;
        p.low = s.mean - s.sd;
        p.high = s.mean + s.sd;
        c->item[kept++] = p;
    }
    c->count = kept;
    wane_free(y);
    return WANE_OK;
}

wane_status wane_curves_read(wane_curves **out, wane_results *db, const wane_curves_request *r,
                             wane_error *err)
{
    const char *columns[] = {r->metric, r->by, r->x};
    wane_status st = wane_columns_check(db, "curves", "stage_summary", columns, 3, err);
    if (st != WANE_OK) return st;
    wane_curves *c = wane_alloc(1, sizeof *c);
    if (!c) return wane_fail_memory(err, "curves", r->metric);
    c->arena = wane_arena_new();
    if (!c->arena) {
        st = wane_fail_memory(err, "curves", r->metric);
        goto done;
    }
    c->request = (wane_curves_request){
        wane_arena_strdup(c->arena, r->experiment), wane_arena_strdup(c->arena, r->metric),
        wane_arena_strdup(c->arena, r->by), wane_arena_strdup(c->arena, r->x)};
    if (!c->request.metric || !c->request.by || (r->x && !c->request.x) ||
        (r->experiment && !c->request.experiment)) {
        st = wane_fail_memory(err, "curves", r->metric);
        goto done;
    }
    WANE_TRY(read_rows(c, db, err));
    if (!r->x) WANE_TRY(average(c, err));
    *out = c;
    c = NULL;
done:
    wane_curves_free(c);
    return st;
}

static void write_subtitle(wane_text *out, const wane_curves *c)
{
    size_t least = c->item[0].n, most = least;
    for (size_t i = 0; i < c->count; i++) {
        if (c->item[i].n < least) least = c->item[i].n;
        if (c->item[i].n > most) most = c->item[i].n;
    }
    if (c->request.x) {
        wane_text_printf(out, "one point per run and trained stage, n = %zu", c->count);
    } else if (most == 1) {
        wane_text_string(out, "one run each (n = 1), so no bands");
    } else {
        wane_text_printf(
            out, "mean over runs (orders and seeds), band: mean \xc2\xb1 1 sd, n = %zu", least);
        if (most != least) wane_text_printf(out, " to %zu", most);
    }
    if (c->request.experiment) wane_text_printf(out, "; %s", c->request.experiment);
}

/* The columns of all points as arrays of one arena; a series is a part of them. */
static wane_status make_series(wane_series **out, size_t *count, const wane_curves *c,
                               wane_arena *arena, wane_error *err)
{
    double *x = wane_arena_alloc(arena, c->count, sizeof *x);
    double *y = wane_arena_alloc(arena, c->count, sizeof *y);
    double *low = wane_arena_alloc(arena, c->count, sizeof *low);
    double *high = wane_arena_alloc(arena, c->count, sizeof *high);
    wane_series *series = wane_arena_alloc(arena, c->count, sizeof *series);
    if (!x || !y || !low || !high || !series) return wane_fail_memory(err, "curves", "chart");
    size_t made = 0;
    for (size_t i = 0; i < c->count; i++) {
        const point *p = &c->item[i];
        if (i == 0 || p->group != c->item[i - 1].group)
            series[made++] = (wane_series){.label = p->group, .x = x + i, .y = y + i};
        wane_series *s = &series[made - 1];
        s->count++;
        x[i] = p->x;
        y[i] = p->y;
        low[i] = p->low;
        high[i] = p->high;
        if (c->request.x || p->n < 2) continue;
        s->low = low + (s->x - x);
        s->high = high + (s->x - x);
    }
    *out = series;
    *count = made;
    return WANE_OK;
}

static wane_status stage_names(const char *const **out, size_t *count, const wane_curves *c,
                               wane_arena *arena)
{
    size_t last = 0;
    for (size_t i = 0; i < c->count; i++)
        if (c->item[i].stage > last) last = c->item[i].stage;
    const char **names = wane_arena_alloc(arena, last + 1, sizeof *names);
    if (!names) return WANE_ENOMEM;
    wane_text text = {0};
    bool good = true;
    for (size_t i = 0; i <= last && good; i++) {
        wane_text_clear(&text);
        wane_text_printf(&text, i ? "%zu" : "%zu (base)", i);
        names[i] = text.failed ? NULL : wane_arena_strdup(arena, text.data);
        good = names[i] != NULL;
    }
    wane_text_free(&text);
    *out = names;
    *count = last + 1;
    return good ? WANE_OK : WANE_ENOMEM;
}

wane_status wane_curves_draw(wane_text *out, const wane_curves *c, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_series *series = NULL;
    wane_text title = {0}, subtitle = {0};
    wane_chart chart = {.x_label = c->request.x ? c->request.x : "stage",
                        .y_label = c->request.metric,
                        .marks = c->request.x ? WANE_MARKS_POINTS : WANE_MARKS_LINES};
    wane_arena *arena = wane_arena_new();
    if (!arena ||
        (!c->request.x && stage_names(&chart.x_names, &chart.x_name_count, c, arena) != WANE_OK)) {
        st = wane_fail_memory(err, "curves", "chart");
        goto done;
    }
    WANE_TRY(make_series(&series, &chart.series_count, c, arena, err));
    wane_text_printf(&title, "%s %s %s by %s", c->request.metric, c->request.x ? "against" : "over",
                     c->request.x ? c->request.x : "stages", c->request.by);
    write_subtitle(&subtitle, c);
    WANE_TRY(wane_text_check(&title, "curves", "chart", err));
    WANE_TRY(wane_text_check(&subtitle, "curves", "chart", err));
    chart.series = series;
    chart.title = title.data;
    chart.subtitle = subtitle.data;
    WANE_TRY(wane_chart_svg(out, &chart, err));
done:
    wane_text_free(&title);
    wane_text_free(&subtitle);
    wane_arena_free(arena);
    return st;
}

wane_status wane_curves_rows(wane_query **out, const wane_curves *c, wane_results *db,
                             wane_error *err)
{
    static const char *const lines[] = {"stage", "n", "mean", "sd", "low", "high"};
    wane_sheet sheet = {0};
    bool scatter = c->request.x != NULL;
    wane_sheet_column(&sheet, c->request.by);
    for (size_t i = 0; !scatter && i < sizeof lines / sizeof *lines; i++)
        wane_sheet_column(&sheet, lines[i]);
    if (scatter) {
        wane_sheet_column(&sheet, "run");
        wane_sheet_column(&sheet, "stage");
        wane_sheet_column(&sheet, c->request.x);
        wane_sheet_column(&sheet, c->request.metric);
    }
    for (size_t i = 0; i < c->count; i++) {
        const point *p = &c->item[i];
        wane_sheet_text(&sheet, p->group);
        if (scatter) wane_sheet_text(&sheet, p->run);
        wane_sheet_whole(&sheet, (int64_t)p->stage);
        if (scatter) wane_sheet_number(&sheet, p->x);
        else wane_sheet_whole(&sheet, (int64_t)p->n);
        wane_sheet_number(&sheet, p->y);
        if (scatter) continue;
        wane_sheet_number(&sheet, p->sd);
        wane_sheet_number(&sheet, p->low);
        wane_sheet_number(&sheet, p->high);
    }
    wane_status st = wane_sheet_open(out, &sheet, db, err);
    wane_sheet_free(&sheet);
    return st;
}

wane_status wane_curves_means(wane_query **out, const wane_curves *c, wane_results *db,
                              wane_error *err)
{
    if (c->request.x) return wane_curves_rows(out, c, db, err);
    wane_status st = WANE_OK;
    wane_sheet sheet = {0};
    const char *const *names = NULL;
    size_t stages = 0;
    wane_arena *arena = wane_arena_new();
    if (!arena || stage_names(&names, &stages, c, arena) != WANE_OK) {
        st = wane_fail_memory(err, "curves", "table");
        goto done;
    }
    wane_sheet_column(&sheet, c->request.by);
    wane_sheet_column(&sheet, "runs");
    for (size_t k = 0; k < stages; k++) wane_sheet_column(&sheet, names[k]);
    for (size_t i = 0; i < c->count;) {
        const char *group = c->item[i].group;
        size_t runs = 0;
        for (size_t j = i; j < c->count && c->item[j].group == group; j++)
            if (c->item[j].n > runs) runs = c->item[j].n;
        wane_sheet_text(&sheet, group);
        wane_sheet_whole(&sheet, (int64_t)runs);
        for (size_t k = 0; k < stages; k++) {
            bool here = i < c->count && c->item[i].group == group && c->item[i].stage == k;
            wane_sheet_number(&sheet, here ? c->item[i].y : (double)NAN);
            i += here;
        }
    }
    WANE_TRY(wane_sheet_open(out, &sheet, db, err));
done:
    wane_sheet_free(&sheet);
    wane_arena_free(arena);
    return st;
}

wane_status wane_curves_svg(wane_results *db, const char *experiment, const char *metric,
                            const char *x, const char *path, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_text text = {0};
    wane_curves *curves = NULL;
    const wane_curves_request request = {experiment, metric, "method", x};
    WANE_TRY(wane_curves_read(&curves, db, &request, err));
    WANE_TRY(wane_curves_draw(&text, curves, err));
    WANE_TRY(wane_file_write(path, text.data, text.length, err));
done:
    wane_curves_free(curves);
    wane_text_free(&text);
    return st;
}
