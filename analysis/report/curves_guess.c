/* SPDX-License-Identifier: Apache-2.0
 * Beside accuracies over stages: what guessing the most frequent label gives.
 */
#include <math.h>
#include <string.h>

#include "analysis/report/curves.h"
#include "analysis/report/named_metric.h"
#include "analysis/report/statement.h"

static const char sql[] = {
#include "curves_guess.inc"
};

/* Of one task the same after every stage; of a mean over tasks that of the same tasks. */
static bool write_measure(wane_text *measure, const wane_curves_request *r)
{
    static const struct {
        const char *metric, *column;
    } of_stage[] = {{"acc", "mean_majority"},
                    {"learning_acc", "mean_majority"},
                    {"learned_accuracy", "majority"}};
    if (strcmp(r->metric, "accuracy") == 0 && r->task) {
        wane_text_string(measure, "SELECT experiment, run, position, majority AS value FROM "
                                  "accuracy_matrix WHERE task = ");
        wane_sql_text(measure, r->task);
        return true;
    }
    for (size_t i = 0; i < sizeof of_stage / sizeof *of_stage; i++)
        if (strcmp(r->metric, of_stage[i].metric) == 0) {
            wane_text_printf(measure,
                             "SELECT experiment, run, position, %s AS value FROM stage_summary",
                             of_stage[i].column);
            return true;
        }
    return false;
}

static wane_status take(wane_curves *c, const wane_query *q, bool several, wane_error *err)
{
    enum { OF_EXPERIMENT, OF_GROUP, OF_STAGE, VALUE };
    const size_t groups = c->groups;
    size_t group = 0, stage = (size_t)wane_query_int(q, OF_STAGE);
    wane_status st =
        wane_curves_group(c, &group, several ? wane_query_text(q, OF_EXPERIMENT) : NULL,
                          wane_query_text(q, OF_GROUP), err);
    if (st == WANE_OK && group < groups && stage < c->stages)
        c->guess[group * c->stages + stage] = wane_query_double(q, VALUE);
    c->groups = groups; /* one without an accuracy has no line */
    return st;
}

wane_status wane_curves_guess(wane_curves *c, wane_results *db, bool several, wane_error *err)
{
    const wane_curves_request *r = &c->request;
    wane_text measure = {0};
    wane_query *query = NULL;
    wane_status st = WANE_OK;
    if (!write_measure(&measure, r)) goto done;
    WANE_TRY(wane_text_check(&measure, "curves", "query", err));
    c->guess = wane_alloc(c->groups * c->stages, sizeof *c->guess);
    if (!c->guess) WANE_TRY(wane_fail_memory(err, "curves", "majority"));
    for (size_t i = 0; i < c->groups * c->stages; i++) c->guess[i] = NAN;
    const wane_sql_part parts[] = {
        {"by", r->by}, {"measure", measure.data}, {"several", several ? "1," : ""}, {NULL, NULL}};
    WANE_TRY(wane_statement_open(&query, db, sql, r->experiment, parts, NULL, err));
    while ((st = wane_query_next(query, err)) == WANE_OK) WANE_TRY(take(c, query, several, err));
    if (st == WANE_DONE) st = WANE_OK;
done:
    wane_query_free(query);
    wane_text_free(&measure);
    return st;
}

static bool same(const wane_curves *c, size_t a, size_t b)
{
    for (size_t i = 0; i < c->stages; i++) {
        double x = c->guess[a * c->stages + i], y = c->guess[b * c->stages + i];
        if (isnan(x) != isnan(y) || fabs(x - y) > 1e-9) return false;
    }
    return true;
}

size_t wane_curves_guesses(size_t *group, const wane_curves *c)
{
    size_t count = 0;
    for (size_t g = 0; c->guess && g < c->groups; g++) {
        bool known = false;
        for (size_t i = 0; i < count; i++) known = known || same(c, group[i], g);
        for (size_t i = 0; !known && i < c->stages; i++)
            if (!isnan(c->guess[g * c->stages + i])) {
                group[count++] = g;
                break;
            }
    }
    return count;
}

void wane_curves_guess_label(wane_text *out, const wane_curves *c, size_t group, bool several)
{
    size_t others = 0;
    double number = 0;
    wane_text_string(out, "majority label");
    if (!several) return;
    for (size_t g = 0; g < c->groups; g++) others += g != group && same(c, g, group);
    bool bare = wane_parse_double(&number, c->group[group]); /* says nothing by itself */
    wane_text_printf(out, ", %s%s%s", bare ? c->request.by : "", bare ? " " : "", c->group[group]);
    if (others) wane_text_printf(out, " and %zu other%s", others, others == 1 ? "" : "s");
}
