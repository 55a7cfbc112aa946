/* SPDX-License-Identifier: Apache-2.0
 * Accuracy matrices of methods: reads the scores of all runs in one pass and averages each cell
 * over seeds, into heat maps of the orders side by side or into tables.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/charts/chart.h"
#include "analysis/report/report.h"
#include "analysis/report/sheet.h"
#include "analysis/report/statement.h"
#include "analysis/statistics/summary.h"

static const char sql[] = {
#include "matrices.inc"
};
enum { EXPERIMENT, METHOD, ORDER, POSITION, TRAINED, TASK, ACCURACY, MAJORITY };

/* One method in one order: stages x tasks, NaN where no run has a score. */
typedef struct method_matrix {
    const char *experiment, *method, *order;
    size_t runs, stages, tasks;
    const char **trained; /* per stage: the task trained, "(base)" at 0 */
    const char **task;    /* in the order of training, watched ones last */
    double *mean, *sd;
    size_t *n;        /* scores each is over */
    double *majority; /* per task: share of its most frequent label; NaN unknown */
} method_matrix;

typedef struct matrices {
    method_matrix *item;
    size_t count;
} matrices;

typedef struct score {
    const char *experiment, *method, *order, *trained, *task;
    int64_t position;
    double accuracy, majority;
} score;

typedef struct scores {
    score *item;
    size_t count, room;
} scores;

/* The text of the row before where it is the same, else a copy. */
static const char *keep(wane_arena *arena, const char *before, const char *text)
{
    if (!text) return NULL;
    return before && strcmp(before, text) == 0 ? before : wane_arena_strdup(arena, text);
}

static wane_status take_score(scores *s, wane_arena *arena, const wane_query *q, wane_error *err)
{
    static const score none = {0};
    if (!WANE_GROW(s->item, s->room, s->count + 1))
        return wane_fail_memory(err, "curves", "scores");
    const score *before = s->count ? &s->item[s->count - 1] : &none;
    score now = {.experiment = keep(arena, before->experiment, wane_query_text(q, EXPERIMENT)),
                 .method = keep(arena, before->method, wane_query_text(q, METHOD)),
                 .order = keep(arena, before->order, wane_query_text(q, ORDER)),
                 .trained = keep(arena, before->trained, wane_query_text(q, TRAINED)),
                 .task = keep(arena, before->task, wane_query_text(q, TASK)),
                 .position = wane_query_int(q, POSITION),
                 .accuracy = wane_query_double(q, ACCURACY),
                 .majority = wane_query_double(q, MAJORITY)};
    if (!now.experiment || !now.method || !now.order || !now.trained || !now.task)
        return wane_fail_memory(err, "curves", "scores");
    s->item[s->count++] = now;
    return WANE_OK;
}

static bool same_matrix(const score *a, const score *b)
{
    return strcmp(a->experiment, b->experiment) == 0 && strcmp(a->method, b->method) == 0 &&
           strcmp(a->order, b->order) == 0;
}

static bool same_cell(const score *a, const score *b)
{
    return a->position == b->position && strcmp(a->task, b->task) == 0;
}

