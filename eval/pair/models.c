/* SPDX-License-Identifier: Apache-2.0
 * Opens base, tuned and tokenizer in the order that errors are clearest in, and measures how far a
 * merged adapter is from an unmerged one.
 */
#include "eval/pair/models.h"

#include <math.h>

#include "analysis/report/page.h"
#include "eval/model/model_files.h"
#include "eval/pair/given.h"
#include "eval/train/train.h"
#include "store/base/memory.h"
#include "store/base/random.h"
#include "store/files/package.h"

/* Of a model's folder or archive; false too when it cannot be read, which its reader will say. */
static bool is_bare_adapter(const char *path)
{
    wane_package *package = NULL;
    bool bare = wane_package_open(&package, path, NULL) == WANE_OK &&
                wane_package_has(package, "adapter_config.json") && !wane_model_is_there(package);
    wane_package_close(package);
    return bare;
}

static bool holds_tokenizer(const char *path)
{
    wane_package *package = NULL;
    bool there =
        wane_package_open(&package, path, NULL) == WANE_OK && wane_tokenizer_there(package);
    wane_package_close(package);
    return there;
}

/* ---------------------------------------------------------------------------------------- pair */

static wane_status open_model(wane_pair *pair, const wane_package *package, wane_error *err)
{
    wane_config like = pair->base->config;
    wane_status st = wane_model_load_package(&pair->tuned, package, err);
    if (st != WANE_OK) return st;
    wane_given_tell_others(pair->tuned, pair->tuned_path, &pair->log);
    like.vocabulary = pair->tuned->config.vocabulary;
    like.tied = pair->tuned->config.tied;
    return wane_given_fits(&like, &pair->tuned->config, pair->tuned_path, err);
}

static wane_status open_tuned(wane_pair *pair, const char *tuned, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_package *package = NULL;
    pair->tuned_path = tuned;
    WANE_TRY(wane_given_open_model(&package, tuned, err));
    if (package) {
        pair->kind = WANE_TUNED_MODEL;
        WANE_TRY(open_model(pair, package, err));
        goto done;
    }
    WANE_TRY(wane_model_copy(&pair->tuned, pair->base, err));
    WANE_TRY(wane_given_apply(&pair->update, pair->tuned, tuned, pair->pool, &pair->log, err));
    pair->kind = pair->update.lowrank ? WANE_TUNED_ADAPTER : WANE_TUNED_TENSORS;
done:
    wane_package_close(package);
    return st;
}

wane_status wane_pair_open(wane_pair *out, const char *base, const char *tuned, size_t threads,
                           wane_error *err)
{
    wane_status st = WANE_OK;
    wane_pair pair = {.base_path = base, .log = {wane_page_say, NULL}};
    wane_package *package = NULL;
    if (threads > WANE_MAX_THREADS)
        return wane_fail(err, WANE_EINVAL, "open: --threads: at most %d", WANE_MAX_THREADS);
    if (is_bare_adapter(base))
        return wane_fail(err, WANE_EINVAL,
                         "open: %s: an adapter, not a model; name the model it was made on first",
                         base);
    WANE_TRY(wane_pool_new(&pair.pool, (int)threads, err));
    WANE_TRY(wane_package_open(&package, base, err));
    wane_given_tell_both(package, true, &pair.log);
    WANE_TRY(wane_model_load_package(&pair.base, package, err));
    wane_given_tell_others(pair.base, base, &pair.log);
    if (tuned) WANE_TRY(open_tuned(&pair, tuned, err));
    *out = pair;
    pair = (wane_pair){0};
done:
    wane_package_close(package);
    wane_pair_close(&pair);
    return st;
}

void wane_pair_close(wane_pair *pair)
{
    wane_model_free(pair->base);
    wane_model_free(pair->tuned);
    wane_update_free(&pair->update);
    wane_tokenizer_free(pair->tokenizer);
    wane_tokenizer_free(pair->own);
    wane_pool_free(pair->pool);
    *pair = (wane_pair){0};
}

