/* SPDX-License-Identifier: Apache-2.0
 * Intruders of every weight matrix, layers by modules: means over the runs of one method. One
 * statement counts them; its rows become a grid for each method, drawn as heat maps or laid out as
 * tables.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/charts/chart.h"
#include "analysis/report/counting.h"
#include "analysis/report/report.h"
#include "analysis/report/sheet.h"
#include "analysis/report/statement.h"

static const char sql[] = {
#include "layers.inc"
};
enum { EXPERIMENT, METHOD, LAYER, MODULE, RUNS, MEAN };

/* One method: layers x modules, NaN where the model has no such matrix. */
typedef struct method_layers {
    const char *experiment, *method;
    size_t runs, layers, modules;
    const char **layer, **module;
    double *mean; /* intruders */
    /* Of all matrices together, mean over the runs: the rotated null (counting.h); NaN where one of
     * the runs has none. */
    double null_mean, null_low, null_high;
} method_layers;

typedef struct layers {
    wane_counting counting;
    size_t stage;
    const char *no_null; /* why no method has one, or NULL */
    method_layers *item;
    size_t count;
} layers;

typedef struct cell {
    const char *experiment, *method, *layer, *module;
    size_t runs;
    double mean;
} cell;

typedef struct cells {
    cell *item;
    size_t count, room;
} cells;

static wane_status take_cell(cells *all, wane_arena *arena, const wane_query *q, wane_error *err)
{
    char layer[32] = "none";
    if (!WANE_GROW(all->item, all->room, all->count + 1))
        return wane_fail_memory(err, "curves", "matrices");
    if (wane_query_type(q, LAYER) != WANE_VALUE_NULL)
        (void)snprintf(layer, sizeof layer, "%lld", (long long)wane_query_int(q, LAYER));
    cell c = {.experiment = wane_arena_strdup(arena, wane_query_text(q, EXPERIMENT)),
              .method = wane_arena_strdup(arena, wane_query_text(q, METHOD)),
              .layer = wane_arena_strdup(arena, layer),
              .module = wane_arena_strdup(arena, wane_query_text(q, MODULE)),
              .runs = (size_t)wane_query_int(q, RUNS),
              .mean = wane_query_double(q, MEAN)};
    if (!c.experiment || !c.method || !c.layer || !c.module)
        return wane_fail_memory(err, "curves", "matrices");
    all->item[all->count++] = c;
    return WANE_OK;
}

static bool same_method(const cell *a, const cell *b)
{
    return strcmp(a->experiment, b->experiment) == 0 && strcmp(a->method, b->method) == 0;
}

/* Two matrices of one layer and module (experts) add up. */
static wane_status make_layers(method_layers *m, wane_arena *arena, const cell *c, size_t count,
                               wane_error *err)
{
    *m = (method_layers){.experiment = c->experiment, .method = c->method};
    m->layer = wane_arena_alloc(arena, count, sizeof *m->layer);
    m->module = wane_arena_alloc(arena, count, sizeof *m->module);
    if (!m->layer || !m->module) return wane_fail_memory(err, "curves", "layers");
    for (size_t i = 0; i < count; i++) {
        (void)wane_report_number(m->layer, &m->layers, c[i].layer);
        (void)wane_report_number(m->module, &m->modules, c[i].module);
        if (c[i].runs > m->runs) m->runs = c[i].runs;
    }
    size_t places = m->layers * m->modules;
    m->mean = wane_arena_alloc(arena, places, sizeof *m->mean);
    if (!m->mean) return wane_fail_memory(err, "curves", "layers");
    for (size_t i = 0; i < places; i++) m->mean[i] = NAN;
    for (size_t i = 0; i < count; i++) {
        size_t row = wane_report_number(m->layer, &m->layers, c[i].layer);
        size_t place = row * m->modules + wane_report_number(m->module, &m->modules, c[i].module);
        m->mean[place] = isnan(m->mean[place]) ? c[i].mean : m->mean[place] + c[i].mean;
    }
    return WANE_OK;
}

