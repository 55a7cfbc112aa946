/* SPDX-License-Identifier: Apache-2.0
 * One statement counts the intruders of each matrix; its rows become a grid of layers by modules
 * for each method, drawn as heat maps or laid out as tables.
 */
#include "analysis/report/layers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/charts/chart.h"
#include "analysis/report/named_metric.h"
#include "analysis/report/sheet.h"

/* One row per method and matrix, matrices in the order of the model. The directions are counted
 * first, those of changed matrices that exist; an unchanged matrix has none. */
#define SELECTED                                                                                   \
    "FROM run r CROSS JOIN run_list l ON l.key = r.key CROSS JOIN run_stage p ON p.run = r.id "    \
    "AND p.position = CASE WHEN :stage > 0 THEN :stage ELSE r.stages END "
static const char sql[] =
    "SELECT experiment, method, layer, module, count(*), avg(counted) FROM ("
    "SELECT l.experiment, l.method, m.layer, m.module, m.position AS place, r.id, "
    "coalesce(c.counted, 0) AS counted " SELECTED
    "CROSS JOIN spectrum s ON s.stage = p.stage AND s.step = -1 AND s.against = :against "
    "AND CASE :side WHEN 'u' THEN s.intruders_u ELSE s.intruders_v END IS NOT NULL "
    "CROSS JOIN matrix m ON m.id = s.matrix LEFT JOIN (SELECT r.id, d.matrix, "
    "count(*) FILTER (WHERE " WANE_SQL_COSINE " < :epsilon) AS counted " SELECTED
    "CROSS JOIN spectrum_total x ON x.stage = p.stage AND x.step = -1 AND x.against = :against "
    "CROSS JOIN direction d ON d.stage = p.stage AND d.step = -1 AND d.against = :against "
    "AND d.side = :side AND d.position <= :k AND " WANE_SQL_CHANGED "WHERE " WANE_USABLE_RUNS
    "GROUP BY r.id, d.matrix) c ON c.id = r.id AND c.matrix = m.id WHERE " WANE_USABLE_RUNS
    ") GROUP BY experiment, method, place ORDER BY min(min(id)) OVER (PARTITION BY experiment, "
    "method), place";
enum { EXPERIMENT, METHOD, LAYER, MODULE, RUNS, MEAN };

typedef struct cell {
    const char *experiment, *method, *layer, *module;
    size_t runs;
    double mean;
} cell;

typedef struct cells {
    cell *item;
    size_t count, room;
} cells;

void wane_layers_free(wane_layers *layers)
{
    if (!layers) return;
    wane_arena_free(layers->arena);
    wane_free(layers);
}

