/* SPDX-License-Identifier: Apache-2.0
 * Sanity gates around a training, and the rows of all gates.
 */
#include <math.h>
#include <string.h>

#include "eval/stages/gate.h"
#include "store/base/memory.h"
#include "store/results/query.h"

/* --------------------------------------------------------------------------------- the probe */

/* A fixed small batch: the first windows of the corpus marked pretraining (else the first corpus),
 * or, without corpora, the first test prompts; at most this many tokens. */
enum { PROBE_TOKENS = 2048 };

typedef struct probe_batch {
    wane_batch batch;
    size_t *position, last; /* last: token whose logits are compared */
    int32_t *target;
    size_t *starts;
} probe_batch;

static void probe_batch_free(probe_batch *b)
{
    wane_free(b->position);
    wane_free(b->target);
    wane_free(b->starts);
}

static wane_status fill_probe(probe_batch *b, const int32_t *ids, const size_t *starts,
                              size_t sequences, wane_error *err)
{
    size_t used = 1;
    while (used < sequences && starts[used + 1] <= PROBE_TOKENS) used++;
    size_t tokens = starts[used];
    b->position = wane_alloc(tokens, sizeof *b->position);
    b->target = wane_alloc(tokens, sizeof *b->target);
    b->starts = wane_alloc(used + 1, sizeof *b->starts);
    if (!b->position || !b->target || !b->starts) return wane_fail_memory(err, "gate", "probe");
    memcpy(b->starts, starts, (used + 1) * sizeof *starts);
    b->batch = (wane_batch){.tokens = tokens,
                            .sequences = used,
                            .ids = ids,
                            .starts = b->starts,
                            .position = b->position,
                            .target = b->target};
    for (size_t s = 0; s < used; s++)
        for (size_t i = starts[s]; i + 1 < starts[s + 1]; i++) {
            b->position[b->batch.targets] = i;
            b->target[b->batch.targets++] = ids[i + 1];
        }
    b->last = starts[1] - 1;
    return WANE_OK;
}

static wane_status make_probe(probe_batch *b, const wane_work *work, wane_error *err)
{
    const wane_experiment *x = work->experiment;
    size_t c = 0;
    while (c < x->corpus_count && strcmp(x->corpora[c].role, "pretraining") != 0) c++;
    if (c == x->corpus_count) c = 0;
    if (x->corpus_count) {
        const wane_windows *w = &work->inputs->corpora[c].windows;
        return fill_probe(b, w->ids, w->starts, w->windows, err);
    }
    const wane_prompts *p = &work->inputs->tasks[0].test;
    return fill_probe(b, p->ids, p->starts, p->rows, err);
}

wane_status wane_probe_take(wane_probe *out, wane_work *work, const wane_model *model,
                            const wane_adapter *adapter, wane_error *err)
{
    wane_status st = WANE_OK;
    probe_batch b = {0};
    wane_pass *pass = NULL;
    float *nll = NULL, *logits = NULL;
    WANE_TRY(make_probe(&b, work, err));
    wane_pass_limits limits = {
        .tokens = b.batch.tokens, .sequences = b.batch.sequences, .targets = b.batch.targets};
    wane_pass_limits_adapter(&limits, adapter);
    WANE_TRY(wane_pass_new(&pass, &model->config, &limits, work->pool, err));
    nll = wane_alloc(b.batch.targets, sizeof *nll);
    logits = wane_alloc(model->config.vocabulary, sizeof *logits);
    WANE_TRY(nll && logits ? WANE_OK : wane_fail_memory(err, "gate", "probe"));
    WANE_TRY(wane_pass_forward(pass, model, adapter, &b.batch, NULL, err));
    wane_pass_nll(pass, nll, NULL);
    wane_pass_logits(pass, &b.last, 1, logits);
    double sum = 0, largest = 0;
    for (size_t i = 0; i < b.batch.targets; i++) sum += nll[i];
    for (size_t i = 0; i < model->config.vocabulary; i++) largest += fabs((double)logits[i]);
    /* Prompts of one token have nothing to predict. */
    *out = (wane_probe){b.batch.targets ? sum / (double)b.batch.targets : 0, logits,
                        isfinite(sum + largest)};
    logits = NULL;
done:
    wane_pass_free(pass);
    probe_batch_free(&b);
    wane_free(nll);
    wane_free(logits);
    return st;
}

/* ---------------------------------------------------------------------------- what is stored */

