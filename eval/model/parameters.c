/* SPDX-License-Identifier: Apache-2.0
 * Makes the parameter table of a configuration from the rows of its architecture, and the index of
 * where each place of each layer stands in it.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "eval/model/layout.h"
#include "store/base/memory.h"
#include "store/files/tensors.h"

/* What a dimension is measured in. */
typedef enum size {
    ONE,
    VOCABULARY,
    WIDTH,
    POSITIONS,
    HEADS, /* of all query heads */
    KEYS,  /* of all key heads, or value heads */
    HEADS_KEYS_VALUES,
    HIDDEN,
    TWICE_HIDDEN,
    QUERY_NORM,
    KEY_NORM
} size;

/* Steps of a layer, in the order of the computation. */
typedef enum step {
    BEFORE_ATTENTION,
    PROJECT,
    BEFORE_SCORES,
    JOIN,
    AFTER_ATTENTION,
    BEFORE_MLP,
    EXPAND,
    REDUCE,
    AFTER_MLP,
    STEPS
} step;

/* What follows from a place. Outside the layers, the step: of those before them, or behind. */
static const struct {
    wane_role role;
    size rows, cols;
    step step;
    bool before;
} places[WANE_PLACES] = {
    [WANE_SLOT_Q] = {WANE_ROLE_Q, HEADS, WIDTH, PROJECT},
    [WANE_SLOT_K] = {WANE_ROLE_K, KEYS, WIDTH, PROJECT},
    [WANE_SLOT_V] = {WANE_ROLE_V, KEYS, WIDTH, PROJECT},
    [WANE_SLOT_O] = {WANE_ROLE_O, WIDTH, HEADS, JOIN},
    [WANE_SLOT_GATE] = {WANE_ROLE_GATE, HIDDEN, WIDTH, EXPAND},
    [WANE_SLOT_UP] = {WANE_ROLE_UP, HIDDEN, WIDTH, EXPAND},
    [WANE_SLOT_DOWN] = {WANE_ROLE_DOWN, WIDTH, HIDDEN, REDUCE},
    [WANE_SLOT_QKV] = {WANE_ROLE_QKV, HEADS_KEYS_VALUES, WIDTH, PROJECT},
    [WANE_SLOT_GATE_UP] = {WANE_ROLE_GATE_UP, TWICE_HIDDEN, WIDTH, EXPAND},
    [WANE_NORM_ATTENTION] = {WANE_ROLE_NORM, WIDTH, ONE, BEFORE_ATTENTION},
    [WANE_NORM_MLP] = {WANE_ROLE_NORM, WIDTH, ONE, BEFORE_MLP},
    [WANE_NORM_Q] = {WANE_ROLE_NORM, QUERY_NORM, ONE, BEFORE_SCORES},
    [WANE_NORM_K] = {WANE_ROLE_NORM, KEY_NORM, ONE, BEFORE_SCORES},
    [WANE_NORM_ATTENTION_OUT] = {WANE_ROLE_NORM, WIDTH, ONE, AFTER_ATTENTION},
    [WANE_NORM_MLP_OUT] = {WANE_ROLE_NORM, WIDTH, ONE, AFTER_MLP},
    [WANE_EMBEDDING] = {WANE_ROLE_EMBEDDING, VOCABULARY, WIDTH, .before = true},
    [WANE_POSITIONS] = {WANE_ROLE_POSITIONS, POSITIONS, WIDTH, .before = true},
    [WANE_NORM_FINAL] = {WANE_ROLE_NORM, WIDTH, ONE},
    [WANE_HEAD] = {WANE_ROLE_HEAD, VOCABULARY, WIDTH},
};

