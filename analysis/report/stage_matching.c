/* SPDX-License-Identifier: Apache-2.0
 * Reads the stages of both sides, matches those of one place within the caliper, and compares what
 * is measured of the pairs by a bootstrap over configs.
 */
#include "analysis/report/stage_matching.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/report/named_metric.h"
#include "analysis/statistics/matching.h"
#include "store/results/query.h"

static const struct matched {
    const char *name, *column;
    double caliper;
} matched[] = {[WANE_MATCH_LEARNED] = {"learned", "learned_accuracy", .02},
               [WANE_MATCH_NORM] = {"norm", "delta_frobenius_all", .1}};
enum { MATCHED = sizeof matched / sizeof *matched };

/* Whatever a database lacks is left out of these. */
static const char *const usual[] = {"pretraining_forgetting",
                                    "kl_to_base",
                                    "intruders",
                                    "intruder_energy",
                                    "acc",
                                    "bwt",
                                    "forgetting",
                                    "held_out_change",
                                    "delta_frobenius",
                                    "effective_rank"};
enum { USUAL = sizeof usual / sizeof *usual };

wane_status wane_match_parse(wane_match_on *out, const char *name, wane_error *err)
{
    for (size_t i = 0; i < MATCHED; i++) {
        if (strcmp(name, matched[i].name) != 0) continue;
        *out = (wane_match_on)i;
        return WANE_OK;
    }
    return wane_fail(err, WANE_EINVAL, "compare: --match %s: neither learned nor norm", name);
}

const char *wane_match_column(wane_match_on on)
{
    return matched[on].column;
}

double wane_match_caliper(wane_match_on on)
{
    return matched[on].caliper;
}

static wane_status no_memory(wane_error *err)
{
    return wane_fail_memory(err, "compare", "stages");
}

/* -------------------------------------------------------------------------------------- reading */

static int by_place(const wane_match_stage *a, const wane_match_stage *b)
{
    int order = strcmp(a->experiment, b->experiment);
    if (order == 0) order = strcmp(a->order, b->order);
    if (order == 0) order = (a->seed > b->seed) - (a->seed < b->seed);
    return order ? order : (a->position > b->position) - (a->position < b->position);
}

static int by_place_and_config(const void *left, const void *right)
{
    const wane_match_stage *a = left, *b = right;
    int order = by_place(a, b);
    if (order == 0) order = strcmp(a->config, b->config);
    return order ? order : strcmp(a->run, b->run);
}

static bool usable(const wane_compare_runs *runs, const char *key)
{
    for (size_t i = 0; i < runs->count; i++)
        if (runs->item[i].usable && strcmp(runs->item[i].key, key) == 0) return true;
    return false;
}

enum { KEY, EXPERIMENT, RUN, METHOD, ORDER, TRAINED, SEED, POSITION };

static wane_status take_stage(wane_match_side *side, size_t *room, const wane_query *q,
                              size_t measures, wane_arena *arena, wane_error *err)
{
    if (!WANE_GROW(side->stage, *room, side->stages + 1)) return no_memory(err);
    const char *trained = wane_query_text(q, TRAINED);
    wane_match_stage s = {.experiment = wane_arena_strdup(arena, wane_query_text(q, EXPERIMENT)),
                          .run = wane_arena_strdup(arena, wane_query_text(q, RUN)),
                          .config = wane_arena_strdup(arena, wane_query_text(q, METHOD)),
                          .order = wane_arena_strdup(arena, wane_query_text(q, ORDER)),
                          .trained = wane_arena_strdup(arena, trained ? trained : "-"),
                          .seed = wane_query_int(q, SEED),
                          .position = wane_query_int(q, POSITION),
                          .on = (double)NAN,
                          .partner = WANE_UNMATCHED,
                          .value = wane_arena_alloc(arena, measures + 1, sizeof *s.value)};
    if (!s.experiment || !s.run || !s.config || !s.order || !s.trained || !s.value)
        return no_memory(err);
    for (size_t i = 0; i < measures; i++) s.value[i] = (double)NAN;
    side->stage[side->stages++] = s;
    return WANE_OK;
}

