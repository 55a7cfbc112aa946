/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/numeric/model/model_in_double.h"

#include <math.h>
#include <string.h>

#include "eval/model/layout.h"
#include "eval/model/rope_kinds.h"
#include "store/base/memory.h"
#include "tests/support/support.h"

enum { LENGTH = 32, WIDE = 64, VOCABULARY = 64 };

typedef struct reading {
    const wane_model *model;
    const double *weights;
    const wane_layer_index *index;
} reading;

static const double *tensor(const reading *r, wane_place place, bool bias)
{
    size_t at = bias ? r->index->bias[place] : r->index->weight[place];
    return at == WANE_ABSENT ? NULL : r->weights + r->model->parameters.parameter[at].offset;
}

double *doubled_weights(const wane_model *model, const wane_adapter *adapter)
{
    double *out = wane_alloc(model->parameters.floats, sizeof *out);
    assert_non_null(out);
    for (size_t i = 0; i < model->parameters.floats; i++) out[i] = (double)model->weights[i];
    for (size_t f = 0; adapter && f < adapter->count; f++) {
        const wane_factor *factor = &adapter->factor[f];
        double *w = out + model->parameters.parameter[factor->parameter].offset;
        for (size_t i = 0; i < factor->rows; i++)
            for (size_t j = 0; j < factor->cols; j++)
                for (size_t k = 0; k < factor->rank; k++)
                    w[i * factor->cols + j] += (double)factor->scale *
                                               (double)factor->b[i * factor->rank + k] *
                                               (double)factor->a[k * factor->cols + j];
    }
    return out;
}

/* y = W x + b. */
static void linear(const reading *r, wane_place place, const double *x, double *y)
{
    const wane_config *c = &r->model->config;
    const double *w = tensor(r, place, false), *b = tensor(r, place, true);
    size_t rows = wane_place_rows(c, place), cols = wane_place_cols(c, place);
    for (size_t i = 0; i < rows; i++) {
        y[i] = b ? b[i] : 0;
        for (size_t j = 0; j < cols; j++) y[i] += w[i * cols + j] * x[j];
    }
}

/* In place; nothing where there is no such norm. */
static void norm(const reading *r, wane_place place, double *x)
{
    const wane_config *c = &r->model->config;
    const double *gain = tensor(r, place, false), *bias = tensor(r, place, true);
    size_t n = wane_place_rows(c, place);
    double mean = 0, square = 0;
    if (!gain) return;
    for (size_t i = 0; i < n && c->block.norm == WANE_NORM_LAYER; i++) mean += x[i] / (double)n;
    for (size_t i = 0; i < n; i++) square += (x[i] - mean) * (x[i] - mean) / (double)n;
    for (size_t i = 0; i < n; i++)
        x[i] = (x[i] - mean) / sqrt(square + (double)(float)c->norm_epsilon) *
                   (gain[i] + (c->block.norm == WANE_NORM_RMS_PLUS_ONE)) +
               (bias ? bias[i] : 0);
}

static double activation(wane_activation_kind kind, double x)
{
    switch (kind) {
    case WANE_ACTIVATION_SILU: return x / (1 + exp(-x));
    case WANE_ACTIVATION_GELU: return x / 2 * (1 + erf(x / sqrt(2)));
    case WANE_ACTIVATION_GELU_TANH:
        return x / 2 * (1 + tanh(sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x)));
    case WANE_ACTIVATION_RELU: return x > 0 ? x : 0;
    default: break;
    }
    fail();
    return 0;
}

/* How far pair i turns from token to token in a sequence of that length. */
static double frequency(const wane_rope *r, size_t width, size_t i, size_t length)
{
    double pair = (double)i, whole = (double)width, context = (double)r->original_context;
    double plain = pow(r->theta, -2 * pair / whole), ratio = (double)length / context;
    if (!r->kind) return plain;
    if (r->kind == &wane_rope_linear) return plain / r->factor;
    if (r->kind == &wane_rope_longrope)
        return plain / (length > r->original_context ? r->long_factor : r->short_factor).value[i];
    if (r->kind == &wane_rope_dynamic)
        return ratio <= 1 ? plain
                          : plain * pow(r->factor * ratio - r->factor + 1, -2 * pair / (whole - 2));
    assert_ptr_equal(r->kind, &wane_rope_yarn);
    /* Pairs by how often they turn within the context, on a scale of logarithms. */
    double fast = whole / 2 * log(context / (2 * acos(-1) * r->beta_fast)) / log(r->theta);
    double slow = whole / 2 * log(context / (2 * acos(-1) * r->beta_slow)) / log(r->theta);
    if (r->truncated) {
        fast = floor(fast);
        slow = ceil(slow);
    }
    fast = fmax(fast, 0);
    slow = fmin(slow, whole - 1);
    double divided = fmin(fmax((pair - fast) / (slow - fast), 0), 1);
    return plain * (1 - divided + divided / r->factor);
}

