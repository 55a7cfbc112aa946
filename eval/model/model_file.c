/* SPDX-License-Identifier: Apache-2.0
 * A model's files: config.json and tensors, read from a folder or archive and written to a folder.
 */
#include <stdio.h>
#include <string.h>

#include "eval/model/layout.h"
#include "eval/model/model_files.h"
#include "eval/model/model_internal.h"
#include "store/base/memory.h"
#include "store/files/file.h"
#include "store/files/safetensors.h"

static wane_status read_config(wane_config *out, const wane_architecture *architecture,
                               const wane_package *package, wane_error *err)
{
    char *text = NULL, *name = NULL;
    size_t bytes = 0;
    wane_status st = wane_model_config_text(&text, &bytes, &name, package, err);
    if (st == WANE_OK) st = wane_config_parse_as(out, architecture, text, bytes, name, err);
    wane_free(text);
    wane_free(name);
    return st;
}

/* A file being read into a model; used[i] marks its tensors that have a place. */
typedef struct loading {
    wane_model *model;
    const wane_tensors *file;
    const char *path;
    bool *used;
    wane_tensor_target *targets; /* one for each parameter, and one for a second copy of a tie */
    size_t target_count;
    float *copy;
    wane_error *err;
} loading;

/* The tensor of that name, or of another that files may have for it. */
static const wane_tensor *find(const loading *l, const char *name)
{
    const wane_architecture *a = l->model->config.architecture;
    const wane_tensor *tensor = wane_tensors_find(l->file, name);
    char other[WANE_TENSOR_NAME];
    for (size_t i = 0; !tensor && wane_name_of_files(other, a, i, name); i++)
        tensor = wane_tensors_find(l->file, other);
    return tensor;
}

static void mark(const loading *l, const wane_tensor *tensor)
{
    for (size_t i = 0; i < wane_tensors_count(l->file); i++)
        if (wane_tensors_at(l->file, i) == tensor) l->used[i] = true;
}

static wane_status check_shape(const loading *l, const wane_tensor *t, const wane_parameter *p)
{
    bool vector = p->role == WANE_ROLE_NORM || p->role == WANE_ROLE_BIAS;
    bool turned = wane_model_files_turn(l->file);
    size_t rows = turned ? wane_parameter_file_rows(p) : p->rows;
    size_t cols = turned ? wane_parameter_file_cols(p) : p->cols;
    bool fits = t->dimensions == (vector ? 1u : 2u) && t->shape[0] == rows &&
                (vector || t->shape[1] == cols);
    if (fits) return WANE_OK;
    size_t second = t->dimensions > 1 ? t->shape[1] : 1;
    return wane_fail(
        l->err, WANE_EFORMAT,
        "load model: %s: tensor %s has %zu dimension(s), %zu x %zu, but %s asks for %zu "
        "x %zu",
        l->path, t->name, t->dimensions, t->dimensions ? t->shape[0] : 0, second,
        wane_tensors_gguf(l->file) ? "its metadata" : "config.json", rows, cols);
}

static void aim(loading *l, const wane_tensor *tensor, float *out)
{
    mark(l, tensor);
    l->targets[l->target_count++] = (wane_tensor_target){tensor, out};
}

static wane_status place_parameter(loading *l, const wane_parameter *p)
{
    const wane_tensor *tensor = find(l, p->name);
    if (!tensor && p->role == WANE_ROLE_EMBEDDING && l->model->config.tied)
        tensor = find(l, wane_parameters_head_name(&l->model->parameters));
    if (!tensor)
        return wane_fail(l->err, WANE_EFORMAT, "load model: %s: tensor %s is missing", l->path,
                         p->name);
    wane_status st = check_shape(l, tensor, p);
    if (st == WANE_OK) aim(l, tensor, l->model->weights + p->offset);
    return st;
}

static const wane_parameter *embedding_of(const wane_model *model)
{
    size_t embedding = model->parameters.places->outside.weight[WANE_EMBEDDING];
    return &model->parameters.parameter[embedding];
}

/* A tied model may carry its matrix twice, if both are equal. */
static wane_status place_copy(loading *l)
{
    const wane_tensor *head = find(l, wane_parameters_head_name(&l->model->parameters));
    const wane_parameter *p = embedding_of(l->model);
    if (!l->model->config.tied || !head || !find(l, p->name)) return WANE_OK;
    wane_status st = check_shape(l, head, p);
    if (st != WANE_OK) return st;
    l->copy = wane_alloc_aligned(p->rows * p->cols, sizeof(float));
    if (!l->copy) return wane_fail_memory(l->err, "load model", l->path);
    aim(l, head, l->copy);
    return WANE_OK;
}