/* The trained stages of the usable runs of both sides. */
static wane_status read_stages(wane_matching *m, wane_compare_runs runs[2], wane_results *db,
                               size_t measures, wane_error *err)
{
    static const char sql[] =
        "SELECT l.key, l.experiment, l.run, l.method, l.order_name, t.name, l.seed, p.position "
        "FROM run_list l JOIN run r ON r.key = l.key JOIN run_stage p ON p.run = r.id AND "
        "p.position >= 1 LEFT JOIN task t ON t.id = p.task WHERE l.superseded = 0 AND "
        "l.bound IS NULL AND (?1 = 0 OR p.position = ?1)";
    const wane_binding stage = {
        NULL,
        {.type = WANE_VALUE_INTEGER, .integer = m->question->stage > 0 ? m->question->stage : 0}};
    wane_query *query = NULL;
    size_t room[2] = {0, 0};
    wane_status st = WANE_OK;
    WANE_TRY(wane_query_open(&query, db, sql, &stage, 1, err));
    while ((st = wane_query_next(query, err)) == WANE_OK)
        for (int s = 0; s < 2; s++)
            if (usable(&runs[s], wane_query_text(query, KEY)))
                WANE_TRY(take_stage(&m->side[s], &room[s], query, measures, m->arena, err));
    if (st == WANE_DONE) st = WANE_OK;
    for (int s = 0; s < 2; s++)
        if (m->side[s].stages)
            qsort(m->side[s].stage, m->side[s].stages, sizeof *m->side[s].stage,
                  by_place_and_config);
done:
    wane_query_free(query);
    return st;
}

/* Places of the stages by their run, so that values find them. */
typedef struct run_index {
    wane_match_stage **item;
    size_t count;
} run_index;

static int by_run(const void *left, const void *right)
{
    const wane_match_stage *a = *(wane_match_stage *const *)left,
                           *b = *(wane_match_stage *const *)right;
    int order = strcmp(a->experiment, b->experiment);
    if (order == 0) order = strcmp(a->run, b->run);
    return order ? order : (a->position > b->position) - (a->position < b->position);
}

static wane_status by_run_make(run_index *out, wane_matching *m, wane_error *err)
{
    size_t count = m->side[0].stages + m->side[1].stages;
    *out = (run_index){.item = wane_alloc(count + 1, sizeof(wane_match_stage *))};
    if (!out->item) return no_memory(err);
    for (int s = 0; s < 2; s++)
        for (size_t i = 0; i < m->side[s].stages; i++)
            out->item[out->count++] = &m->side[s].stage[i];
    if (out->count) qsort(out->item, out->count, sizeof(wane_match_stage *), by_run);
    return WANE_OK;
}

/* Values of a measure at every stage; number SIZE_MAX: what is matched. */
static wane_status read_values(const run_index *stages, size_t number, const char *name,
                               wane_results *db, wane_error *err)
{
    const wane_named_metric measure = {.metric = name};
    wane_text sql = {0};
    wane_query *query = NULL;
    wane_status st = WANE_OK;
    WANE_TRY(wane_named_metric_sql(&sql, db, &measure, err));
    WANE_TRY(wane_text_check(&sql, "compare", name, err));
    WANE_TRY(wane_query_open(&query, db, sql.data, NULL, 0, err));
    while ((st = wane_query_next(query, err)) == WANE_OK) {
        wane_match_stage key = {.experiment = wane_query_text(query, 0),
                                .run = wane_query_text(query, 1),
                                .position = wane_query_int(query, 2)};
        wane_match_stage *wanted = &key;
        wane_match_stage **found =
            bsearch(&wanted, stages->item, stages->count, sizeof *stages->item, by_run);
        if (!found) continue;
        double value = wane_query_double(query, 3);
        if (number == SIZE_MAX) (*found)->on = value;
        else (*found)->value[number] = value;
    }
    if (st == WANE_DONE) st = WANE_OK;
done:
    wane_query_free(query);
    wane_text_free(&sql);
    return st;
}

/* ------------------------------------------------------------------------------------- matching */

/* What distances are between. */
static double scaled(const wane_matching *m, double value)
{
    if (!isfinite(value)) return (double)NAN;
    if (m->on == WANE_MATCH_NORM) return value > 0 ? log(value) : (double)NAN;
    return value;
}

static void find_ranges(wane_matching *m)
{
    for (int s = 0; s < 2; s++) {
        wane_match_side *side = &m->side[s];
        side->low = side->high = (double)NAN;
        for (size_t i = 0; i < side->stages; i++) {
            double value = side->stage[i].on;
            side->missing += isnan(scaled(m, value));
            if (isnan(scaled(m, value))) continue;
            side->low = fmin(side->low, value);
            side->high = fmax(side->high, value);
        }
    }
    m->overlap = m->side[0].low <= m->side[1].high && m->side[1].low <= m->side[0].high;
    for (int s = 0; s < 2; s++)
        for (size_t i = 0; i < m->side[s].stages; i++) {
            double value = m->side[s].stage[i].on;
            m->side[s].inside += !isnan(scaled(m, value)) && value >= m->side[1 - s].low &&
                                 value <= m->side[1 - s].high;
        }
}

/* How many stages from `from` on share its place. */
static size_t stretch(const wane_match_side *side, size_t from)
{
    size_t to = from + 1;
    while (to < side->stages && by_place(&side->stage[from], &side->stage[to]) == 0) to++;
    return to - from;
}