/* The first column of the gate's row; *out is left alone where there is none. */
static wane_status read_gate(int64_t *out, const char *sql, wane_work *work,
                             const wane_plan_run *run, const char *name, const char *subject,
                             wane_error *err)
{
    wane_binding keys[3] = {{NULL, {.type = WANE_VALUE_INTEGER, .integer = run->id}},
                            {NULL, {.type = WANE_VALUE_TEXT, .text = name}},
                            {NULL, {.type = WANE_VALUE_TEXT, .text = subject}}};
    wane_query *query = NULL;
    wane_status st = wane_query_open(&query, work->db, sql, keys, 3, err);
    if (st == WANE_OK) st = wane_query_next(query, err);
    if (st == WANE_OK) *out = wane_query_int(query, 0);
    wane_query_free(query);
    return st == WANE_DONE ? WANE_OK : st;
}

wane_status wane_gate_there(bool *out, wane_work *work, const wane_plan_run *run, const char *name,
                            const char *subject, wane_error *err)
{
    int64_t count = 0;
    wane_status st =
        read_gate(&count, "SELECT 1 FROM gate WHERE run = ?1 AND name = ?2 AND subject = ?3", work,
                  run, name, subject, err);
    *out = count > 0;
    return st;
}

wane_status wane_gate_passed(bool *out, wane_work *work, const wane_plan_run *run, const char *name,
                             const char *subject, wane_error *err)
{
    int64_t passed = 1;
    wane_status st =
        read_gate(&passed, "SELECT passed FROM gate WHERE run = ?1 AND name = ?2 AND subject = ?3",
                  work, run, name, subject, err);
    *out = passed != 0;
    return st;
}

/* ------------------------------------------------------------------------- around a training */

wane_status wane_gate_put_for_stage(wane_work *work, const wane_plan_run *run, size_t position,
                                    wane_gate_row *gate, wane_error *err)
{
    size_t stage = run->stages[position];
    wane_status st = WANE_OK;
    for (size_t r = 0; r < work->plan->run_count; r++) {
        const wane_plan_run *other = &work->plan->runs[r];
        for (size_t p = 1; p <= other->length && st == WANE_OK; p++) {
            if (other->stages[p] != stage) continue;
            gate->subject = work->experiment->tasks[wane_plan_task(other, p)].spec.name;
            st = wane_results_put_gate(work->db, other->id, gate, err);
        }
    }
    return st;
}

static double relative(double a, double b)
{
    return a == b ? 0 : fabs(a - b) / fabs(b);
}

wane_status wane_gate_adapter_init(wane_work *work, const wane_plan_run *run, size_t position,
                                   const wane_probe *before, const wane_probe *with,
                                   wane_error *err)
{
    const wane_plan_stage *stage = &work->plan->stages[run->stages[position]];
    double value = relative(with->nll, before->nll), bound = stage->config->settings.method->start;
    /* What the training starts from gives no number: its own loss will say so, this can say
     * nothing.
     */
    if (!before->finite) return WANE_OK;
    wane_gate_row gate = {.name = "adapter_init",
                          .passed = value <= bound,
                          .value = value,
                          .bound = bound,
                          .detail = "relative change of nll by the adapter before its first step"};
    return wane_gate_put_for_stage(work, run, position, &gate, err);
}

wane_status wane_gate_merged(wane_work *work, const wane_plan_run *run, size_t position,
                             const wane_probe *unmerged, const wane_probe *merged, wane_error *err)
{
    size_t vocabulary = work->inputs->base->config.vocabulary;
    double largest = 0, difference = 0;
    for (size_t i = 0; i < vocabulary; i++) {
        double d = fabs((double)unmerged->logits[i] - (double)merged->logits[i]);
        double a = fabs((double)unmerged->logits[i]);
        if (a > largest) largest = a;
        if (isnan(d) || d > difference) difference = d; /* NaN stays */
    }
    double nll = relative(merged->nll, unmerged->nll), logits = difference / largest;
    wane_gate_row gates[2] = {{"merged_nll", NULL, nll <= 1e-5, nll, 1e-5,
                               "relative change of nll by merging the adapter"},
                              {"merged_logits", NULL, logits <= 1e-4, logits, 1e-4,
                               "largest change of a logit by merging, of the largest logit"}};
    wane_status st = wane_gate_put_for_stage(work, run, position, &gates[0], err);
    return st == WANE_OK ? wane_gate_put_for_stage(work, run, position, &gates[1], err) : st;
}
