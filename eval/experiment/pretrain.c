/* SPDX-License-Identifier: Apache-2.0
 * Packs windows of the built-in language into steps, trains all weights, and leaves the folder
 * whole, or as it was, under a lock.
 */
#include "eval/experiment/pretrain.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/compute/environment.h"
#include "eval/model/architecture.h"
#include "eval/model/model.h"
#include "store/base/memory.h"
#include "store/base/random.h"
#include "store/files/file.h"
#include "tasks/builtin/builtin.h"
#include "tasks/data/corpus.h"
#include "tasks/text/tokenizer.h"

/* Documents of the pretraining corpus come from this seed plus the settings' seed; the corpora that
 * are watched use others (1000003 by default), so no watched document was trained on by design. */
enum { CORPUS_SEED = 17 };

/* One step's documents, packed. */
typedef struct packed {
    int32_t *ids, *targets;
    size_t *starts, *positions;
    wane_batch batch;
} packed;

static void packed_free(packed *p)
{
    wane_free(p->ids);
    wane_free(p->targets);
    wane_free(p->starts);
    wane_free(p->positions);
}

static wane_status packed_new(packed *p, size_t tokens, wane_error *err)
{
    p->ids = wane_alloc(tokens, sizeof *p->ids);
    p->targets = wane_alloc(tokens, sizeof *p->targets);
    p->starts = wane_alloc(tokens + 1, sizeof *p->starts);
    p->positions = wane_alloc(tokens, sizeof *p->positions);
    if (!p->ids || !p->targets || !p->starts || !p->positions)
        return wane_fail_memory(err, "pretrain", "batch");
    return WANE_OK;
}

/* Appends window w: every token after its first is predicted. */
static void add_window(packed *p, const wane_windows *windows, size_t w)
{
    wane_batch *b = &p->batch;
    size_t first = windows->starts[w], length = windows->starts[w + 1] - first;
    memcpy(p->ids + b->tokens, windows->ids + first, length * sizeof *p->ids);
    for (size_t i = 0; i + 1 < length; i++) {
        p->positions[b->targets] = b->tokens + i;
        p->targets[b->targets++] = windows->ids[first + i + 1];
    }
    b->tokens += length;
    p->starts[++b->sequences] = b->tokens;
}

/* Windows are drawn epoch by epoch, each epoch a permutation; a step takes the next ones that fit
 * in batch_tokens. */
typedef struct drawing {
    const wane_windows *windows;
    size_t *order, next, epoch;
    uint64_t seed;
} drawing;

static void draw_step(packed *p, drawing *d, size_t batch_tokens)
{
    p->batch = (wane_batch){
        .ids = p->ids, .starts = p->starts, .position = p->positions, .target = p->targets};
    p->starts[0] = 0;
    for (;;) {
        if (d->next == d->windows->windows) {
            wane_random where = {d->seed, WANE_RANDOM_SHUFFLE, 0, ++d->epoch, 0};
            wane_random_permutation(d->order, d->windows->windows, &where);
            d->next = 0;
        }
        size_t w = d->order[d->next];
        size_t length = d->windows->starts[w + 1] - d->windows->starts[w];
        if (p->batch.sequences && p->batch.tokens + length > batch_tokens) return;
        add_window(p, d->windows, w);
        d->next++;
    }
}

static wane_status train_steps(wane_trainer *trainer, const wane_pretraining *s,
                               const wane_windows *windows, const wane_log *log, wane_error *err)
{
    wane_status st = WANE_OK;
    packed p = {0};
    drawing d = {.windows = windows, .next = windows->windows, .seed = s->seed};
    size_t room = s->batch_tokens > s->context ? s->batch_tokens : s->context;
    d.order = wane_alloc(windows->windows, sizeof *d.order);
    WANE_TRY(d.order ? WANE_OK : wane_fail_memory(err, "pretrain", "order"));
    WANE_TRY(packed_new(&p, room, err));
    size_t every = s->steps >= 10 ? s->steps / 10 : 1;
    for (size_t step = 0; step < s->steps; step++) {
        wane_step result = {0};
        draw_step(&p, &d, s->batch_tokens);
        WANE_TRY(wane_trainer_step(trainer, &p.batch, &result, err));
        if (!result.finite) {
            st = wane_fail(err, WANE_ENUMERIC, "pretrain: step %zu: the loss is not finite", step);
            goto done;
        }
        if ((step + 1) % every == 0)
            wane_log_line(log, WANE_LOG_INFO, "pretrain: step %zu of %zu, loss %.4f nats/token",
                          step + 1, s->steps, result.loss);
    }
done:
    packed_free(&p);
    wane_free(d.order);
    return st;
}