/* The stages of one place: n of the first side from a on, k of the second from b on. */
static wane_status match_place(wane_matching *m, size_t a, size_t n, size_t b, size_t k,
                               wane_error *err)
{
    wane_status st = WANE_OK;
    double *value = wane_alloc(n + k, sizeof *value);
    size_t *partner = wane_alloc(n, sizeof *partner);
    if (!value || !partner) {
        st = no_memory(err);
        goto done;
    }
    for (size_t i = 0; i < n; i++) value[i] = scaled(m, m->side[0].stage[a + i].on);
    for (size_t i = 0; i < k; i++) value[n + i] = scaled(m, m->side[1].stage[b + i].on);
    WANE_TRY(wane_match(partner, value, n, value + n, k, matched[m->on].caliper, err));
    for (size_t i = 0; i < n; i++) {
        if (partner[i] == WANE_UNMATCHED) continue;
        m->side[0].stage[a + i].partner = b + partner[i];
        m->side[1].stage[b + partner[i]].partner = a + i;
        m->pair[m->pairs++] =
            (wane_match_pair){{a + i, b + partner[i]}, fabs(value[i] - value[n + partner[i]])};
    }
done:
    wane_free(value);
    wane_free(partner);
    return st;
}

static wane_status match_all(wane_matching *m, wane_error *err)
{
    const wane_match_side *one = &m->side[0], *two = &m->side[1];
    m->pair = wane_arena_alloc(m->arena, one->stages + 1, sizeof *m->pair);
    if (!m->pair) return no_memory(err);
    for (size_t a = 0, b = 0; a < one->stages && b < two->stages;) {
        int order = by_place(&one->stage[a], &two->stage[b]);
        size_t n = stretch(one, a), k = stretch(two, b);
        if (order == 0) {
            wane_status st = match_place(m, a, n, b, k, err);
            if (st != WANE_OK) return st;
        }
        a += order <= 0 ? n : 0;
        b += order >= 0 ? k : 0;
    }
    return WANE_OK;
}

/* ------------------------------------------------------------------------------------ comparing */

static const wane_match_stage *stage_of(const wane_matching *m, size_t pair, int side)
{
    return &m->side[side].stage[m->pair[pair].stage[side]];
}

/* The number of the pair's config on one side among those of the pairs before it that count. */
static size_t number_of(const wane_matching *m, int side, const size_t *pairs, size_t count,
                        size_t *number)
{
    size_t configs = 0;
    for (size_t i = 0; i < count; i++) {
        const wane_match_stage *s = stage_of(m, pairs[i], side);
        size_t k = 0;
        while (k < i && (strcmp(stage_of(m, pairs[k], side)->config, s->config) != 0 ||
                         strcmp(stage_of(m, pairs[k], side)->experiment, s->experiment) != 0))
            k++;
        number[i] = k < i ? number[k] : configs++;
    }
    return configs;
}

/* Sums over the pairs of each config of the side with fewer, and their bootstrap. */
static wane_status compare_measure(wane_match_measure *out, const wane_matching *m, size_t measure,
                                   wane_error *err)
{
    size_t count = 0, configs[2];
    wane_status st = WANE_OK;
    size_t *pairs = wane_alloc(m->pairs + 1, sizeof *pairs);
    size_t *number[2] = {wane_alloc(m->pairs + 1, sizeof **number),
                         wane_alloc(m->pairs + 1, sizeof **number)};
    double *sum = wane_alloc(m->pairs + 1, 3 * sizeof *sum);
    out->loss = (wane_paired_loss){.first = NAN,
                                   .second = NAN,
                                   .difference = NAN,
                                   .stderr_ = NAN,
                                   .low = NAN,
                                   .high = NAN,
                                   .p = NAN};
    out->reason = "no_pair";
    if (!pairs || !number[0] || !number[1] || !sum) {
        st = no_memory(err);
        goto done;
    }
    for (size_t i = 0; i < m->pairs; i++)
        if (isfinite(stage_of(m, i, 0)->value[measure]) &&
            isfinite(stage_of(m, i, 1)->value[measure]))
            pairs[count++] = i;
    out->pairs = count;
    if (count == 0) goto done;
    for (int s = 0; s < 2; s++) configs[s] = number_of(m, s, pairs, count, number[s]);
    int side = configs[1] < configs[0] ? 1 : 0;
    size_t units = out->configs = configs[side];
    double *first = sum, *second = sum + units, *weight = sum + 2 * units;
    memset(sum, 0, 3 * units * sizeof *sum);
    for (size_t i = 0; i < count; i++) {
        size_t unit = number[side][i];
        first[unit] += stage_of(m, pairs[i], 0)->value[measure];
        second[unit] += stage_of(m, pairs[i], 1)->value[measure];
        weight[unit]++;
    }
    WANE_TRY(wane_paired_bootstrap(&out->loss, first, second, weight, units, NULL, err));
    out->reason = out->loss.reason;
    if (out->reason && strcmp(out->reason, "few_units") == 0) out->reason = "few_configs";
done:
    wane_free(pairs);
    wane_free(number[0]);
    wane_free(number[1]);
    wane_free(sum);
    return st;
}