/* Makes the matrix of `count` scores. A task trained in a later experiment file may lack rows. */
static wane_status make_matrix(method_matrix *m, wane_arena *arena, const score *s, size_t count,
                               wane_error *err)
{
    *m = (method_matrix){.experiment = s->experiment, .method = s->method, .order = s->order};
    m->stages = (size_t)s[count - 1].position + 1;
    m->trained = wane_arena_alloc(arena, m->stages, sizeof *m->trained);
    m->task = wane_arena_alloc(arena, count, sizeof *m->task);
    double *values = wane_arena_alloc(arena, count, sizeof *values);
    if (!m->trained || !m->task || !values) return wane_fail_memory(err, "curves", "matrix");
    for (size_t i = 0; i < count; i++) {
        (void)wane_report_number(m->task, &m->tasks, s[i].task);
        m->trained[s[i].position] = s[i].trained;
    }
    m->mean = wane_arena_alloc(arena, m->stages * m->tasks, sizeof *m->mean);
    m->sd = wane_arena_alloc(arena, m->stages * m->tasks, sizeof *m->sd);
    m->n = wane_arena_alloc(arena, m->stages * m->tasks, sizeof *m->n);
    m->majority = wane_arena_alloc(arena, m->tasks, sizeof *m->majority);
    if (!m->mean || !m->sd || !m->n || !m->majority)
        return wane_fail_memory(err, "curves", "matrix");
    for (size_t i = 0; i < m->stages * m->tasks; i++) m->mean[i] = m->sd[i] = NAN;
    for (size_t j = 0; j < m->tasks; j++) m->majority[j] = NAN;
    for (size_t i = 0; i < count;) {
        size_t task = wane_report_number(m->task, &m->tasks, s[i].task);
        size_t place = (size_t)s[i].position * m->tasks + task;
        if (!isnan(s[i].majority)) m->majority[task] = s[i].majority;
        size_t first = i, n = 0;
        while (i < count && same_cell(&s[first], &s[i])) values[n++] = s[i++].accuracy;
        wane_summary summary = wane_summarise(values, n);
        m->mean[place] = summary.mean;
        m->sd[place] = summary.sd;
        m->n[place] = summary.n;
        if (summary.n > m->runs) m->runs = summary.n;
    }
    for (size_t i = 0; i < m->stages; i++)
        if (!m->trained[i]) m->trained[i] = "";
    return WANE_OK;
}

static wane_status read_scores(scores *s, const wane_reporting *r, wane_error *err)
{
    wane_query *query = NULL;
    wane_status st = wane_statement_open(&query, r->db, sql, r->asked.experiment, NULL, NULL, err);
    while (st == WANE_OK && (st = wane_query_next(query, err)) == WANE_OK)
        st = take_score(s, r->arena, query, err);
    wane_query_free(query);
    if (st == WANE_DONE && s->count == 0)
        return wane_fail(err, WANE_ENUMERIC,
                         "curves: accuracy_matrix: no finished run has a score");
    return st == WANE_DONE ? WANE_OK : st;
}

static wane_status open(wane_reporting *r, wane_error *err)
{
    wane_status st = WANE_OK;
    scores s = {0};
    matrices *m = wane_arena_alloc(r->arena, 1, sizeof *m);
    if (!m) return wane_fail_memory(err, "curves", "matrices");
    WANE_TRY(read_scores(&s, r, err));
    size_t most = 1;
    for (size_t i = 1; i < s.count; i++) most += !same_matrix(&s.item[i - 1], &s.item[i]);
    m->item = wane_arena_alloc(r->arena, most, sizeof *m->item);
    if (!m->item) WANE_TRY(wane_fail_memory(err, "curves", "matrices"));
    for (size_t i = 0, first = 0; i < s.count; first = i) {
        while (i < s.count && same_matrix(&s.item[first], &s.item[i])) i++;
        WANE_TRY(make_matrix(&m->item[m->count++], r->arena, &s.item[first], i - first, err));
    }
    r->state = m;
done:
    wane_free(s.item);
    return st;
}

/* ------------------------------------------------------------------------------------ showing */

/* What guessing the most frequent label gives, then the stages. */
static const double *values_of_map(const method_matrix *m, wane_arena *arena)
{
    double *values = wane_arena_alloc(arena, (m->stages + 1) * m->tasks, sizeof *values);
    if (!values) return NULL;
    memcpy(values, m->majority, m->tasks * sizeof *values);
    memcpy(values + m->tasks, m->mean, m->stages * m->tasks * sizeof *values);
    return values;
}

/* The orders of a method stand side by side. */
static size_t map_columns(const matrices *m)
{
    enum { MOST = 3 };
    size_t orders = 1;
    while (orders < m->count && strcmp(m->item[orders].method, m->item[0].method) == 0) orders++;
    return orders > MOST || orders == 1 ? 2 : orders;
}