static size_t measure(const wane_config *c, size what)
{
    switch (what) {
    case VOCABULARY: return c->vocabulary;
    case WIDTH: return c->width;
    case HEADS: return c->heads * c->head_width;
    case KEYS: return c->kv_heads * c->head_width;
    case HEADS_KEYS_VALUES: return (c->heads + 2 * c->kv_heads) * c->head_width;
    case POSITIONS: return c->context + c->block.position_offset;
    case HIDDEN: return c->hidden;
    case TWICE_HIDDEN: return 2 * c->hidden;
    case QUERY_NORM: return c->block.qk_norm_whole ? measure(c, HEADS) : c->head_width;
    case KEY_NORM: return c->block.qk_norm_whole ? measure(c, KEYS) : c->head_width;
    case ONE: break;
    }
    return 1;
}

size_t wane_place_rows(const wane_config *config, wane_place place)
{
    return measure(config, places[place].rows);
}

size_t wane_place_cols(const wane_config *config, wane_place place)
{
    return measure(config, places[place].cols);
}

size_t wane_pass_step(const wane_config *config, size_t layer, wane_place place)
{
    if (place < WANE_EMBEDDING) return (layer + 1) * STEPS + places[place].step;
    return places[place].before ? 0 : (config->layers + 1) * STEPS;
}

size_t wane_head(const wane_parameters *parameters)
{
    const wane_layer_index *outside = &parameters->places->outside;
    size_t head = outside->weight[WANE_HEAD];
    return head == WANE_ABSENT ? outside->weight[WANE_EMBEDDING] : head;
}

bool wane_has(const wane_parameters *parameters, wane_place place)
{
    return parameters->places->layer[0].weight[place] != WANE_ABSENT;
}

size_t wane_expanded(const wane_config *config, const wane_parameters *parameters)
{
    bool gated = wane_has(parameters, WANE_SLOT_GATE) || wane_has(parameters, WANE_SLOT_GATE_UP);
    return (gated ? 2 : 1) * config->hidden;
}

static wane_status check_sizes(const wane_config *c, wane_error *err)
{
    const wane_architecture *a = c->architecture;
    if (!a) return wane_fail(err, WANE_EINVAL, "model: architecture: none is named");
    for (size_t i = 0; i < a->key_count; i++) {
        const wane_config_key *key = &a->keys[i];
        if (key->type != &wane_config_size) continue;
        size_t value = wane_config_key_size(c, key);
        bool zero = key->optional || key->null_is_zero;
        if ((value < 1 && !zero) || value > key->most)
            return wane_fail(err, WANE_EINVAL, "model: %s: %zu is not in 1..%zu", key->name, value,
                             key->most);
    }
#define NAMED(member) wane_config_key_of(c, offsetof(wane_config, member), #member)
    if (c->kv_heads < 1 || c->heads % c->kv_heads != 0)
        return wane_fail(err, WANE_EINVAL, "model: %s: %zu does not divide %s %zu", NAMED(kv_heads),
                         c->kv_heads, NAMED(heads), c->heads);
    size_t turned = c->rope.width ? c->rope.width : c->head_width;
    if (c->head_width < 1 || (c->rope.theta != 0 && turned + turned % 2 > c->head_width))
        return wane_fail(err, WANE_EINVAL, "model: %s: %zu is odd: no rotary pairs",
                         NAMED(head_width), turned);
    if (c->heads * c->head_width > INT_MAX / 4)
        return wane_fail(err, WANE_EINVAL, "model: %s: %zu heads of %zu are too wide",
                         NAMED(head_width), c->heads, c->head_width);
    if (!(c->norm_epsilon > 0) || !(c->norm_epsilon < 1))
        return wane_fail(err, WANE_EINVAL, "model: %s: %g is not in (0, 1)", NAMED(norm_epsilon),
                         c->norm_epsilon);
    bool positions = false;
    for (size_t i = 0; i < a->row_count; i++)
        positions = positions || a->rows[i].place == WANE_POSITIONS;
    if (!(c->rope.theta >= 0) || (c->rope.theta == 0 && !positions))
        return wane_fail(err, WANE_EINVAL, "model: %s: %g is not positive",
                         wane_config_key_of(c, offsetof(wane_config, rope.theta), "rope.theta"),
                         c->rope.theta);
#undef NAMED
    return WANE_OK;
}

