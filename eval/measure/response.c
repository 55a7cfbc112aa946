/* SPDX-License-Identifier: Apache-2.0
 * What a change C of the weights makes of the inputs x that a model feeds them: f_delta = (1/N) sum
 * over tokens of |C x| / |x|, and the sums of |C x|^2 and |x|^2.
 */
#include <math.h>
#include <string.h>

#include "eval/measure/measure.h"
#include "store/base/memory.h"

typedef struct observing {
    const size_t *starts; /* of the sequences, and one more */
    const int32_t *ids;
    size_t sequences;
    bool ahead;         /* the last token of a sequence is no input */
    size_t limit, most; /* tokens and sequences of the largest batch */
    size_t *batch_starts, *position;
    int32_t *batch_ids;
    float *features;
    double *image, *input; /* of the batch at work: parameters x limit */
    wane_pass *pass;
} observing;

/* Adds what one token of a batch has at a parameter; called in the order of tokens. */
typedef void add_token(void *context, size_t parameter, double image, double input);

static size_t batch_end(const observing *o, size_t first)
{
    size_t last = first + 1;
    while (last < o->sequences && o->starts[last + 1] - o->starts[first] <= WANE_MEASURE_TOKENS)
        last++;
    return last;
}

static wane_status observing_new(observing *o, const wane_model *model, const wane_model *change,
                                 wane_pool *pool, wane_error *err)
{
    size_t parameters = model->parameters.count;
    for (size_t first = 0, last = 0; first < o->sequences; first = last) {
        last = batch_end(o, first);
        size_t tokens = o->starts[last] - o->starts[first];
        if (tokens > o->limit) o->limit = tokens;
        if (last - first > o->most) o->most = last - first;
    }
    o->batch_starts = wane_alloc(o->most + 1, sizeof *o->batch_starts);
    o->position = wane_alloc(o->limit, sizeof *o->position);
    o->batch_ids = wane_alloc(o->limit, sizeof *o->batch_ids);
    o->features = wane_alloc(o->limit * model->config.width, sizeof *o->features);
    o->image = wane_alloc(parameters * o->limit, sizeof *o->image);
    o->input = wane_alloc(parameters * o->limit, sizeof *o->input);
    if (!o->batch_starts || !o->position || !o->batch_ids || !o->features || !o->image || !o->input)
        return wane_fail_memory(err, "measure", "inputs");
    wane_pass_limits limits = {.tokens = o->limit, .sequences = o->most, .targets = 1};
    wane_status st = wane_pass_new(&o->pass, &model->config, &limits, pool, err);
    if (st == WANE_OK) wane_pass_observe(o->pass, change, o->image, o->input);
    return st;
}

static void observing_free(observing *o)
{
    wane_pass_free(o->pass);
    wane_free(o->batch_starts);
    wane_free(o->position);
    wane_free(o->batch_ids);
    wane_free(o->features);
    wane_free(o->image);
    wane_free(o->input);
}

static wane_status observe_batch(observing *o, const wane_model *model, size_t first, size_t last,
                                 add_token *add, void *context, wane_error *err)
{
    size_t tokens = 0;
    for (size_t i = first; i < last; i++) {
        size_t count = o->starts[i + 1] - o->starts[i] - o->ahead;
        o->batch_starts[i - first] = tokens;
        memcpy(o->batch_ids + tokens, o->ids + o->starts[i], count * sizeof *o->ids);
        tokens += count;
    }
    o->batch_starts[last - first] = tokens;
    for (size_t t = 0; t < tokens; t++) o->position[t] = t;
    wane_batch batch = {.tokens = tokens,
                        .sequences = last - first,
                        .ids = o->batch_ids,
                        .starts = o->batch_starts};
    wane_status st = wane_pass_forward(o->pass, model, NULL, &batch, NULL, err);
    if (st != WANE_OK) return st;
    wane_pass_features(o->pass, o->position, tokens, o->features); /* the last layer, of all */
    for (size_t p = 0; p < model->parameters.count; p++) {
        if (!model->parameters.parameter[p].linear) continue;
        for (size_t t = 0; t < tokens; t++)
            add(context, p, o->image[p * o->limit + t], o->input[p * o->limit + t]);
    }
    return WANE_OK;
}

/* Of all sequences, batch by batch. */
static wane_status observe(observing *o, const wane_model *model, const wane_model *change,
                           wane_pool *pool, add_token *add, void *context, wane_error *err)
{
    wane_status st = observing_new(o, model, change, pool, err);
    for (size_t first = 0, last = 0; first < o->sequences && st == WANE_OK; first = last) {
        last = batch_end(o, first);
        st = observe_batch(o, model, first, last, add, context, err);
    }
    observing_free(o);
    return st;
}

/* -------------------------------------------------------------------------------------- f_delta */

typedef struct ratios {
    double *sum;
    size_t *count; /* tokens with an input, per parameter */
} ratios;

static void add_ratio(void *context, size_t parameter, double image, double input)
{
    ratios *r = context;
    if (input == 0) return;
    r->sum[parameter] += (double)(float)sqrt(image / input);
    r->count[parameter]++;
}

wane_status wane_measure_response(double *mean, size_t *tokens, const wane_model *model,
                                  const wane_model *change, const wane_prompts *prompts,
                                  size_t rows, wane_pool *pool, wane_error *err)
{
    wane_status st = WANE_OK;
    const size_t parameters = model->parameters.count;
    observing o = {.starts = prompts->starts,
                   .ids = prompts->ids,
                   .sequences = rows < prompts->rows ? rows : prompts->rows};
    ratios r = {.sum = wane_alloc(parameters, sizeof *r.sum),
                .count = wane_alloc(parameters, sizeof *r.count)};
    WANE_TRY(r.sum && r.count ? WANE_OK : wane_fail_memory(err, "measure", "response"));
    if (o.sequences == 0)
        WANE_TRY(wane_fail(err, WANE_EINVAL, "measure: response: no row to measure"));
    WANE_TRY(observe(&o, model, change, pool, add_ratio, &r, err));
    for (size_t p = 0; p < parameters; p++)
        mean[p] = !r.count[p] ? NAN : isfinite(r.sum[p]) ? r.sum[p] / (double)r.count[p] : INFINITY;
    *tokens = prompts->starts[o.sequences];
done:
    wane_free(r.sum);
    wane_free(r.count);
    return st;
}

/* ------------------------------------------------------------------------------- second moments */

typedef struct moments {
    double *image, *input;
} moments;

static void add_squares(void *context, size_t parameter, double image, double input)
{
    moments *m = context;
    m->image[parameter] += image;
    m->input[parameter] += input;
}

wane_status wane_measure_images(double *image, double *input, size_t *tokens,
                                const wane_model *model, const wane_model *change,
                                const wane_windows *windows, wane_pool *pool, wane_error *err)
{
    moments m = {image, input};
    observing o = {.starts = windows->starts,
                   .ids = windows->ids,
                   .sequences = windows->windows,
                   .ahead = windows->ahead};
    if (o.sequences == 0)
        return wane_fail(err, WANE_EINVAL, "measure: inputs: no window to measure");
    for (size_t p = 0; p < model->parameters.count; p++)
        image[p] = input[p] = model->parameters.parameter[p].linear ? 0 : NAN;
    wane_status st = observe(&o, model, change, pool, add_squares, &m, err);
    *tokens = windows->starts[windows->windows] - (windows->ahead ? windows->windows : 0);
    return st;
}