static wane_status check_copy(const loading *l)
{
    const wane_parameter *p = embedding_of(l->model);
    if (!l->copy ||
        memcmp(l->copy, l->model->weights + p->offset, p->rows * p->cols * sizeof(float)) == 0)
        return WANE_OK;
    return wane_fail(l->err, WANE_EFORMAT,
                     "load model: %s: tensor %s differs from the embedding, but config.json ties "
                     "them",
                     l->path, wane_parameters_head_name(&l->model->parameters));
}

static bool is_ignored(const wane_architecture *a, const char *name)
{
    for (size_t i = 0; a->ignored && a->ignored[i]; i++)
        if (wane_tensor_ends(name, a->ignored[i])) return true;
    return false;
}

/* Of what is no part of the text model. */
static bool is_other(const wane_architecture *a, const char *name)
{
    const char *const *others = a->within ? a->within->others : NULL;
    for (; others && *others; others++)
        if (strncmp(name, *others, strlen(*others)) == 0) return true;
    return false;
}

/* The names of what is read, those of layers once: "a, net.layers.N: b, c; d". */
static void say_read(wane_text *out, const wane_config *config)
{
    static const char layer[] = "%zu.";
    const wane_architecture *a = config->architecture;
    bool within = false;
    for (size_t i = 0; i < a->row_count; i++) {
        const wane_tensor_row *row = &a->rows[i];
        const char *inside = strstr(row->module, layer);
        if (row->present && !row->present(config)) continue;
        wane_text_string(out, out->length == 0 ? "" : within && !inside ? "; " : ", ");
        if (inside && !within)
            wane_text_printf(out, "%.*sN: ", (int)(inside - row->module), row->module);
        wane_text_printf(out, "%s%s", inside ? inside + strlen(layer) : row->module,
                         row->bias ? ".bias" : "");
        within = inside != NULL;
    }
}

static wane_status refuse_unknown(const loading *l, const wane_tensor *tensor)
{
    wane_text read = {0};
    say_read(&read, &l->model->config);
    wane_status st = wane_fail(
        l->err, WANE_EFORMAT, "load model: %s: tensor %s has no place in this model (%s reads %s)",
        l->path, tensor->name, l->model->config.architecture->name, read.data ? read.data : "");
    wane_text_free(&read);
    return st;
}

static wane_status check_unknown(const loading *l)
{
    const wane_architecture *a = l->model->config.architecture;
    for (size_t i = 0; i < wane_tensors_count(l->file); i++) {
        const wane_tensor *tensor = wane_tensors_at(l->file, i);
        if (l->used[i] || wane_tensor_is_buffer(tensor) || is_ignored(a, tensor->name)) continue;
        if (!is_other(a, tensor->name)) return refuse_unknown(l, tensor);
        l->model->others++;
    }
    return WANE_OK;
}

/* Weights that the file has turned have been read as it has them. */
static wane_status turn_back(const loading *l)
{
    const wane_parameters *table = &l->model->parameters;
    size_t most = 0;
    for (size_t i = 0; i < table->count; i++) {
        const wane_parameter *p = &table->parameter[i];
        if (p->turned && p->rows * p->cols > most) most = p->rows * p->cols;
    }
    if (most == 0 || !wane_model_files_turn(l->file)) return WANE_OK;
    float *file = wane_alloc_aligned(most, sizeof *file);
    if (!file) return wane_fail_memory(l->err, "load model", l->path);
    for (size_t i = 0; i < table->count; i++) {
        const wane_parameter *p = &table->parameter[i];
        if (!p->turned) continue;
        memcpy(file, l->model->weights + p->offset, p->rows * p->cols * sizeof *file);
        wane_parameter_from_file(p, file, l->model->weights + p->offset);
    }
    wane_free(file);
    return WANE_OK;
}

static wane_status load(loading *l)
{
    wane_status st = WANE_OK;
    const wane_parameters *table = &l->model->parameters;
    l->used = wane_alloc(wane_tensors_count(l->file), sizeof *l->used);
    l->targets = wane_alloc(table->count + 1, sizeof *l->targets);
    if (!l->used || !l->targets) return wane_fail_memory(l->err, "load model", l->path);
    for (size_t i = 0; i < table->count; i++) WANE_TRY(place_parameter(l, &table->parameter[i]));
    WANE_TRY(place_copy(l));
    WANE_TRY(check_unknown(l));
    WANE_TRY(wane_tensors_read_many(l->file, l->targets, l->target_count, l->err));
    WANE_TRY(check_copy(l));
    WANE_TRY(turn_back(l));
done:
    return st;
}