/* A table being made. */
typedef struct planning {
    wane_parameters *out;
    const wane_config *config;
    size_t room; /* parameters that `out` has room for; 0: they are counted */
    bool overflow;
} planning;

static bool of_layers(const wane_tensor_row *row)
{
    return strchr(row->module, '%') != NULL;
}

void wane_row_name(char out[96], const wane_tensor_row *row, size_t layer)
{
    char module[80];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(module, sizeof module, row->module, layer);
#pragma GCC diagnostic pop
    (void)snprintf(out, 96, "%s.%s", module, row->bias ? "bias" : "weight");
}

/* The last part of the module's name. */
static const char *last_part(const char *module)
{
    const char *dot = strrchr(module, '.');
    return dot ? dot + 1 : module;
}

/* The end of the module's name that no other of its layer has: "q_proj"; "attn.c_proj" beside
 * "mlp.c_proj". */
static const char *short_name(const wane_architecture *a, const wane_tensor_row *row)
{
    const char *tail = last_part(row->module);
    for (size_t r = 0; r < a->row_count && of_layers(row); r++) {
        const char *other = a->rows[r].module;
        bool same = strcmp(other, row->module) == 0;
        while (!same && tail > row->module && wane_tensor_ends(other, tail)) {
            const char *part = tail - 1; /* the dot before it */
            while (part > row->module && part[-1] != '.') part--;
            if (*part == '%') break;
            tail = part;
        }
    }
    return tail;
}

/* One tensor of a row; counted only while there is no room. */
static void add(planning *p, const wane_tensor_row *row, size_t layer)
{
    const wane_config *c = p->config;
    if (row->present && !row->present(c)) return;
    size_t index = p->out->count++;
    if (p->room == 0) return;
    wane_parameter *one = &p->out->parameter[index];
    bool inside = of_layers(row);
    wane_layer_index *at = inside ? &p->out->places->layer[layer] : &p->out->places->outside;
    (row->bias ? at->bias : at->weight)[row->place] = index;
    wane_row_name(one->name, row, layer);
    one->module = short_name(c->architecture, row);
    one->role = row->bias ? WANE_ROLE_BIAS : places[row->place].role;
    one->layer = inside ? (int)layer : -1;
    one->rows = wane_place_rows(c, row->place);
    one->cols = row->bias ? 1 : wane_place_cols(c, row->place);
    one->offset = p->out->floats;
    one->step = wane_pass_step(c, layer, row->place);
    one->turned = row->turned && !row->bias;
    one->decays = one->role != WANE_ROLE_NORM && one->role != WANE_ROLE_BIAS;
    one->linear = one->decays && inside;
    size_t numbers = 0, padded = 0, bytes = 0;
    if (!wane_size_mul(&numbers, one->rows, one->cols) ||
        !wane_size_add(&padded, numbers, WANE_ALIGN_FLOATS - 1) ||
        !wane_size_add(&p->out->floats, p->out->floats,
                       padded / WANE_ALIGN_FLOATS * WANE_ALIGN_FLOATS) ||
        !wane_size_mul(&bytes, p->out->floats, sizeof(float)) || bytes > SIZE_MAX / 2)
        p->overflow = true;
    p->out->numbers += numbers;
}

/* All rows in their order, those of layers once for each. */
static void add_all(planning *p)
{
    const wane_architecture *a = p->config->architecture;
    for (size_t first = 0, end = 0; first < a->row_count && !p->overflow; first = end) {
        bool inside = of_layers(&a->rows[first]);
        for (end = first; end < a->row_count && of_layers(&a->rows[end]) == inside;) end++;
        for (size_t l = 0; l < (inside ? p->config->layers : 1) && !p->overflow; l++)
            for (size_t r = first; r < end; r++) add(p, &a->rows[r], l);
    }
}

static void no_places(wane_layer_index *index)
{
    for (size_t i = 0; i < WANE_PLACES; i++) index->weight[i] = index->bias[i] = WANE_ABSENT;
}