static void count_configs(wane_matching *m)
{
    for (int s = 0; s < 2; s++) {
        wane_match_side *side = &m->side[s];
        for (size_t i = 0; i < side->stages; i++) {
            const wane_match_stage *a = &side->stage[i];
            bool seen = a->partner == WANE_UNMATCHED;
            for (size_t k = 0; k < i && !seen; k++) {
                const wane_match_stage *b = &side->stage[k];
                seen = b->partner != WANE_UNMATCHED && strcmp(a->config, b->config) == 0 &&
                       strcmp(a->experiment, b->experiment) == 0;
            }
            side->configs += !seen;
        }
    }
}

/* The measures asked for, or the usual ones that some pair has; what is matched comes first. */
static wane_status compare_all(wane_matching *m, const run_index *stages, wane_results *db,
                               wane_error *err)
{
    const wane_compare_question *q = m->question;
    size_t count = q->metrics ? q->metrics : USUAL;
    m->measure = wane_arena_alloc(m->arena, count + 1, sizeof *m->measure);
    if (!m->measure) return no_memory(err);
    for (size_t i = 0; i <= count; i++) {
        const char *name = i == 0       ? matched[m->on].column
                           : q->metrics ? q->metric[i - 1]
                                        : usual[i - 1];
        wane_match_measure measure = {.name = name};
        wane_status st = read_values(stages, i, name, db, err);
        if (st == WANE_OK) st = compare_measure(&measure, m, i, err);
        if (st != WANE_OK) return st;
        if (q->metrics || measure.pairs > 0) m->measure[m->measures++] = measure;
    }
    return WANE_OK;
}

/* ------------------------------------------------------------------------------------------ all */

static wane_status check(const wane_matching *m, wane_error *err)
{
    const char *by = m->question->by;
    if (strcmp(by, "order_name") == 0 || strcmp(by, "seed") == 0)
        return wane_fail(err, WANE_EINVAL,
                         "compare: --match goes with --by method, kind, rank or learning_rate: "
                         "stages of the same order and seed are matched");
    return WANE_OK;
}

static wane_status check_sides(const wane_matching *m, wane_error *err)
{
    for (int s = 0; s < 2; s++) {
        const wane_match_side *side = &m->side[s];
        if (side->stages == 0)
            return wane_fail(err, WANE_EINVAL, "compare: %s: no trained stage of a finished run",
                             side->runs.name);
        if (side->missing == side->stages)
            return wane_fail(err, WANE_ENUMERIC, "compare: --match %s: %s: no stage has %s",
                             matched[m->on].name, side->runs.name, matched[m->on].column);
    }
    return WANE_OK;
}

wane_status wane_matching_run(wane_matching *out, wane_results *db,
                              const wane_compare_question *question, wane_match_on on,
                              wane_error *err)
{
    wane_matching m = {.question = question, .on = on};
    wane_compare_runs runs[2] = {{0}, {0}};
    run_index stages = {0};
    wane_status st = check(&m, err);
    if (st != WANE_OK) return st;
    m.arena = wane_arena_new();
    if (!m.arena) return no_memory(err);
    for (int s = 0; s < 2; s++)
        WANE_TRY(wane_comparing_side(&runs[s], &m.side[s].runs, db, question, question->side[s],
                                     m.arena, err));
    WANE_TRY(read_stages(&m, runs, db, (question->metrics ? question->metrics : USUAL) + 1, err));
    WANE_TRY(by_run_make(&stages, &m, err));
    WANE_TRY(read_values(&stages, SIZE_MAX, matched[on].column, db, err));
    find_ranges(&m);
    WANE_TRY(check_sides(&m, err));
    if (m.overlap) WANE_TRY(match_all(&m, err));
    count_configs(&m);
    if (m.overlap) WANE_TRY(compare_all(&m, &stages, db, err));
    *out = m;
    m = (wane_matching){0};
done:
    for (int s = 0; s < 2; s++) wane_free(runs[s].item);
    wane_free(stages.item);
    wane_matching_free(&m);
    return st;
}

void wane_matching_free(wane_matching *matching)
{
    for (int s = 0; s < 2; s++) wane_free(matching->side[s].stage);
    wane_arena_free(matching->arena);
    *matching = (wane_matching){0};
}