enum { NAMES = 3 };
static const char *const names[NAMES] = {"tokenizer.json", "config.json", "model.safetensors"};

static bool there(const char *folder, const char *name)
{
    char *path = wane_path_join(folder, name);
    bool found = path && wane_file_exists(path);
    wane_free(path);
    return found;
}

static bool of_model(const char *name)
{
    for (int i = 0; i < NAMES; i++)
        if (strcmp(name, names[i]) == 0) return true;
    return false;
}

/* What a failed writing has left goes: the folder that it made, or the files that were not there.
 * What cannot be removed stays; the failure itself is what is told. */
static void take_back(const char *folder, const bool *mine, bool fresh)
{
    wane_error ignored;
    if (fresh && wane_folder_remove(folder, of_model, &ignored) == WANE_OK) return;
    for (int i = 0; i < NAMES; i++) {
        char *path = mine[i] ? wane_path_join(folder, names[i]) : NULL;
        wane_status removed = path ? wane_remove(path, &ignored) : WANE_OK;
        (void)removed;
        wane_free(path);
    }
}

static wane_status save_all(const wane_model *model, const char *tokenizer, size_t bytes,
                            const char *folder, wane_error *err)
{
    char *path = wane_path_join(folder, names[0]);
    if (!path) return wane_fail_memory(err, "pretrain", folder);
    bool mine[NAMES], fresh = !wane_folder_exists(folder);
    for (int i = 0; i < NAMES; i++) mine[i] = !there(folder, names[i]);
    wane_status st = wane_folder_make(folder, err);
    if (st == WANE_OK) st = wane_file_write(path, tokenizer, bytes, err);
    if (st == WANE_OK) st = wane_model_save(model, folder, err);
    wane_free(path);
    if (st != WANE_OK) take_back(folder, mine, fresh);
    return st;
}

static wane_config config_of(const wane_pretraining *s, const wane_tokenizer *tokenizer)
{
    return (wane_config){.architecture = &wane_architecture_llama,
                         .vocabulary = wane_tokenizer_size(tokenizer),
                         .width = s->width,
                         .layers = s->layers,
                         .heads = s->heads,
                         .kv_heads = s->kv_heads,
                         .head_width = s->width / s->heads,
                         .hidden = s->hidden,
                         .context = s->context,
                         .norm_epsilon = 1e-6,
                         .rope = {.theta = 10000},
                         .tied = true,
                         /* By width (LeCun): at .02 so small a model loses its first steps to
                          * growing. */
                         .initializer_range = 1 / sqrt((double)s->width),
                         .bos = wane_tokenizer_bos(tokenizer),
                         .eos = wane_tokenizer_eos(tokenizer)};
}

static wane_training training_of(const wane_pretraining *s)
{
    return (wane_training){.learning_rate = s->learning_rate,
                           .weight_decay = s->weight_decay,
                           .clip = s->clip,
                           .beta1 = 0.9,
                           .beta2 = 0.99,
                           .epsilon = 1e-8,
                           .schedule = WANE_SCHEDULE_COSINE,
                           .warmup_ratio = s->warmup_ratio,
                           .total_steps = s->steps,
                           .micro_tokens = s->batch_tokens};
}