static wane_status make_room(planning *p, wane_error *err)
{
    wane_parameters *out = p->out;
    p->room = out->count;
    out->count = 0;
    out->parameter = wane_alloc(p->room, sizeof *out->parameter);
    out->places = wane_alloc(1, sizeof *out->places);
    if (out->places) out->places->layer = wane_alloc(p->config->layers, sizeof *out->places->layer);
    if (!out->parameter || !out->places || !out->places->layer)
        return wane_fail_memory(err, "model", "parameter table");
    no_places(&out->places->outside);
    for (size_t l = 0; l < p->config->layers; l++) no_places(&out->places->layer[l]);
    return WANE_OK;
}

/* Names that a tied model's table may lack. */
static void name_ends(wane_places *to, const wane_architecture *a)
{
    to->architecture = a;
    for (size_t r = 0; r < a->row_count; r++) {
        if (a->rows[r].bias) continue;
        if (a->rows[r].place == WANE_EMBEDDING) wane_row_name(to->embedding, &a->rows[r], 0);
        if (a->rows[r].place == WANE_HEAD) wane_row_name(to->head, &a->rows[r], 0);
    }
}

wane_status wane_parameters_plan(wane_parameters *out, const wane_config *config, wane_error *err)
{
    wane_parameters made = {0};
    planning p = {.out = &made, .config = config};
    wane_status st = check_sizes(config, err);
    if (st != WANE_OK) return st;
    add_all(&p);
    WANE_TRY(make_room(&p, err));
    add_all(&p);
    if (p.overflow) WANE_TRY(wane_fail(err, WANE_EINVAL, "model: parameters: too many to address"));
    name_ends(made.places, config->architecture);
    *out = made;
    return WANE_OK;
done:
    wane_parameters_free(&made);
    return st;
}

void wane_parameters_free(wane_parameters *parameters)
{
    if (!parameters) return;
    if (parameters->places) wane_free(parameters->places->layer);
    wane_free(parameters->places);
    wane_free(parameters->parameter);
    *parameters = (wane_parameters){0};
}

long wane_parameters_find(const wane_parameters *parameters, const char *name)
{
    for (size_t i = 0; i < parameters->count; i++)
        if (strcmp(parameters->parameter[i].name, name) == 0) return (long)i;
    return -1;
}

const char *wane_parameters_own_name(char out[WANE_TENSOR_NAME], const wane_parameters *parameters,
                                     const char *name)
{
    const wane_places *of = parameters->places;
    if (wane_parameters_find(parameters, name) >= 0 || strcmp(name, of->head) == 0) return name;
    for (size_t i = 0; wane_name_of_ours(out, of->architecture, i, name); i++)
        if (wane_parameters_find(parameters, out) >= 0 || strcmp(out, of->head) == 0) return out;
    return name;
}

const char *wane_parameters_embedding_name(const wane_parameters *parameters)
{
    return parameters->places->embedding;
}

const char *wane_parameters_head_name(const wane_parameters *parameters)
{
    return parameters->places->head;
}

/* ------------------------------------------------------------------------------------- in files */

size_t wane_parameter_file_rows(const wane_parameter *p)
{
    return p->turned ? p->cols : p->rows;
}

size_t wane_parameter_file_cols(const wane_parameter *p)
{
    return p->turned ? p->rows : p->cols;
}

static void transpose(size_t rows, size_t cols, const float *in, float *out)
{
    wane_kernels_best()->transpose(rows, cols, in, cols, out, rows, rows);
}

void wane_parameter_from_file(const wane_parameter *p, const float *file, float *weight)
{
    assert(file + p->rows * p->cols <= weight || weight + p->rows * p->cols <= file);
    if (p->turned) transpose(p->cols, p->rows, file, weight);
    else memcpy(weight, file, p->rows * p->cols * sizeof *weight);
}

void wane_parameter_to_file(const wane_parameter *p, const float *weight, float *file)
{
    assert(file + p->rows * p->cols <= weight || weight + p->rows * p->cols <= file);
    if (p->turned) transpose(p->rows, p->cols, weight, file);
    else memcpy(file, weight, p->rows * p->cols * sizeof *file);
}