static wane_status take_cell(cells *all, wane_arena *arena, const wane_query *q, wane_error *err)
{
    char layer[32] = "none";
    if (all->count == all->room) {
        size_t room = 2 * all->room + 64;
        cell *more = wane_realloc(all->item, room, sizeof *more);
        if (!more) return wane_fail_memory(err, "curves", "matrices");
        all->item = more;
        all->room = room;
    }
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

static size_t number_of(const char **list, size_t *count, const char *name)
{
    for (size_t i = 0; i < *count; i++)
        if (strcmp(list[i], name) == 0) return i;
    list[*count] = name;
    return (*count)++;
}

/* Two matrices of one layer and module (experts) add up. */
static wane_status make_layers(wane_method_layers *m, wane_arena *arena, const cell *c,
                               size_t count, wane_error *err)
{
    *m = (wane_method_layers){.experiment = c->experiment, .method = c->method};
    m->layer = wane_arena_alloc(arena, count, sizeof *m->layer);
    m->module = wane_arena_alloc(arena, count, sizeof *m->module);
    if (!m->layer || !m->module) return wane_fail_memory(err, "curves", "layers");
    for (size_t i = 0; i < count; i++) {
        (void)number_of(m->layer, &m->layers, c[i].layer);
        (void)number_of(m->module, &m->modules, c[i].module);
        if (c[i].runs > m->runs) m->runs = c[i].runs;
    }
    size_t places = m->layers * m->modules;
    m->mean = wane_arena_alloc(arena, places, sizeof *m->mean);
    if (!m->mean) return wane_fail_memory(err, "curves", "layers");
    for (size_t i = 0; i < places; i++) m->mean[i] = NAN;
    for (size_t i = 0; i < count; i++) {
        size_t row = number_of(m->layer, &m->layers, c[i].layer);
        size_t place = row * m->modules + number_of(m->module, &m->modules, c[i].module);
        m->mean[place] = isnan(m->mean[place]) ? c[i].mean : m->mean[place] + c[i].mean;
    }
    return WANE_OK;
}

static wane_status read_cells(cells *all, wane_layers *layers, wane_results *db,
                              const char *experiment, wane_error *err)
{
    const wane_counting *c = &layers->counting;
    const wane_binding bindings[] = {
        {"experiment",
         {.type = experiment ? WANE_VALUE_TEXT : WANE_VALUE_NULL, .text = experiment}},
        {"k", {.type = WANE_VALUE_INTEGER, .integer = (int64_t)c->k}},
        {"epsilon", {.type = WANE_VALUE_REAL, .real = c->epsilon}},
        {"side", {.type = WANE_VALUE_TEXT, .text = c->side}},
        {"against", {.type = WANE_VALUE_TEXT, .text = c->against}},
        {"stage", {.type = WANE_VALUE_INTEGER, .integer = (int64_t)layers->stage}}};
    wane_query *q = NULL;
    wane_status st =
        wane_query_open(&q, db, sql, bindings, sizeof bindings / sizeof *bindings, err);
    while (st == WANE_OK && (st = wane_query_next(q, err)) == WANE_OK)
        st = take_cell(all, layers->arena, q, err);
    wane_query_free(q);
    if (st == WANE_DONE && all->count == 0)
        return wane_fail(err, WANE_ENUMERIC,
                         "curves: intruders_by_matrix: no finished run has stage %zu",
                         layers->stage);
    return st == WANE_DONE ? WANE_OK : st;
}

/* The mean over the runs of a method, where all of them have a null. */
static wane_status read_nulls(wane_layers *layers, wane_results *db, const char *experiment,
                              wane_error *err)
{
    enum { OF_EXPERIMENT, OF_METHOD, OF_MEAN = 5, OF_LOW, OF_HIGH };
    wane_query *q = NULL;
    wane_status st = WANE_OK;
    layers->no_null = wane_counting_no_null(&layers->counting);
    size_t *runs = wane_alloc(layers->count, sizeof *runs), found = 0;
    if (!runs) return wane_fail_memory(err, "curves", "layers");
    if (!layers->no_null) {
        WANE_TRY(wane_counting_null(&q, db, &layers->counting, experiment, "method",
                                    (int)layers->stage, false, err));
        while ((st = wane_query_next(q, err)) == WANE_OK)
            for (size_t i = 0; i < layers->count; i++) {
                wane_method_layers *m = &layers->item[i];
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
    for (size_t i = 0; i < layers->count; i++) {
        wane_method_layers *m = &layers->item[i];
        double n = runs[i] && runs[i] == m->runs ? (double)runs[i] : (double)NAN;
        m->null_mean /= n;
        m->null_low /= n;
        m->null_high /= n;
        found += !isnan(n);
    }
    if (!layers->no_null && !found) layers->no_null = "none was drawn for these stages";
done:
    wane_query_free(q);
    wane_free(runs);
    return st;
}

wane_status wane_layers_read(wane_layers **out, wane_results *db, const wane_counting *counting,
                             size_t stage, const char *experiment, wane_error *err)
{
    cells all = {0};
    size_t most = 1;
    wane_status st = wane_counting_check(db, counting, experiment, err);
    if (st != WANE_OK) return st;
    wane_layers *layers = wane_alloc(1, sizeof *layers);
    if (!layers || !(layers->arena = wane_arena_new())) {
        st = wane_fail_memory(err, "curves", "layers");
        goto done;
    }
    layers->counting = *counting;
    layers->stage = stage;
    WANE_TRY(read_cells(&all, layers, db, experiment, err));
    for (size_t i = 1; i < all.count; i++) most += !same_method(&all.item[i - 1], &all.item[i]);
    layers->item = wane_arena_alloc(layers->arena, most, sizeof *layers->item);
    if (!layers->item) {
        st = wane_fail_memory(err, "curves", "layers");
        goto done;
    }
    for (size_t i = 0, first = 0; i < all.count; first = i) {
        while (i < all.count && same_method(&all.item[first], &all.item[i])) i++;
        WANE_TRY(make_layers(&layers->item[layers->count++], layers->arena, &all.item[first],
                             i - first, err));
    }
    WANE_TRY(read_nulls(layers, db, experiment, err));
    *out = layers;
    layers = NULL;
done:
    wane_free(all.item);
    wane_layers_free(layers);
    return st;
}

static double sum(const double *values, size_t count)
{
    double total = 0;
    for (size_t i = 0; i < count; i++) total += isnan(values[i]) ? 0 : values[i];
    return total;
}

static void write_null(wane_text *out, const wane_layers *layers, const wane_method_layers *m)
{
    if (layers->no_null) wane_text_printf(out, "no null: %s", layers->no_null);
    else if (isnan(m->null_mean)) wane_text_string(out, "no null: not drawn for all runs");
    else
        wane_text_printf(out, "rotated null: %.1f [%.4g, %.4g]", m->null_mean, m->null_low,
                         m->null_high);
}

static const char *subtitle(wane_arena *arena, const wane_layers *layers,
                            const wane_method_layers *m)
{
    size_t places = m->layers * m->modules;
    wane_text text = {0};
    wane_text_printf(&text, "%.1f intruders in all (", sum(m->mean, places));
    write_null(&text, layers, m);
    wane_text_printf(&text, "), mean over %zu run%s", m->runs, m->runs == 1 ? "" : "s");
    wane_text_printf(&text, "; k = %zu, epsilon = %g, side %s, against %s", layers->counting.k,
                     layers->counting.epsilon, layers->counting.side, layers->counting.against);
    if (layers->stage) wane_text_printf(&text, "; after stage %zu", layers->stage);
    char *copy = text.failed ? NULL : wane_arena_strdup(arena, text.data);
    wane_text_free(&text);
    return copy;
}

wane_status wane_layers_draw(wane_text *out, const wane_layers *layers, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_arena *arena = wane_arena_new();
    wane_heatmap *maps = arena ? wane_arena_alloc(arena, layers->count, sizeof *maps) : NULL;
    double most = 0;
    for (size_t i = 0; i < layers->count; i++)
        for (size_t k = 0; k < layers->item[i].layers * layers->item[i].modules; k++)
            most = fmax(most, layers->item[i].mean[k]);
    for (size_t i = 0; maps && i < layers->count; i++) {
        const wane_method_layers *m = &layers->item[i];
        maps[i] = (wane_heatmap){.title = m->method,
                                 .subtitle = subtitle(arena, layers, m),
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
    if (!maps) st = wane_fail_memory(err, "curves", "heat maps");
    else st = wane_heatmaps_svg(out, maps, layers->count, layers->count > 4 ? 2 : 1, err);
    wane_arena_free(arena);
    return st;
}

wane_status wane_layers_rows(wane_query **out, const wane_layers *layers, wane_results *db,
                             wane_error *err)
{
    static const char *const columns[] = {"experiment", "method", "layer",
                                          "module",     "runs",   "mean"};
    wane_sheet sheet = {0};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        wane_sheet_column(&sheet, columns[i]);
    for (size_t i = 0; i < layers->count; i++) {
        const wane_method_layers *m = &layers->item[i];
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
    wane_status st = wane_sheet_open(out, &sheet, db, err);
    wane_sheet_free(&sheet);
    return st;
}

static void add_count(wane_sheet *sheet, double value)
{
    char text[48];
    (void)snprintf(text, sizeof text, "%.2f", value);
    wane_sheet_text(sheet, isnan(value) ? NULL : text);
}

static size_t module_of(const wane_method_layers *m, const char *module)
{
    size_t own = 0;
    while (own < m->modules && strcmp(m->module[own], module) != 0) own++;
    return own;
}

/* All layers together: what the null is of. */
static void add_total(wane_sheet *sheet, const wane_method_layers *m, const char *const *module,
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
wane_status wane_layers_means(wane_query **out, const wane_layers *layers, wane_results *db,
                              wane_error *err)
{
    wane_sheet sheet = {0};
    size_t most = 0, modules = 0;
    for (size_t i = 0; i < layers->count; i++) most += layers->item[i].modules;
    const char **module = wane_alloc(most, sizeof *module);
    if (!module) return wane_fail_memory(err, "curves", "modules");
    for (size_t i = 0; i < layers->count; i++)
        for (size_t k = 0; k < layers->item[i].modules; k++)
            (void)number_of(module, &modules, layers->item[i].module[k]);
    wane_sheet_column(&sheet, "method");
    wane_sheet_column(&sheet, "runs");
    wane_sheet_column(&sheet, "layer");
    for (size_t j = 0; j < modules; j++) wane_sheet_column(&sheet, module[j]);
    wane_sheet_column(&sheet, "all");
    wane_sheet_column(&sheet, "null");
    for (size_t i = 0; i < layers->count; i++) {
        const wane_method_layers *m = &layers->item[i];
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
    wane_status st = wane_sheet_open(out, &sheet, db, err);
    wane_sheet_free(&sheet);
    wane_free(module);
    return st;
}

void wane_layers_caption(wane_text *out, const wane_layers *layers)
{
    const wane_counting *c = &layers->counting;
    wane_text_string(out, "intruders of every matrix after ");
    if (layers->stage) wane_text_printf(out, "stage %zu", layers->stage);
    else wane_text_string(out, "the last stage");
    wane_text_printf(out,
                     ", mean over runs (orders and seeds); k = %zu, epsilon = %g, side %s, "
                     "against %s; ",
                     c->k, c->epsilon, c->side, c->against);
    if (layers->no_null) wane_text_printf(out, "no null: %s\n", layers->no_null);
    else wane_text_string(out, "null: rotated, of all matrices together, mean [95%]\n");
}