static wane_status read_cells(cells *all, const layers *l, const wane_reporting *r, wane_error *err)
{
    const wane_binding bindings[] = {{"k", wane_value_whole((int64_t)l->counting.k)},
                                     {"epsilon", wane_value_real(l->counting.epsilon)},
                                     {"side", wane_value_text(l->counting.side)},
                                     {"against", wane_value_text(l->counting.against)},
                                     {"stage", wane_value_whole((int64_t)l->stage)},
                                     {NULL, {.type = WANE_VALUE_NULL}}};
    wane_query *q = NULL;
    wane_status st = wane_statement_open(&q, r->db, sql, r->asked.experiment, NULL, bindings, err);
    while (st == WANE_OK && (st = wane_query_next(q, err)) == WANE_OK)
        st = take_cell(all, r->arena, q, err);
    wane_query_free(q);
    if (st == WANE_DONE && all->count == 0)
        return wane_fail(err, WANE_ENUMERIC,
                         "curves: intruders_by_matrix: no finished run has stage %zu", l->stage);
    return st == WANE_DONE ? WANE_OK : st;
}

/* The mean over the runs of a method, where all of them have a null. */
static wane_status read_nulls(layers *l, const wane_reporting *r, wane_error *err)
{
    enum { OF_EXPERIMENT, OF_METHOD, OF_MEAN = 5, OF_LOW, OF_HIGH };
    wane_query *q = NULL;
    wane_status st = WANE_OK;
    l->no_null = wane_counting_no_null(&l->counting);
    size_t *runs = wane_alloc(l->count, sizeof *runs), found = 0;
    if (!runs) return wane_fail_memory(err, "curves", "layers");
    if (!l->no_null) {
        WANE_TRY(wane_counting_null(&q, r->db, &l->counting, r->asked.experiment, "method",
                                    (int)l->stage, false, err));
        while ((st = wane_query_next(q, err)) == WANE_OK)
            for (size_t i = 0; i < l->count; i++) {
                method_layers *m = &l->item[i];
                if (strcmp(m->experiment, wane_query_text(q, OF_EXPERIMENT)) != 0 ||
                    strcmp(m->method, wane_query_text(q, OF_METHOD)) != 0)
                    continue;
                m->null_mean += wane_query_double(q, OF_MEAN);
                m->null_low += wane_query_double(q, OF_LOW);
                m->null_high += wane_query_double(q, OF_HIGH);
                runs[i]++;
            }
        if (st != WANE_DONE) goto done;
        st = WANE_OK;
    }
    for (size_t i = 0; i < l->count; i++) {
        method_layers *m = &l->item[i];
        double n = runs[i] && runs[i] == m->runs ? (double)runs[i] : (double)NAN;
        m->null_mean /= n;
        m->null_low /= n;
        m->null_high /= n;
        found += !isnan(n);
    }
    if (!l->no_null && !found) l->no_null = "none was drawn for these stages";
done:
    wane_query_free(q);
    wane_free(runs);
    return st;
}

static wane_status open(wane_reporting *r, wane_error *err)
{
    const wane_report_request *asked = &r->asked;
    cells all = {0};
    size_t most = 1;
    wane_status st = WANE_OK;
    layers *l = wane_arena_alloc(r->arena, 1, sizeof *l);
    if (!l) return wane_fail_memory(err, "curves", "layers");
    l->counting = wane_counting_asked(asked->k, asked->epsilon, asked->side, asked->against);
    l->stage = wane_report_stage(asked);
    WANE_TRY(wane_counting_check(r->db, &l->counting, asked->experiment, err));
    WANE_TRY(read_cells(&all, l, r, err));
    for (size_t i = 1; i < all.count; i++) most += !same_method(&all.item[i - 1], &all.item[i]);
    l->item = wane_arena_alloc(r->arena, most, sizeof *l->item);
    if (!l->item) WANE_TRY(wane_fail_memory(err, "curves", "layers"));
    for (size_t i = 0, first = 0; i < all.count; first = i) {
        while (i < all.count && same_method(&all.item[first], &all.item[i])) i++;
        WANE_TRY(make_layers(&l->item[l->count++], r->arena, &all.item[first], i - first, err));
    }
    WANE_TRY(read_nulls(l, r, err));
    r->state = l;
done:
    wane_free(all.item);
    return st;
}