static void turn(const wane_config *c, const wane_rope *rope, size_t heads, size_t position,
                 size_t length, double *x)
{
    if (!rope) return;
    size_t width = rope->width ? rope->width : c->head_width;
    double scale = rope->attention_factor != 0 ? rope->attention_factor : 1;
    for (size_t h = 0; h < heads; h++)
        for (size_t i = 0; i < width / 2; i++) {
            double angle = (double)position * frequency(rope, width, i, length);
            double *low = x + h * c->head_width + i, *high = low + width / 2;
            double a = scale * *low, b = scale * *high;
            *low = a * cos(angle) - b * sin(angle);
            *high = b * cos(angle) + a * sin(angle);
        }
}

static void norm_heads(const reading *r, wane_place place, size_t heads, double *x)
{
    const wane_config *c = &r->model->config;
    size_t step = wane_place_rows(c, place);
    for (size_t at = 0; at < heads * c->head_width; at += step) norm(r, place, x + at);
}

/* Queries, keys and values of one token of a sequence of that length. */
static void project(const reading *r, const wane_rope *rope, size_t position, size_t length,
                    const double *x, double *q, double *k, double *v)
{
    const wane_config *c = &r->model->config;
    size_t hw = c->head_width, group = c->heads / c->kv_heads;
    if (tensor(r, WANE_SLOT_QKV, false)) {
        double all[WIDE], *next = all;
        linear(r, WANE_SLOT_QKV, x, all);
        if (!c->block.qkv_by_head) {
            memcpy(q, all, c->heads * hw * sizeof *q);
            memcpy(k, all + c->heads * hw, c->kv_heads * hw * sizeof *q);
            memcpy(v, all + (c->heads + c->kv_heads) * hw, c->kv_heads * hw * sizeof *q);
        }
        for (size_t g = 0; c->block.qkv_by_head && g < c->kv_heads; g++, next += (group + 2) * hw) {
            memcpy(q + g * group * hw, next, group * hw * sizeof *q);
            memcpy(k + g * hw, next + group * hw, hw * sizeof *q);
            memcpy(v + g * hw, next + (group + 1) * hw, hw * sizeof *q);
        }
    } else {
        linear(r, WANE_SLOT_Q, x, q);
        linear(r, WANE_SLOT_K, x, k);
        linear(r, WANE_SLOT_V, x, v);
    }
    norm_heads(r, WANE_NORM_Q, c->heads, q);
    norm_heads(r, WANE_NORM_K, c->kv_heads, k);
    turn(c, rope, c->heads, position, length, q);
    turn(c, rope, c->kv_heads, position, length, k);
}

/* What query head h of token t gets. */
static void attend(const wane_config *c, size_t window, size_t t, size_t count, size_t h,
                   const double q[WIDE], double k[LENGTH][WIDE], double v[LENGTH][WIDE],
                   double *out)
{
    const wane_block *b = &c->block;
    size_t hw = c->head_width, kv = h / (c->heads / c->kv_heads);
    double scale = b->attention_scale != 0 ? b->attention_scale : 1 / sqrt((double)hw), sum = 0;
    memset(out, 0, hw * sizeof *out);
    for (size_t j = 0; j < count; j++) {
        size_t apart = j > t ? j - t : t - j;
        double score = 0;
        if ((j > t && !b->full) || (window && apart >= window)) continue;
        for (size_t i = 0; i < hw; i++) score += q[h * hw + i] * k[j][kv * hw + i] * scale;
        if (b->attention_cap != 0) score = b->attention_cap * tanh(score / b->attention_cap);
        sum += exp(score);
        for (size_t i = 0; i < hw; i++) out[i] += exp(score) * v[j][kv * hw + i];
    }
    for (size_t i = 0; i < hw; i++) out[i] /= sum;
}

/* x += the branch's output, normed and scaled. */
static void join(const reading *r, wane_place norm_of, double *made, double *x)
{
    const wane_config *c = &r->model->config;
    double scale = c->block.residual_scale != 0 ? c->block.residual_scale : 1;
    norm(r, norm_of, made);
    for (size_t i = 0; i < c->width; i++) x[i] += scale * made[i];
}

