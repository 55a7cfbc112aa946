/* SPDX-License-Identifier: Apache-2.0
 * Makes a trainer of model, method and settings and runs one step: micro-batches, their summed
 * gradients, clipping, the update.
 */
#include "eval/train/trainer.h"

#include <math.h>

#include "eval/train/micro.h"
#include "store/base/random.h"

static bool share(double value)
{
    return value >= 0 && value < 1;
}

static wane_status check_settings(const wane_method_settings *settings, const wane_training *t,
                                  wane_error *err)
{
    const char *bad = NULL;
    if (!(t->learning_rate >= 0) || !isfinite(t->learning_rate)) bad = "learning_rate";
    else if (!(t->weight_decay >= 0) || !isfinite(t->weight_decay)) bad = "weight_decay";
    else if (!(t->clip >= 0) || !isfinite(t->clip)) bad = "clip";
    else if (!share(t->beta1)) bad = "beta1";
    else if (!share(t->beta2)) bad = "beta2";
    else if (!(t->epsilon >= 0) || !isfinite(t->epsilon)) bad = "epsilon";
    else if (!(t->warmup_ratio >= 0 && t->warmup_ratio <= 1)) bad = "warmup_ratio";
    else if (t->total_steps == 0) bad = "total_steps";
    else if (t->micro_tokens == 0) bad = "micro_tokens";
    else bad = settings->method->bad(settings);
    return bad ? wane_fail(err, WANE_EINVAL, "train: %s: out of its range", bad) : WANE_OK;
}

static wane_status make_optimizer(wane_trainer *trainer, wane_error *err)
{
    size_t most = 3 * trainer->model->parameters.count + 1, count = 0;
    wane_status st = WANE_OK;
    wane_trained *list = wane_alloc(most, sizeof *list);
    if (!list) return wane_fail_memory(err, "train", "optimiser");
    WANE_TRY(trainer->method->list(trainer, list, &count, err));
    if (trainer->head.outputs)
        list[count++] =
            (wane_trained){.name = "score.weight",
                           .value = trainer->head_weight,
                           .gradient = trainer->head_gradient,
                           .count = trainer->head.outputs * trainer->model->config.width,
                           .decays = true};
    for (size_t i = 0; i < count; i++) trainer->numbers += list[i].count;
    WANE_TRY(wane_optimizer_new(&trainer->optimizer, list, count, err));
done:
    wane_free(list);
    return st;
}

wane_status wane_trainer_new(wane_trainer **out, wane_model *model,
                             const wane_method_settings *settings, const wane_training *training,
                             wane_adapter *continued, uint64_t seed, uint64_t stage,
                             wane_pool *pool, wane_error *err)
{
    wane_status st = check_settings(settings, training, err);
    if (st != WANE_OK) return st;
    wane_trainer *trainer = wane_alloc(1, sizeof *trainer);
    if (!trainer) return wane_fail_memory(err, "train", "trainer");
    trainer->model = model;
    trainer->pool = pool;
    trainer->method = settings->method;
    trainer->training = *training;
    trainer->training.micro_tokens =
        wane_micro_tokens(training, &model->parameters, &model->config);
    trainer->seed = seed;
    trainer->stage = stage;
    trainer->names = wane_arena_new();
    if (!trainer->names) WANE_TRY(wane_fail_memory(err, "train", "trainer"));
    WANE_TRY(wane_method_targets(&trainer->train, settings, &model->parameters, err));
    WANE_TRY(trainer->method->begin(trainer, settings, continued, err));
    if (settings->head_groups) WANE_TRY(wane_trainer_make_head(trainer, settings, err));
    WANE_TRY(make_optimizer(trainer, err));
    if (continued) continued->dropout = settings->dropout;
    *out = trainer;
    return WANE_OK;
done:
    if (continued) trainer->adapter = NULL; /* still the caller's */
    wane_trainer_free(trainer);
    return st;
}

void wane_trainer_values_changed(wane_trainer *trainer)
{
    if (trainer->pass && !trainer->adapter)
        wane_pass_weights_changed(trainer->pass, trainer->train);
}

wane_status wane_trainer_perturb(wane_trainer *trainer, double relative, uint64_t which,
                                 wane_error *err)
{
    size_t most = 0;
    const wane_optimizer *o = trainer->optimizer;
    for (size_t i = 0; i < o->count; i++)
        if (o->trained[i].count > most) most = o->trained[i].count;
    float *normal = wane_alloc(most, sizeof *normal);
    if (!normal) return wane_fail_memory(err, "train", "perturbation");
    for (size_t i = 0; i < o->count; i++) {
        wane_random where = {.seed = trainer->seed,
                             .purpose = WANE_RANDOM_PERTURB,
                             .stage = trainer->stage,
                             .step = which,
                             .tensor = i};
        float *value = o->trained[i].value;
        wane_random_normal_fill(normal, o->trained[i].count, 1, &where);
        for (size_t k = 0; k < o->trained[i].count; k++)
            value[k] = (float)((double)value[k] * (1 + relative * (double)normal[k]));
    }
    wane_free(normal);
    wane_trainer_values_changed(trainer);
    return WANE_OK;
}

