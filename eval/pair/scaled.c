/* SPDX-License-Identifier: Apache-2.0
 * Finds the intruders of each changed matrix, then writes an adapter with its factors widened or a
 * whole model with its weights changed.
 */
#include "eval/pair/scaled.h"

#include <math.h>
#include <string.h>

#include "analysis/report/live.h"
#include "store/files/file.h"
#include "store/files/package.h"
#include "store/files/tensors.h"

void wane_scaled_free(wane_scaled *scaled)
{
    for (size_t i = 0; scaled->matrix && i < scaled->count; i++)
        wane_scaling_free(scaled->matrix[i].scaling);
    wane_free(scaled->matrix);
    *scaled = (wane_scaled){0};
}

const wane_lowrank_term *wane_scaled_term(const wane_pair *pair, size_t parameter)
{
    const char *name = pair->base->parameters.parameter[parameter].name;
    for (size_t i = 0; pair->update.lowrank && i < pair->update.count; i++)
        if (strcmp(pair->update.tensors[i].name, name) == 0 &&
            wane_update_is_term(&pair->update.tensors[i]))
            return &pair->update.tensors[i].term;
    return NULL;
}

static bool is_changed(const wane_pair *pair, size_t parameter)
{
    const wane_parameter *p = &pair->base->parameters.parameter[parameter];
    if (pair->kind == WANE_TUNED_ADAPTER) return wane_scaled_term(pair, parameter) != NULL;
    return memcmp(pair->base->weights + p->offset, pair->tuned->weights + p->offset,
                  p->rows * p->cols * sizeof(float)) != 0;
}

/* A matrix that an adapter saves whole has no factors to be scaled, and of one with a vector beside
 * them they are not all. */
static wane_status check_factors(const wane_pair *pair, size_t parameter, wane_error *err)
{
    const char *name = pair->base->parameters.parameter[parameter].name;
    for (size_t i = 0; pair->kind == WANE_TUNED_ADAPTER && i < pair->update.count; i++) {
        const wane_update_tensor *t = &pair->update.tensors[i];
        if (strcmp(t->name, name) == 0 && !wane_update_is_term(t))
            return wane_fail(
                err, WANE_EINVAL, "scale: %s: %s %s in the adapter; merge it into its model",
                pair->tuned_path, name, t->data ? "is saved whole" : "has more than factors");
    }
    return WANE_OK;
}

/* What the tuned file's 16 bits, if it has them, have left in a number of the weight. */
static double rounding_of(wane_matrix w)
{
    size_t count = w.rows * w.cols;
    return wane_dtype_rounding_rms(wane_dtype_of_values(w.data, count), w.data, count);
}

static wane_status find_one(wane_scaled_matrix *m, const wane_pair *pair,
                            const wane_scaled_question *q, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_base_svd *svd = NULL;
    wane_matrix base = wane_model_matrix(pair->base, m->parameter), tuned = {0};
    if (pair->tuned) tuned = wane_model_matrix(pair->tuned, m->parameter);
    size_t stored = q->options.stored, k = q->options.k;
    WANE_TRY(wane_base_svd_take(&svd, base, q->exact ? WANE_SPECTRUM_EXACT : WANE_SPECTRUM_AUTO,
                                stored && stored < k ? k : stored, q->cache, pair->pool, err));
    if (pair->kind == WANE_TUNED_ADAPTER)
        WANE_TRY(wane_scaling_lowrank(&m->scaling, svd, wane_scaled_term(pair, m->parameter), 1,
                                      &q->options, pair->pool, err));
    else {
        wane_scaling_options options = q->options;
        options.rounding = rounding_of(tuned);
        WANE_TRY(wane_scaling_full(&m->scaling, svd, tuned, &options, pair->pool, err));
    }
    m->what = wane_intervene(m->scaling, q->choice, q->arm, q->lambda);
done:
    wane_base_svd_free(svd);
    return st;
}

