/* SPDX-License-Identifier: Apache-2.0
 * The measure `drift`: how strongly the change of every matrix acts on the inputs that the base
 * gives it on a corpus, against what a change of its size does on average, and against the matrix.
 *
 * Of one matrix:
 *
 *     drift     = n tr(dW Sigma dW^T) / (||dW||_F^2 tr Sigma), n the number of inputs
 *
 *     drift_abs = tr(dW Sigma dW^T) / tr(W_0 Sigma W_0^T)
 *
 * Sigma = (1/N) sum x x^T over the N tokens of the corpus's windows, x the input of the matrix
 * there in the base. tr(C Sigma C^T) is then the mean of |C x|^2, and Sigma itself, of n x n
 * numbers a matrix, is never formed.
 */
#include <math.h>
#include <stdio.h>

#include "eval/cells/cell.h"
#include "eval/measure/measure.h"
#include "store/base/memory.h"

/* Of one matrix, or added up over several: a stage's number is the quotient of the sums. N cancels
 * in every quotient, so that nothing is divided by it. */
typedef struct sums {
    double change, base;  /* N tr(dW Sigma dW^T), N tr(W_0 Sigma W_0^T) */
    double norm;          /* ||dW||_F^2 */
    double turned, scale; /* n change, norm N tr Sigma: above and below in drift */
} sums;

/* W - W_0 in the base's layout; a head that an adapter has parted from the embedding stands behind
 * all of it. */
static wane_status change_of(wane_model **out, const wane_model *tuned, const wane_model *base,
                             wane_error *err)
{
    wane_status st = wane_model_copy(out, base, err);
    if (st != WANE_OK) return st;
    for (size_t i = 0; i < base->parameters.floats; i++)
        (*out)->weights[i] = tuned->weights[i] - base->weights[i];
    return WANE_OK;
}

static double squared_norm(const wane_model *change, size_t parameter)
{
    const wane_parameter *p = &change->parameters.parameter[parameter];
    const float *d = change->weights + p->offset;
    double sum = 0;
    for (size_t i = 0; i < p->rows * p->cols; i++) sum += (double)d[i] * (double)d[i];
    return sum;
}

/* Two rows: a change that is none has no direction, and acts with strength 0. */
static void rows_of(wane_measured_row rows[2], const char *matrix, const sums *s)
{
    rows[0] = (wane_measured_row){.matrix = matrix, .name = "drift"};
    rows[1] = (wane_measured_row){.matrix = matrix, .name = "drift_abs"};
    if (s->norm == 0) rows[0].reason = "unchanged";
    else if (s->scale == 0) rows[0].reason = "no_input";
    if (s->base == 0) rows[1].reason = "no_output";
    rows[0].value = rows[0].reason ? NAN : s->turned / s->scale;
    rows[1].value = rows[1].reason ? NAN : s->change / s->base;
}

static size_t rows_of_all(wane_measured_row *rows, const wane_model *change, const double *input,
                          const double *changed, const double *base)
{
    const wane_parameters *table = &change->parameters;
    sums all = {0};
    size_t count = 0;
    for (size_t p = 0; p < table->count; p++) {
        if (!table->parameter[p].linear) continue;
        sums s = {.change = changed[p], .base = base[p]};
        s.norm = squared_norm(change, p);
        s.turned = (double)table->parameter[p].cols * s.change;
        s.scale = s.norm * input[p];
        all = (sums){all.change + s.change, all.base + s.base, all.norm + s.norm,
                     all.turned + s.turned, all.scale + s.scale};
        rows_of(rows + count, table->parameter[p].name, &s);
        count += 2;
    }
    rows_of(rows + count, "", &all);
    return count + 2;
}

static wane_status fill(const wane_measuring *at, const wane_cell *cell, size_t corpus,
                        wane_error *err)
{
    const wane_inputs *in = at->work->inputs;
    size_t parameters = in->base->parameters.count;
    wane_status st = WANE_OK;
    wane_model *change = NULL;
    wane_measured_row *rows = NULL;
    double *sum = NULL;
    if (in->experiment->corpus_count == 0)
        return wane_commit_reason(at->work, cell, "no_corpus", err);
    const wane_windows *windows = &in->corpora[corpus].windows;
    size_t tokens = 0;
    rows = wane_alloc(2 * (parameters + 1), sizeof *rows);
    sum = wane_alloc(3 * parameters, sizeof *sum);
    double *input = sum, *changed = sum + parameters, *base = sum + 2 * parameters;
    WANE_TRY(rows && sum ? WANE_OK : wane_fail_memory(err, "drift", cell->subject));
    WANE_TRY(change_of(&change, at->chain->model, in->base, err));
    WANE_TRY(wane_measure_images(changed, input, &tokens, in->base, change, windows, at->work->pool,
                                 err));
    WANE_TRY(wane_work_continue(at->work, err));
    WANE_TRY(wane_measure_images(base, input, &tokens, in->base, in->base, windows, at->work->pool,
                                 err));
    size_t count = rows_of_all(rows, change, input, changed, base);
    WANE_TRY(wane_commit_measured(at->work, cell, rows, count, err));
done:
    wane_model_free(change);
    wane_free(sum);
    wane_free(rows);
    return st;
}

/* A cell a corpus; without any, one that says so. */
static wane_status visit(const wane_visiting *at, wane_error *err)
{
    const wane_inputs *in = at->plan->inputs;
    wane_status st = WANE_OK;
    if (in->experiment->corpus_count == 0) return wane_visit_defined(at, "", "drift 1", "", 0, err);
    for (size_t c = 0; c < in->experiment->corpus_count && st == WANE_OK; c++) {
        char text[WANE_SHA256_HEX + 16];
        (void)snprintf(text, sizeof text, "drift 1 %s", in->corpora[c].settings);
        st = wane_visit_defined(at, in->corpora[c].key, text, in->corpora[c].corpus.sha256, c, err);
    }
    return st;
}

/* Twice the base without its head, and each time a second product with every input. */
static void cost(wane_cost *sum, const wane_visiting *at, size_t corpus)
{
    enum { ROW_BYTES = 100 };
    const wane_inputs *in = at->plan->inputs;
    sum->cells++;
    if (in->experiment->corpus_count == 0) return;
    const wane_windows *w = &in->corpora[corpus].windows;
    sum->flops += 4 * (double)w->starts[w->windows] * wane_flops_of_token(in);
    for (size_t p = 0; p < in->base->parameters.count; p++)
        if (in->base->parameters.parameter[p].linear) sum->bytes += 2.0 * ROW_BYTES;
}

/* It costs about what the likelihood of every corpus does: only where it is asked for. */
const wane_measure wane_drift_measure = {
    .name = "drift", .asked = true, .visit = visit, .fill = fill, .cost = cost};