static double sum(const double *values, size_t count)
{
    double total = 0;
    for (size_t i = 0; i < count; i++) total += isnan(values[i]) ? 0 : values[i];
    return total;
}

static void write_null(wane_text *out, const layers *l, const method_layers *m)
{
    if (l->no_null) wane_text_printf(out, "no null: %s", l->no_null);
    else if (isnan(m->null_mean)) wane_text_string(out, "no null: not drawn for all runs");
    else
        wane_text_printf(out, "rotated null: %.1f [%.4g, %.4g]", m->null_mean, m->null_low,
                         m->null_high);
}

static const char *subtitle(const wane_reporting *r, const method_layers *m)
{
    const layers *l = r->state;
    size_t places = m->layers * m->modules;
    wane_text text = {0};
    wane_text_printf(&text, "%.1f intruders in all (", sum(m->mean, places));
    write_null(&text, l, m);
    wane_text_printf(&text, "), mean over %zu run%s", m->runs, m->runs == 1 ? "" : "s");
    wane_text_printf(&text, "; k = %zu, epsilon = %g, side %s, against %s", l->counting.k,
                     l->counting.epsilon, l->counting.side, l->counting.against);
    if (l->stage) wane_text_printf(&text, "; after stage %zu", l->stage);
    return wane_report_keep(r, &text);
}

/* A heat map each; all have one colour scale. */
static wane_status draw(wane_text *out, const wane_reporting *r, wane_error *err)
{
    const layers *l = r->state;
    wane_heatmap *maps = wane_arena_alloc(r->arena, l->count, sizeof *maps);
    double most = 0;
    for (size_t i = 0; i < l->count; i++)
        for (size_t k = 0; k < l->item[i].layers * l->item[i].modules; k++)
            most = fmax(most, l->item[i].mean[k]);
    for (size_t i = 0; maps && i < l->count; i++) {
        const method_layers *m = &l->item[i];
        maps[i] = (wane_heatmap){.title = m->method,
                                 .subtitle = subtitle(r, m),
                                 .x_label = "module",
                                 .y_label = "layer",
                                 .row_names = m->layer,
                                 .col_names = m->module,
                                 .rows = m->layers,
                                 .cols = m->modules,
                                 .values = m->mean,
                                 .low = 0,
                                 .high = most > 0 ? most : 1};
        if (!maps[i].subtitle) maps = NULL;
    }
    if (!maps) return wane_fail_memory(err, "curves", "heat maps");
    return wane_heatmaps_svg(out, maps, l->count, l->count > 4 ? 2 : 1, err);
}

static wane_status rows(wane_query **out, const wane_reporting *r, wane_error *err)
{
    const layers *l = r->state;
    static const char *const columns[] = {"experiment", "method", "layer",
                                          "module",     "runs",   "mean"};
    wane_sheet sheet = {0};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        wane_sheet_column(&sheet, columns[i]);
    for (size_t i = 0; i < l->count; i++) {
        const method_layers *m = &l->item[i];
        for (size_t k = 0; k < m->layers * m->modules; k++) {
            if (isnan(m->mean[k])) continue;
            wane_sheet_text(&sheet, m->experiment);
            wane_sheet_text(&sheet, m->method);
            wane_sheet_text(&sheet, m->layer[k / m->modules]);
            wane_sheet_text(&sheet, m->module[k % m->modules]);
            wane_sheet_whole(&sheet, (int64_t)m->runs);
            wane_sheet_number(&sheet, m->mean[k]);
        }
    }
    wane_status st = wane_sheet_open(out, &sheet, r->db, err);
    wane_sheet_free(&sheet);
    return st;
}

static void add_count(wane_sheet *sheet, double value)
{
    char text[48];
    (void)snprintf(text, sizeof text, "%.2f", value);
    wane_sheet_text(sheet, isnan(value) ? NULL : text);
}