void wane_trainer_free(wane_trainer *trainer)
{
    if (!trainer) return;
    wane_pass_free(trainer->pass);
    wane_trainer_end_strategy(trainer);
    wane_free(trainer->head_starts);
    wane_free(trainer->head_weight);
    wane_free(trainer->head_gradient);
    wane_adapter_free(trainer->frozen);
    wane_optimizer_free(trainer->optimizer);
    wane_adapter_free(trainer->adapter);
    wane_free(trainer->gradient_memory);
    wane_free(trainer->train);
    wane_arena_free(trainer->names);
    wane_free(trainer);
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* The lowest layers in which nothing is trained. */
static size_t frozen_layers(const wane_trainer *trainer)
{
    const wane_parameters *parameters = &trainer->model->parameters;
    size_t lowest = trainer->model->config.layers - 1;
    for (size_t i = 0; i < parameters->count; i++) {
        const wane_parameter *p = &parameters->parameter[i];
        if (!trainer->train[i]) continue;
        if (p->step == 0) lowest = 0;
        if (p->layer >= 0 && (size_t)p->layer < lowest) lowest = (size_t)p->layer;
    }
    return lowest;
}

/* A pass that holds every piece of this step. It is made anew when one is larger than any before,
 * with room to grow, so that this happens a few times at most. */
static wane_status make_room(wane_trainer *trainer, const wane_cut *cut, wane_error *err)
{
    wane_pass_limits *have = &trainer->limits, want = {0};
    wane_cut_largest(cut, &want.tokens, &want.sequences, &want.targets);
    if (trainer->pass && want.tokens <= have->tokens && want.sequences <= have->sequences &&
        want.targets <= have->targets)
        return WANE_OK;
    want.tokens = larger(larger(want.tokens, have->tokens), trainer->training.micro_tokens);
    want.sequences = larger(want.sequences * 2, have->sequences);
    want.targets = larger(want.targets * 2, have->targets);
    if (want.sequences > want.tokens) want.sequences = want.tokens;
    if (want.targets > want.tokens) want.targets = larger(want.tokens, want.targets / 2);
    want.training = true;
    want.backend = trainer->training.backend;
    want.frozen_layers = frozen_layers(trainer);
    want.train_weights = trainer->adapter == NULL;
    wane_pass_limits_adapter(&want, trainer->adapter);
    wane_pass_free(trainer->pass); /* first, so that both never stand side by side */
    trainer->pass = NULL;
    wane_status st =
        wane_pass_new(&trainer->pass, &trainer->model->config, &want, trainer->pool, err);
    if (st == WANE_OK) *have = want;
    return st;
}

/* Adds the loss and gradients of all pieces; *loss is a sum over targets. */
static wane_status accumulate(wane_trainer *trainer, wane_cut *cut, double *loss, wane_error *err)
{
    wane_gradients gradients = {.train = trainer->train, .head = trainer->head_gradient};
    if (trainer->adapter) gradients.adapter = trainer->gradients;
    else gradients.weights = trainer->gradients;
    wane_dropout dropout = {.seed = trainer->seed, .stage = trainer->stage, .step = trainer->done};
    bool drops = trainer->adapter && trainer->adapter->dropout > 0;
    double scale = 1.0 / (double)cut->batch->targets, sum = 0;
    wane_batch piece;
    size_t first = 0;
    while (wane_cut_next(cut, &piece, &first) == WANE_OK) {
        double part = 0;
        dropout.first_token = first;
        piece.head = wane_trainer_head(trainer);
        wane_status st = wane_pass_forward(trainer->pass, trainer->model, trainer->adapter, &piece,
                                           drops ? &dropout : NULL, err);
        if (st == WANE_OK) st = wane_pass_backward(trainer->pass, scale, &gradients, &part, err);
        if (st != WANE_OK) return st;
        sum += part;
    }
    *loss = sum;
    return WANE_OK;
}

static void update_values(wane_trainer *trainer, double rate, double norm)
{
    const wane_training *t = &trainer->training;
    wane_adamw settings = {.learning_rate = rate,
                           .weight_decay = t->weight_decay,
                           .beta1 = t->beta1,
                           .beta2 = t->beta2,
                           .epsilon = t->epsilon,
                           .step = trainer->done + 1,
                           .gradient_scale = wane_clip_scale(norm, t->clip)};
    wane_optimizer_step(trainer->optimizer, &settings, trainer->pool);
    wane_trainer_values_changed(trainer);
}

wane_status wane_trainer_step(wane_trainer *trainer, const wane_batch *batch, wane_step *out,
                              wane_error *err)
{
    wane_status st = WANE_OK;
    wane_cut cut = {0};
    double loss = 0;
    WANE_TRY(wane_cut_new(&cut, batch, trainer->training.micro_tokens, err));
    WANE_TRY(make_room(trainer, &cut, err));
    st = accumulate(trainer, &cut, &loss, err);
    if (st != WANE_OK) {
        wane_optimizer_zero(trainer->optimizer, trainer->pool);
        goto done;
    }
    double penalty = wane_trainer_penalise(trainer);
    wane_step step = {.loss = loss / (double)batch->targets,
                      .penalty = penalty,
                      .learning_rate = wane_learning_rate(&trainer->training, trainer->done),
                      .grad_norm = wane_optimizer_norm(trainer->optimizer, trainer->pool),
                      .tokens = batch->tokens,
                      .targets = batch->targets};
    step.finite = isfinite(step.loss) && isfinite(penalty) && isfinite(step.grad_norm);
    if (step.finite) {
        update_values(trainer, step.learning_rate, step.grad_norm);
        trainer->done++;
    } else wane_optimizer_zero(trainer->optimizer, trainer->pool);
    *out = step;
done:
    wane_cut_free(&cut);
    return st;
}

size_t wane_trainer_done(const wane_trainer *trainer)
{
    return trainer->done;
}

size_t wane_trainer_trained(const wane_trainer *trainer)
{
    return trainer->numbers;
}

wane_adapter *wane_trainer_adapter(const wane_trainer *trainer)
{
    return trainer->adapter;
}