wane_status wane_pair_not_finite(const char *command, const wane_pair *pair, const char *what,
                                 wane_error *err)
{
    char weight[300];
    const char *cause = wane_model_say_not_finite(weight, sizeof weight, wane_pair_model(pair));
    return wane_fail(err, WANE_ENUMERIC, "%s: %s: %s: logits are not finite: %s", command,
                     pair->tuned ? pair->tuned_path : pair->base_path, what,
                     cause ? cause : "sums overflow, the weights are finite");
}

const wane_model *wane_pair_model(const wane_pair *pair)
{
    return pair->tuned ? pair->tuned : pair->base;
}

wane_status wane_pair_tokenizer(wane_pair *pair, wane_error *err)
{
    wane_status st = wane_tokenizer_load(&pair->tokenizer, pair->base_path, err);
    if (st != WANE_OK) return st;
    size_t rows = pair->base->config.vocabulary, tuned = wane_pair_model(pair)->config.vocabulary;
    wane_tokenizer_set_rows(pair->tokenizer, rows < tuned ? rows : tuned);
    if (!pair->tuned || !holds_tokenizer(pair->tuned_path)) return WANE_OK;
    return wane_tokenizer_load(&pair->own, pair->tuned_path, err);
}

/* ----------------------------------------------------------------------------- merged = unmerged
 */

enum { PROBE = 64 };

static wane_status probe_logits(float *out, const wane_model *model, const wane_adapter *adapter,
                                wane_pool *pool, wane_error *err)
{
    size_t count =
        PROBE < wane_config_reach(&model->config) ? PROBE : wane_config_reach(&model->config);
    size_t starts[2] = {0, count}, position[PROBE];
    int32_t ids[PROBE];
    wane_random where = {.purpose = WANE_RANDOM_GATE};
    wane_pass *pass = NULL;
    wane_pass_limits limits = {.tokens = count, .sequences = 1, .targets = 1};
    wane_batch batch = {.tokens = count, .sequences = 1, .ids = ids, .starts = starts};
    for (size_t i = 0; i < count; i++) {
        ids[i] = (int32_t)wane_random_below(&where, i, model->config.vocabulary);
        position[i] = i;
    }
    wane_pass_limits_adapter(&limits, adapter);
    wane_status st = wane_pass_new(&pass, &model->config, &limits, pool, err);
    if (st == WANE_OK) st = wane_pass_forward(pass, model, adapter, &batch, NULL, err);
    if (st == WANE_OK) wane_pass_logits(pass, position, count, out);
    wane_pass_free(pass);
    return st;
}

wane_status wane_pair_merge_difference(double *out, const wane_pair *pair, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_adapter *adapter = NULL;
    size_t count = 0;
    float *beside = NULL, *merged = NULL;
    *out = NAN;
    if (pair->kind != WANE_TUNED_ADAPTER) return WANE_OK;
    for (size_t i = 0; i < pair->update.count; i++) {
        const wane_update_tensor *t = &pair->update.tensors[i];
        long index = wane_parameters_find(&pair->base->parameters, t->name);
        if (index < 0 || !pair->base->parameters.parameter[index].linear || t->data) return WANE_OK;
    }
    WANE_TRY(wane_adapter_from_update(&adapter, &pair->base->parameters, &pair->update, err));
    if (!wane_size_mul(&count, PROBE, pair->base->config.vocabulary)) count = SIZE_MAX;
    beside = wane_alloc_aligned(count, sizeof *beside);
    merged = wane_alloc_aligned(count, sizeof *merged);
    if (!beside || !merged) WANE_TRY(wane_fail_memory(err, "merge", pair->tuned_path));
    WANE_TRY(probe_logits(beside, pair->base, adapter, pair->pool, err));
    WANE_TRY(probe_logits(merged, pair->tuned, NULL, pair->pool, err));
    double most = 0, difference = 0;
    bool finite = true;
    for (size_t i = 0; i < count; i++) {
        finite = finite && isfinite(beside[i]) && isfinite(merged[i]);
        most = fmax(most, fabs((double)beside[i]));
        difference = fmax(difference, fabs((double)beside[i] - (double)merged[i]));
    }
    *out = !finite ? INFINITY : most > 0 ? difference / most : 0;
done:
    wane_adapter_free(adapter);
    wane_free(beside);
    wane_free(merged);
    return st;
}