wane_status wane_scaled_find(wane_scaled *out, const wane_pair *pair,
                             const wane_scaled_question *question, wane_error *err)
{
    const wane_parameters *table = &pair->base->parameters;
    wane_status st = WANE_OK;
    wane_scaled all = {.matrix = wane_alloc(table->count, sizeof *all.matrix)};
    if (!all.matrix) WANE_TRY(wane_fail_memory(err, "scale", pair->base_path));
    if (question->cache) WANE_TRY(wane_folder_make(question->cache, err));
    for (size_t i = 0; i < table->count; i++) {
        if (table->parameter[i].linear) WANE_TRY(check_factors(pair, i, err));
        if (!table->parameter[i].linear || !is_changed(pair, i)) continue;
        wane_scaled_matrix *m = &all.matrix[all.count++];
        m->parameter = i;
        wane_live_show("scale: matrix %zu", all.count);
        WANE_TRY(find_one(m, pair, question, err));
        double before = wane_scaling_delta(m->scaling), after = m->what.delta_frobenius;
        bool exists = m->what.state == WANE_ARM_EXISTS;
        all.before += before * before;
        all.after += exists ? after * after : before * before;
        all.with += wane_scaling_intruders(m->scaling, WANE_CHOICE_ALL) > 0;
        all.changed += exists;
        all.bounded += wane_scaling_is_bounded(m->scaling);
        all.unresolved += wane_scaling_unresolved(m->scaling);
    }
    all.before = sqrt(all.before);
    all.after = sqrt(all.after);
    *out = all;
    all = (wane_scaled){0};
done:
    wane_live_clear();
    wane_scaled_free(&all);
    return st;
}

/* ------------------------------------------------------------------------------------- adapters */

static const wane_scaled_matrix *matrix_of(const wane_scaled *scaled, const wane_pair *pair,
                                           const char *name)
{
    for (size_t i = 0; i < scaled->count; i++) {
        const wane_scaled_matrix *m = &scaled->matrix[i];
        if (m->what.state == WANE_ARM_EXISTS &&
            strcmp(pair->base->parameters.parameter[m->parameter].name, name) == 0)
            return m;
    }
    return NULL;
}

/* s B A becomes s [(1 + a) B, L / s] [A; R^T]. */
static wane_status widen(wane_update_tensor *tensor, const wane_scaled_matrix *m, wane_arena *arena,
                         wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_lowrank_term old = tensor->term;
    size_t rows = tensor->rows, cols = tensor->cols, more = m->what.rank, rank = old.rank + more;
    double scale = (double)old.scale;
    double *left = wane_alloc(rows * more, sizeof *left);
    double *right = wane_alloc(cols * more, sizeof *right);
    float *b = wane_arena_alloc(arena, rows * rank, sizeof *b);
    float *a = wane_arena_alloc(arena, rank * cols, sizeof *a);
    if (!left || !right || !a || !b) WANE_TRY(wane_fail_memory(err, "scale", tensor->name));
    wane_intervention_factors(left, right, m->scaling, &m->what);
    memcpy(a, old.a, old.rank * cols * sizeof *a);
    for (size_t k = 0; k < more; k++)
        for (size_t j = 0; j < cols; j++) a[(old.rank + k) * cols + j] = (float)right[j + k * cols];
    for (size_t i = 0; i < rows; i++) {
        for (size_t k = 0; k < old.rank; k++)
            b[i * rank + k] = (float)((1 + m->what.delta_scale) * (double)old.b[i * old.rank + k]);
        for (size_t k = 0; k < more; k++)
            b[i * rank + old.rank + k] = (float)(left[i + k * rows] / scale);
    }
    tensor->term = (wane_lowrank_term){.b = b, .a = a, .rank = rank, .scale = old.scale};
done:
    wane_free(left);
    wane_free(right);
    return st;
}