static void say_quantized(wane_model *model, const wane_tensors *file)
{
    wane_text types = {0};
    if (!wane_tensors_quantized(file)) return;
    wane_tensors_say_types(&types, file, false);
    (void)snprintf(model->quantized, sizeof model->quantized, "%s", types.data ? types.data : "?");
    wane_text_free(&types);
}

wane_status wane_model_load_as(wane_model **out, const wane_architecture *architecture,
                               const wane_package *package, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_config config;
    wane_tensors *file = NULL;
    loading l = {.path = wane_package_path(package), .err = err};
    WANE_TRY(read_config(&config, architecture, package, err));
    WANE_TRY(wane_model_tensors(&file, package, err));
    l.file = file;
    WANE_TRY(wane_model_allocate(&l.model, &config, err));
    WANE_TRY(load(&l));
    say_quantized(l.model, file);
    *out = l.model;
    l.model = NULL;
done:
    wane_model_free(l.model);
    wane_free(l.used);
    wane_free(l.targets);
    wane_free(l.copy);
    wane_tensors_close(file);
    return st;
}

wane_status wane_model_load_package(wane_model **out, const wane_package *package, wane_error *err)
{
    return wane_model_load_as(out, NULL, package, err);
}

wane_status wane_model_load(wane_model **out, const char *path, wane_error *err)
{
    wane_package *package = NULL;
    wane_status st = wane_package_open(&package, path, err);
    if (st == WANE_OK) st = wane_model_load_package(out, package, err);
    wane_package_close(package);
    return st;
}

static wane_status write_config(const wane_model *model, const char *file, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_text text = {0};
    WANE_TRY(wane_config_write(&text, &model->config, err));
    WANE_TRY(wane_text_check(&text, "save model", file, err));
    WANE_TRY(wane_file_write(file, text.data, text.length, err));
done:
    wane_text_free(&text);
    return st;
}

/* The weights that the file is to have turned, one behind the other; NULL without one. */
static wane_status turn_out(float **out, const wane_model *model, const char *file, wane_error *err)
{
    size_t numbers = 0;
    for (size_t i = 0; i < model->parameters.count; i++) {
        const wane_parameter *p = &model->parameters.parameter[i];
        if (p->turned) numbers += p->rows * p->cols;
    }
    *out = NULL;
    if (numbers == 0) return WANE_OK;
    float *turned = wane_alloc_aligned(numbers, sizeof *turned);
    if (!turned) return wane_fail_memory(err, "save model", file);
    *out = turned;
    for (size_t i = 0; i < model->parameters.count; i++) {
        const wane_parameter *p = &model->parameters.parameter[i];
        if (!p->turned) continue;
        wane_parameter_to_file(p, model->weights + p->offset, turned);
        turned += p->rows * p->cols;
    }
    return WANE_OK;
}

static wane_status write_weights(const wane_model *model, const char *file, wane_error *err)
{
    static const char *const metadata[] = {"format", "pt"};
    wane_status st = WANE_OK;
    size_t count = model->parameters.count;
    float *turned = NULL;
    wane_tensor_source *tensors = wane_alloc(count, sizeof *tensors);
    if (!tensors) return wane_fail_memory(err, "save model", file);
    WANE_TRY(turn_out(&turned, model, file, err));
    const float *next = turned;
    for (size_t i = 0; i < count; i++) {
        const wane_parameter *p = &model->parameters.parameter[i];
        bool vector = p->role == WANE_ROLE_NORM || p->role == WANE_ROLE_BIAS;
        tensors[i] = (wane_tensor_source){
            .name = p->name,
            .data = p->turned ? next : model->weights + p->offset,
            .dimensions = vector ? 1 : 2,
            .shape = {wane_parameter_file_rows(p), wane_parameter_file_cols(p)}};
        if (p->turned) next += p->rows * p->cols;
    }
    WANE_TRY(wane_tensors_write(file, tensors, count, metadata, 1, err));
done:
    wane_free(turned);
    wane_free(tensors);
    return st;
}

wane_status wane_model_save(const wane_model *model, const char *path, wane_error *err)
{
    wane_status st = WANE_OK;
    char *config = wane_path_join(path, "config.json");
    char *weights = wane_path_join(path, "model.safetensors");
    if (!config || !weights) {
        st = wane_fail_memory(err, "save model", path);
        goto done;
    }
    WANE_TRY(wane_folder_make(path, err));
    WANE_TRY(write_weights(model, weights, err));
    WANE_TRY(write_config(model, config, err));
done:
    wane_free(config);
    wane_free(weights);
    return st;
}
