/* SPDX-License-Identifier: Apache-2.0
 * Lays values, gradients and both moments out in tiles, sums the squares of a tile in double in a
 * fixed tree, and steps tile by tile in float.
 */
#include "eval/train/optimizer.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "store/base/memory.h"

enum { TILE = 1 << 14, LANES = 8, ALIGN_FLOATS = 16 };

typedef struct wane_optimizer_tile {
    size_t tensor, first, count;
} tile;

static size_t padded(size_t count)
{
    return (count + ALIGN_FLOATS - 1) / ALIGN_FLOATS * ALIGN_FLOATS;
}

static bool plan_sizes(size_t *floats, size_t *tiles, const wane_trained *trained, size_t count)
{
    *floats = *tiles = 0;
    for (size_t i = 0; i < count; i++) {
        if (trained[i].count > SIZE_MAX / 16 ||
            !wane_size_add(floats, *floats, padded(trained[i].count)))
            return false;
        *tiles += (trained[i].count + TILE - 1) / TILE;
    }
    return wane_size_mul(floats, *floats, 2);
}

static void lay_out(wane_optimizer *optimizer)
{
    float *next = optimizer->moments;
    tile *t = optimizer->tiles;
    for (size_t i = 0; i < optimizer->count; i++) {
        wane_trained *one = &optimizer->trained[i];
        one->first = next;
        one->second = next + padded(one->count);
        next += 2 * padded(one->count);
        for (size_t first = 0; first < one->count; first += TILE) {
            size_t left = one->count - first;
            *t++ = (tile){.tensor = i, .first = first, .count = left < TILE ? left : TILE};
        }
    }
}

wane_status wane_optimizer_new(wane_optimizer **out, const wane_trained *trained, size_t count,
                               wane_error *err)
{
    size_t floats = 0, tiles = 0;
    if (!plan_sizes(&floats, &tiles, trained, count))
        return wane_fail(err, WANE_EINVAL, "train: optimiser: too many numbers to address");
    wane_optimizer *optimizer = wane_alloc(1, sizeof *optimizer);
    if (!optimizer) return wane_fail_memory(err, "train", "optimiser");
    optimizer->trained = wane_alloc(count, sizeof *trained);
    optimizer->tiles = wane_alloc(tiles, sizeof *optimizer->tiles);
    optimizer->squares = wane_alloc(tiles, sizeof *optimizer->squares);
    optimizer->moments = wane_alloc_aligned(floats, sizeof *optimizer->moments);
    if (!optimizer->trained || !optimizer->tiles || !optimizer->squares || !optimizer->moments) {
        wane_optimizer_free(optimizer);
        return wane_fail_memory(err, "train", "optimiser");
    }
    optimizer->count = count;
    optimizer->tile_count = tiles;
    if (count) memcpy(optimizer->trained, trained, count * sizeof *trained);
    lay_out(optimizer);
    *out = optimizer;
    return WANE_OK;
}

void wane_optimizer_free(wane_optimizer *optimizer)
{
    if (!optimizer) return;
    wane_free(optimizer->trained);
    wane_free(optimizer->tiles);
    wane_free(optimizer->squares);
    wane_free(optimizer->moments);
    wane_free(optimizer);
}

static void square_tile(void *context, size_t index, int thread)
{
    (void)thread;
    wane_optimizer *optimizer = context;
    const tile *t = &optimizer->tiles[index];
    const float *g = optimizer->trained[t->tensor].gradient + t->first;
    double lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= t->count; i += LANES)
        for (size_t l = 0; l < LANES; l++) lane[l] += (double)g[i + l] * (double)g[i + l];
    for (size_t l = 0; i < t->count; i++, l++) lane[l] += (double)g[i] * (double)g[i];
    optimizer->squares[index] =
        ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

double wane_optimizer_norm(wane_optimizer *optimizer, wane_pool *pool)
{
    double sum = 0;
    wane_pool_run(pool, optimizer->tile_count, square_tile, optimizer);
    for (size_t i = 0; i < optimizer->tile_count; i++) sum += optimizer->squares[i];
    return sqrt(sum);
}

typedef struct summing {
    wane_optimizer *optimizer;
    wane_optimizer_part *part;
    void *context;
} summing;

static void sum_tile(void *context, size_t index, int thread)
{
    (void)thread;
    const summing *s = context;
    const tile *t = &s->optimizer->tiles[index];
    s->optimizer->squares[index] = s->part(s->context, t->tensor, t->first, t->count);
}

double wane_optimizer_sum(wane_optimizer *optimizer, wane_optimizer_part *part, void *context,
                          wane_pool *pool)
{
    summing s = {optimizer, part, context};
    double sum = 0;
    wane_pool_run(pool, optimizer->tile_count, sum_tile, &s);
    for (size_t i = 0; i < optimizer->tile_count; i++) sum += optimizer->squares[i];
    return sum;
}

double wane_clip_scale(double norm, double clip)
{
    return clip > 0 ? fmin(1, clip / (norm + 1e-6)) : 1;
}

/* What one step multiplies with, in the precision of the values. */
typedef struct step_work {
    wane_optimizer *optimizer;
    float keep, scale, new1, beta2, new2, correction, epsilon, rate;
} step_work;

static void step_tile(void *context, size_t index, int thread)
{
    (void)thread;
    const step_work w = *(const step_work *)context;
    const tile *t = &w.optimizer->tiles[index];
    const wane_trained *one = &w.optimizer->trained[t->tensor];
    float *restrict value = one->value + t->first, *restrict gradient = one->gradient + t->first;
    float *restrict first = one->first + t->first, *restrict second = one->second + t->first;
    float keep = one->decays ? w.keep : 1;
    for (size_t i = 0; i < t->count; i++) {
        float g = gradient[i] * w.scale;
        float m = first[i] + w.new1 * (g - first[i]);
        float v = second[i] * w.beta2 + w.new2 * g * g;
        first[i] = m;
        second[i] = v;
        value[i] = value[i] * keep - w.rate * (m / (sqrtf(v) / w.correction + w.epsilon));
        gradient[i] = 0;
    }
}

void wane_optimizer_step(wane_optimizer *optimizer, const wane_adamw *settings, wane_pool *pool)
{
    assert(settings->step >= 1);
    double step = (double)settings->step;
    double correction1 = 1 - pow(settings->beta1, step);
    double correction2 = 1 - pow(settings->beta2, step);
    step_work work = {.optimizer = optimizer,
                      .keep = (float)(1 - settings->learning_rate * settings->weight_decay),
                      .scale = (float)settings->gradient_scale,
                      .new1 = (float)(1 - settings->beta1),
                      .beta2 = (float)settings->beta2,
                      .new2 = (float)(1 - settings->beta2),
                      .correction = (float)sqrt(correction2),
                      .epsilon = (float)settings->epsilon,
                      .rate = (float)(settings->learning_rate / correction1)};
    wane_pool_run(pool, optimizer->tile_count, step_tile, &work);
}

static void zero_tile(void *context, size_t index, int thread)
{
    (void)thread;
    wane_optimizer *optimizer = context;
    const tile *t = &optimizer->tiles[index];
    memset(optimizer->trained[t->tensor].gradient + t->first, 0, t->count * sizeof(float));
}

void wane_optimizer_zero(wane_optimizer *optimizer, wane_pool *pool)
{
    wane_pool_run(pool, optimizer->tile_count, zero_tile, optimizer);
}