static wane_status write_adapter(const wane_scaled *scaled, const wane_pair *pair, const char *path,
                                 wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_update *old = &pair->update;
    wane_update update = {0};
    wane_arena *arena = wane_arena_new();
    if (!arena) WANE_TRY(wane_fail_memory(err, "scale", path));
    WANE_TRY(wane_update_new(&update, old->count, true, err));
    update.facts = old->facts;
    update.head = old->head;
    update.head_rows = old->head_rows;
    update.head_cols = old->head_cols;
    for (size_t i = 0; i < old->count; i++) {
        const wane_scaled_matrix *m = matrix_of(scaled, pair, old->tensors[i].name);
        update.tensors[i] = old->tensors[i];
        if (m) WANE_TRY(widen(&update.tensors[i], m, arena, err));
    }
    st = wane_update_save(&update, path, err);
done:
    wane_update_free(&update);
    wane_arena_free(arena);
    return st;
}

/* ----------------------------------------------------------------------------------- whole models
 */

/* Files beside the weights that make a folder of use. */
static wane_status copy_files(const char *from, const char *to, const wane_log *log,
                              wane_error *err)
{
    static const char *const names[] = {
        "tokenizer.json",    "tokenizer_config.json",  "special_tokens_map.json",
        "added_tokens.json", "generation_config.json", "vocab.json",
        "merges.txt",        "tokenizer.model",        "vocab.txt",
        "spiece.model",      "sentencepiece.bpe.model"};
    wane_status st = WANE_OK;
    wane_package *package = NULL;
    char *bytes = NULL, *path = NULL;
    size_t copied = 0;
    WANE_TRY(wane_package_open(&package, from, err));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t count = 0;
        if (!wane_package_has(package, names[i])) continue;
        copied++;
        WANE_TRY(wane_package_read(&bytes, &count, package, names[i], err));
        path = wane_path_join(to, names[i]);
        if (!path) WANE_TRY(wane_fail_memory(err, "scale", to));
        WANE_TRY(wane_file_write(path, bytes, count, err));
        wane_free(bytes);
        wane_free(path);
        bytes = path = NULL;
    }
    if (copied == 0 && wane_package_in_gguf(package))
        wane_log_line(log, WANE_LOG_WARNING,
                      "%s: its tokenizer is in the GGUF file alone: %s has none", from, to);
done:
    wane_free(bytes);
    wane_free(path);
    wane_package_close(package);
    return st;
}

static wane_status has_tokenizer(bool *out, const char *path, wane_error *err)
{
    wane_package *package = NULL;
    wane_status st = wane_package_open(&package, path, err);
    *out = st == WANE_OK && wane_tokenizer_there(package);
    wane_package_close(package);
    return st;
}

static wane_status write_model(const wane_scaled *scaled, wane_pair *pair, const char *path,
                               wane_error *err)
{
    wane_status st = WANE_OK;
    bool own = false;
    for (size_t i = 0; i < scaled->count; i++) {
        const wane_scaled_matrix *m = &scaled->matrix[i];
        if (m->what.state == WANE_ARM_EXISTS)
            WANE_TRY(wane_intervention_apply(wane_model_weight(pair->tuned, m->parameter),
                                             wane_model_matrix(pair->base, m->parameter).data,
                                             m->scaling, &m->what, pair->pool, err));
    }
    WANE_TRY(wane_model_save(pair->tuned, path, err));
    if (pair->kind == WANE_TUNED_MODEL) WANE_TRY(has_tokenizer(&own, pair->tuned_path, err));
    st = copy_files(own ? pair->tuned_path : pair->base_path, path, &pair->log, err);
done:
    return st;
}

wane_status wane_scaled_write(const wane_scaled *scaled, wane_pair *pair, const char *path,
                              wane_error *err)
{
    return pair->kind == WANE_TUNED_ADAPTER ? write_adapter(scaled, pair, path, err)
                                            : write_model(scaled, pair, path, err);
}