static void mlp(const reading *r, double *x, double *y)
{
    const wane_config *c = &r->model->config;
    double up[WIDE], gate[WIDE];
    norm(r, WANE_NORM_MLP, x);
    bool fused = tensor(r, WANE_SLOT_GATE_UP, false), gated = tensor(r, WANE_SLOT_GATE, false);
    if (fused) {
        linear(r, WANE_SLOT_GATE_UP, x, gate);
        memcpy(up, gate + c->hidden, c->hidden * sizeof *up);
    } else {
        linear(r, WANE_SLOT_UP, x, up);
        if (gated) linear(r, WANE_SLOT_GATE, x, gate);
    }
    for (size_t i = 0; i < c->hidden; i++)
        up[i] = fused || gated ? activation(c->block.activation, gate[i]) * up[i]
                               : activation(c->block.activation, up[i]);
    linear(r, WANE_SLOT_DOWN, up, y);
}

static void layer(const reading *r, wane_layer_shape shape, size_t count, double x[LENGTH][WIDE])
{
    const wane_config *c = &r->model->config;
    static double q[LENGTH][WIDE], k[LENGTH][WIDE], v[LENGTH][WIDE];
    double normed[WIDE], read[WIDE], out[WIDE], made[WIDE];
    for (size_t t = 0; t < count; t++) {
        memcpy(normed, x[t], sizeof normed);
        norm(r, WANE_NORM_ATTENTION, normed);
        project(r, shape.rope, t, count, normed, q[t], k[t], v[t]);
    }
    for (size_t t = 0; t < count; t++) {
        memcpy(read, x[t], sizeof read);
        for (size_t h = 0; h < c->heads; h++)
            attend(c, shape.window, t, count, h, q[t], k, v, out + h * c->head_width);
        linear(r, WANE_SLOT_O, out, made);
        join(r, WANE_NORM_ATTENTION_OUT, made, x[t]);
        if (!c->block.parallel) memcpy(read, x[t], sizeof read);
        mlp(r, read, made);
        join(r, WANE_NORM_MLP_OUT, made, x[t]);
    }
}

static void embed(const reading *r, int32_t id, size_t position, double *x)
{
    const wane_config *c = &r->model->config;
    const double *table = tensor(r, WANE_EMBEDDING, false);
    const double *positions = tensor(r, WANE_POSITIONS, false);
    double scale = c->block.embedding_scale != 0 ? c->block.embedding_scale : 1;
    for (size_t i = 0; i < c->width; i++) {
        x[i] = scale * table[(size_t)id * c->width + i];
        if (positions) x[i] += positions[(position + c->block.position_offset) * c->width + i];
    }
}

/* -log p of the target after the stream x. */
static double nll_of_target(const reading *r, const double *x, int32_t target)
{
    const wane_config *c = &r->model->config;
    const double *head = tensor(r, WANE_HEAD, false);
    double normed[WIDE], logits[VOCABULARY], sum = 0;
    if (!head) head = tensor(r, WANE_EMBEDDING, false);
    memcpy(normed, x, sizeof normed);
    norm(r, WANE_NORM_FINAL, normed);
    for (size_t v = 0; v < c->vocabulary; v++) {
        logits[v] = 0;
        for (size_t i = 0; i < c->width; i++) logits[v] += head[v * c->width + i] * normed[i];
        if (c->block.logit_divisor != 0) logits[v] /= c->block.logit_divisor;
        if (c->block.logit_cap != 0)
            logits[v] = c->block.logit_cap * tanh(logits[v] / c->block.logit_cap);
        sum += exp(logits[v]);
    }
    return log(sum) - logits[target];
}

double loss_in_double(const wane_model *model, const double *weights, const wane_batch *batch,
                      double *nll)
{
    static double x[LENGTH][WIDE];
    const wane_config *c = &model->config;
    double loss = 0;
    for (size_t s = 0; s < batch->sequences; s++) {
        size_t first = batch->starts[s], count = batch->starts[s + 1] - first;
        assert_true(count <= LENGTH && c->vocabulary <= VOCABULARY);
        reading outside = {model, weights, &model->parameters.places->outside};
        for (size_t t = 0; t < count; t++) embed(&outside, batch->ids[first + t], t, x[t]);
        for (size_t l = 0; l < c->layers; l++) {
            reading r = {model, weights, &model->parameters.places->layer[l]};
            layer(&r, wane_config_layer(c, l), count, x);
        }
        for (size_t i = 0; i < batch->targets; i++) {
            size_t at = batch->position[i];
            if (at < first || at >= first + count) continue;
            double one = nll_of_target(&outside, x[at - first], batch->target[i]);
            if (nll) nll[i] = one;
            loss += one;
        }
    }
    return loss;
}