static size_t module_of(const method_layers *m, const char *module)
{
    size_t own = 0;
    while (own < m->modules && strcmp(m->module[own], module) != 0) own++;
    return own;
}

/* All layers together: what the null is of. */
static void add_total(wane_sheet *sheet, const method_layers *m, const char *const *module,
                      size_t modules)
{
    char text[96];
    wane_sheet_text(sheet, m->method);
    wane_sheet_whole(sheet, (int64_t)m->runs);
    wane_sheet_text(sheet, "all");
    for (size_t j = 0; j < modules; j++) {
        size_t own = module_of(m, module[j]);
        double total = own < m->modules ? 0 : (double)NAN;
        for (size_t k = 0; own < m->modules && k < m->layers; k++)
            total += sum(m->mean + k * m->modules + own, 1);
        add_count(sheet, total);
    }
    add_count(sheet, sum(m->mean, m->layers * m->modules));
    (void)snprintf(text, sizeof text, "%.1f [%.4g, %.4g]", m->null_mean, m->null_low, m->null_high);
    wane_sheet_text(sheet, isnan(m->null_mean) ? NULL : text);
}

/* All modules, in the order of the first method's. */
static wane_status means(wane_query **out, const wane_reporting *r, wane_error *err)
{
    const layers *l = r->state;
    wane_sheet sheet = {0};
    size_t most = 0, modules = 0;
    for (size_t i = 0; i < l->count; i++) most += l->item[i].modules;
    const char **module = wane_alloc(most, sizeof *module);
    if (!module) return wane_fail_memory(err, "curves", "modules");
    for (size_t i = 0; i < l->count; i++)
        for (size_t k = 0; k < l->item[i].modules; k++)
            (void)wane_report_number(module, &modules, l->item[i].module[k]);
    wane_sheet_column(&sheet, "method");
    wane_sheet_column(&sheet, "runs");
    wane_sheet_column(&sheet, "layer");
    for (size_t j = 0; j < modules; j++) wane_sheet_column(&sheet, module[j]);
    wane_sheet_column(&sheet, "all");
    wane_sheet_column(&sheet, "null");
    for (size_t i = 0; i < l->count; i++) {
        const method_layers *m = &l->item[i];
        for (size_t k = 0; k < m->layers; k++) {
            wane_sheet_text(&sheet, m->method);
            wane_sheet_whole(&sheet, (int64_t)m->runs);
            wane_sheet_text(&sheet, m->layer[k]);
            for (size_t j = 0; j < modules; j++) {
                size_t own = module_of(m, module[j]);
                add_count(&sheet, own < m->modules ? m->mean[k * m->modules + own] : (double)NAN);
            }
            add_count(&sheet, sum(m->mean + k * m->modules, m->modules));
            wane_sheet_text(&sheet, NULL);
        }
        add_total(&sheet, m, module, modules);
    }
    wane_status st = wane_sheet_open(out, &sheet, r->db, err);
    wane_sheet_free(&sheet);
    wane_free(module);
    return st;
}

static void caption(wane_text *out, const wane_reporting *r)
{
    const layers *l = r->state;
    const wane_counting *c = &l->counting;
    wane_text_string(out, "intruders of every matrix after ");
    wane_report_say_stage(out, l->stage);
    wane_text_printf(out,
                     ", mean over runs (orders and seeds); k = %zu, epsilon = %g, side %s, "
                     "against %s; ",
                     c->k, c->epsilon, c->side, c->against);
    if (l->no_null) wane_text_printf(out, "no null: %s", l->no_null);
    else wane_text_string(out, "null: rotated, of all matrices together, mean [95%]");
}

const wane_report wane_report_intruders_by_matrix = {
    .name = "intruders_by_matrix",
    .brief = "heat maps of intruders by method, layers by modules",
    .example = "-m intruders_by_matrix -o layers.svg",
    .takes =
        WANE_TAKES_K | WANE_TAKES_EPSILON | WANE_TAKES_SIDE | WANE_TAKES_AGAINST | WANE_TAKES_STAGE,
    .open = open,
    .rows = rows,
    .means = means,
    .draw = draw,
    .caption = caption};