wane_status wane_pretrain(const wane_pretraining *s, const char *folder, wane_pool *pool,
                          const wane_log *log, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_text json = {0};
    wane_tokenizer *tokenizer = NULL;
    wane_corpus corpus = {0};
    wane_windows windows = {0};
    wane_model *model = NULL;
    wane_trainer *trainer = NULL;
    double entropy = 0;
    WANE_TRY(wane_builtin_tokenizer(&json, err));
    WANE_TRY(wane_tokenizer_parse(&tokenizer, json.data, json.length, "built-in tokenizer", err));
    WANE_TRY(wane_builtin_corpus(&corpus, "pretraining", CORPUS_SEED + s->seed, s->documents,
                                 &entropy, err));
    wane_window_rule rule = {.window = s->context};
    WANE_TRY(wane_corpus_encode(&windows, &corpus, tokenizer, &rule, err));
    const wane_config config = config_of(s, tokenizer);
    WANE_TRY(wane_model_random(&model, &config, s->seed, err));
    const wane_method_settings method = {.method = &wane_method_full};
    const wane_training training = training_of(s);
    WANE_TRY(wane_trainer_new(&trainer, model, &method, &training, NULL, s->seed, 0, pool, err));
    wane_log_line(log, WANE_LOG_INFO,
                  "pretrain: the built-in model, %zu numbers, %zu steps (entropy of the language: "
                  "%.4f nats/token)",
                  model->parameters.numbers, s->steps, entropy);
    WANE_TRY(train_steps(trainer, s, &windows, log, err));
    const wane_parameter *bad = wane_model_not_finite(model, NULL);
    if (bad) { /* the last step's update: no loss has seen it */
        st = wane_fail(err, WANE_ENUMERIC, "pretrain: step %zu: %s is not finite after it",
                       s->steps - 1, bad->name);
        goto done;
    }
    WANE_TRY(save_all(model, json.data, json.length, folder, err));
done:
    wane_trainer_free(trainer);
    wane_model_free(model);
    wane_windows_free(&windows);
    wane_corpus_free(&corpus);
    wane_tokenizer_free(tokenizer);
    wane_text_free(&json);
    return st;
}

static wane_status settings_hash(char out[WANE_SHA256_HEX], const wane_pretraining *s,
                                 wane_error *err)
{
    wane_sha256 *hash = NULL;
    wane_status st = wane_sha256_begin(&hash, err);
    if (st != WANE_OK) return st;
    const wane_settings_of made = {&wane_pretraining_settings, s};
    const wane_setting *setting = NULL;
    const void *of = NULL;
    wane_sha256_text(hash, "builtin model, numbers " WANE_NUMBERS);
    for (int place = 1; (setting = wane_settings_placed(&of, &made, 1, place)); place++) {
        char text[32];
        wane_sha256_text(hash, wane_format_double(text, wane_setting_value(setting, of)));
    }
    return wane_sha256_end(out, hash, err);
}

/* Whether every file of the model is there: a killed process may have written some. */
static bool complete(const char *folder)
{
    bool all = true;
    for (int i = 0; i < NAMES; i++) all = all && there(folder, names[i]);
    return all;
}

wane_status wane_pretrain_builtin(char **folder, const wane_pretraining *settings,
                                  const char *parent, wane_pool *pool, const wane_log *log,
                                  wane_error *err)
{
    char hash[WANE_SHA256_HEX], name[64];
    char *path = NULL, *lock_path = NULL;
    wane_lock *lock = NULL;
    wane_status st = WANE_OK;
    WANE_TRY(settings_hash(hash, settings, err));
    (void)snprintf(name, sizeof name, "builtin-%.16s", hash);
    path = wane_path_join(parent, name);
    (void)snprintf(name, sizeof name, "builtin-%.16s.lock", hash);
    lock_path = wane_path_join(parent, name);
    WANE_TRY(path && lock_path ? WANE_OK : wane_fail_memory(err, "pretrain", parent));
    WANE_TRY(wane_folder_make(parent, err));
    WANE_TRY(wane_lock_take(&lock, lock_path, true, err));
    if (!complete(path)) WANE_TRY(wane_pretrain(settings, path, pool, log, err));
    *folder = path;
    path = NULL;
done:
    wane_lock_release(lock);
    wane_free(path);
    wane_free(lock_path);
    return st;
}