static wane_status make_map(wane_heatmap *map, const wane_reporting *r, const method_matrix *m,
                            wane_error *err)
{
    wane_text title = {0}, subtitle = {0};
    const char **names = wane_arena_alloc(r->arena, m->stages + 1, sizeof *names);
    const double *values = values_of_map(m, r->arena);
    bool failed = !names || !values;
    if (names) names[0] = "(majority label)";
    for (size_t k = 0; !failed && k < m->stages; k++) {
        wane_text name = {0};
        wane_text_printf(&name, "%zu %s", k, m->trained[k]);
        names[k + 1] = wane_report_keep(r, &name);
        failed = !names[k + 1];
    }
    wane_text_printf(&title, "%s, order %s", m->method, m->order);
    wane_text_printf(&subtitle, "accuracy of every task after every stage, mean over %zu run%s; %s",
                     m->runs, m->runs == 1 ? "" : "s", m->experiment);
    *map = (wane_heatmap){.title = wane_report_keep(r, &title),
                          .subtitle = wane_report_keep(r, &subtitle),
                          .x_label = "task",
                          .y_label = "after stage",
                          .row_names = names,
                          .col_names = m->task,
                          .rows = m->stages + 1,
                          .cols = m->tasks,
                          .values = values,
                          .low = 0,
                          .high = 1};
    if (failed || !map->title || !map->subtitle)
        return wane_fail_memory(err, "curves", "heat maps");
    return WANE_OK;
}

static wane_status draw(wane_text *out, const wane_reporting *r, wane_error *err)
{
    const matrices *all = r->state;
    wane_status st = WANE_OK;
    wane_heatmap *maps = wane_arena_alloc(r->arena, all->count, sizeof *maps);
    if (!maps) return wane_fail_memory(err, "curves", "heat maps");
    for (size_t i = 0; i < all->count; i++) WANE_TRY(make_map(&maps[i], r, &all->item[i], err));
    st = wane_heatmaps_svg(out, maps, all->count, map_columns(all), err);
done:
    return st;
}

static void add_place(wane_sheet *sheet, const method_matrix *m, size_t stage, bool experiment)
{
    if (experiment) wane_sheet_text(sheet, m->experiment);
    wane_sheet_text(sheet, m->method);
    wane_sheet_text(sheet, m->order);
    wane_sheet_whole(sheet, (int64_t)stage);
    wane_sheet_text(sheet, m->trained[stage]);
}

static wane_status rows(wane_query **out, const wane_reporting *r, wane_error *err)
{
    const matrices *all = r->state;
    static const char *const columns[] = {"experiment", "method",  "order_name", "stage",
                                          "trained",    "task",    "runs",       "mean",
                                          "sd",         "majority"};
    wane_sheet sheet = {0};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        wane_sheet_column(&sheet, columns[i]);
    for (size_t i = 0; i < all->count; i++) {
        const method_matrix *m = &all->item[i];
        for (size_t cell = 0; cell < m->stages * m->tasks; cell++) {
            add_place(&sheet, m, cell / m->tasks, true);
            wane_sheet_text(&sheet, m->task[cell % m->tasks]);
            wane_sheet_whole(&sheet, (int64_t)m->n[cell]);
            wane_sheet_number(&sheet, m->mean[cell]);
            wane_sheet_number(&sheet, m->sd[cell]);
            wane_sheet_number(&sheet, m->majority[cell % m->tasks]);
        }
    }
    wane_status st = wane_sheet_open(out, &sheet, r->db, err);
    wane_sheet_free(&sheet);
    return st;
}

static void add_mean(wane_sheet *sheet, const method_matrix *m, size_t stage, const char *task)
{
    size_t j = 0;
    while (j < m->tasks && strcmp(m->task[j], task) != 0) j++;
    if (j == m->tasks || isnan(m->mean[stage * m->tasks + j])) {
        wane_sheet_text(sheet, NULL);
        return;
    }
    char text[96];
    size_t n = m->n[stage * m->tasks + j];
    double mean = m->mean[stage * m->tasks + j], sd = m->sd[stage * m->tasks + j];
    if (isnan(sd) || stage == 0) /* stage 0 is one and the same for all runs */
        (void)snprintf(text, sizeof text, "%.3f", mean);
    else (void)snprintf(text, sizeof text, "%.3f +- %.3f", mean, sd);
    if (n < m->runs) {
        size_t used = strlen(text);
        (void)snprintf(text + used, sizeof text - used, " (%zu of %zu)", n, m->runs);
    }
    wane_sheet_text(sheet, text);
}

/* Above the accuracies of a matrix, what guessing the most frequent label gives. */
static void add_guesses(wane_sheet *sheet, const method_matrix *m, const char *const *task,
                        size_t tasks, bool experiment)
{
    char text[32];
    if (experiment) wane_sheet_text(sheet, m->experiment);
    wane_sheet_text(sheet, m->method);
    wane_sheet_text(sheet, m->order);
    wane_sheet_text(sheet, NULL);
    wane_sheet_text(sheet, "(majority)");
    for (size_t i = 0; i < tasks; i++) {
        size_t j = 0;
        while (j < m->tasks && strcmp(m->task[j], task[i]) != 0) j++;
        bool known = j < m->tasks && !isnan(m->majority[j]);
        if (known) (void)snprintf(text, sizeof text, "%.3f", m->majority[j]);
        wane_sheet_text(sheet, known ? text : NULL);
    }
}

/* Columns: the tasks in the order of the first matrix that has them; the experiment where there are
 * several. */
static wane_status means(wane_query **out, const wane_reporting *r, wane_error *err)
{
    const matrices *all = r->state;
    static const char *const columns[] = {"experiment", "method", "order", "stage", "trained on"};
    wane_status st = WANE_OK;
    wane_sheet sheet = {0};
    size_t tasks = 0, most = 0;
    bool several = false;
    for (size_t i = 0; i < all->count; i++) {
        most += all->item[i].tasks;
        several = several || strcmp(all->item[i].experiment, all->item->experiment) != 0;
    }
    const char **task = wane_alloc(most, sizeof *task);
    if (!task) return wane_fail_memory(err, "curves", "table");
    for (size_t i = 0; i < all->count; i++)
        for (size_t j = 0; j < all->item[i].tasks; j++)
            (void)wane_report_number(task, &tasks, all->item[i].task[j]);
    for (size_t i = several ? 0 : 1; i < sizeof columns / sizeof *columns; i++)
        wane_sheet_column(&sheet, columns[i]);
    for (size_t j = 0; j < tasks; j++) wane_sheet_column(&sheet, task[j]);
    for (size_t i = 0; i < all->count; i++) {
        const method_matrix *m = &all->item[i];
        add_guesses(&sheet, m, task, tasks, several);
        for (size_t k = 0; k < m->stages; k++) {
            add_place(&sheet, m, k, several);
            for (size_t j = 0; j < tasks; j++) add_mean(&sheet, m, k, task[j]);
        }
    }
    st = wane_sheet_open(out, &sheet, r->db, err);
    wane_sheet_free(&sheet);
    wane_free(task);
    return st;
}

static void caption(wane_text *out, const wane_reporting *r)
{
    (void)r;
    wane_text_string(out, "accuracy of every task after each stage, mean +- sd over seeds");
}

const wane_report wane_report_accuracy_matrix = {.name = "accuracy_matrix",
                                                 .brief = "heat maps of all tasks after each stage",
                                                 .example = "-m accuracy_matrix -o matrix.svg",
                                                 .open = open,
                                                 .rows = rows,
                                                 .means = means,
                                                 .draw = draw,
                                                 .caption = caption};
