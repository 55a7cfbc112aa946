/* SPDX-License-Identifier: Apache-2.0
 * The memory of a pass: one block, planned by the same function that later places it.
 */
#include <string.h>

#include "eval/model/layer.h"
#include "eval/model/rope.h"
#include "eval/model/rope_kinds.h"
#include "eval/model/term.h"
#include "store/base/memory.h"

/* Places parts one after the other; without a base it only counts. */
typedef struct planner {
    unsigned char *base;
    size_t used;
    bool overflow;
} planner;

static void *take(planner *p, size_t rows, size_t cols, size_t size)
{
    size_t bytes = 0, end = 0, start = p->used;
    if (!wane_size_mul(&bytes, rows, cols) || !wane_size_mul(&bytes, bytes, size) ||
        !wane_size_add(&bytes, bytes, 63) || !wane_size_add(&end, start, bytes / 64 * 64) ||
        end > SIZE_MAX / 4) {
        p->overflow = true;
        return NULL;
    }
    p->used = end;
    return p->base ? p->base + start : NULL;
}

static float *floats(planner *p, size_t rows, size_t cols)
{
    return take(p, rows, cols, sizeof(float));
}

size_t wane_head_chunk(const wane_config *config)
{
    enum { LOGITS = 1 << 24, FEWEST = 64, MOST = 1024 };
    size_t chunk = LOGITS / config->vocabulary / FEWEST * FEWEST;
    return chunk < FEWEST ? FEWEST : chunk > MOST ? MOST : chunk;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Rows of a term's low, for a slot of a layer with that many rows. */
static size_t low_rows(wane_slot slot, const wane_pass_limits *limits, size_t rows)
{
    bool tokens = slot == WANE_SLOT_K || slot == WANE_SLOT_V || slot == WANE_SLOT_QKV;
    return tokens ? limits->tokens : rows;
}

/* What norms of queries and keys and of the branches' outputs need for backward. */
static void place_norms(planner *p, const wane_pass *pass, size_t rows, wane_layer_store *out)
{
    const wane_config *c = &pass->config;
    const wane_place joined[2] = {WANE_NORM_ATTENTION_OUT, WANE_NORM_MLP_OUT};
    size_t heads = c->heads * c->head_width, keys = c->kv_heads * c->head_width;
    size_t tokens = pass->limits.tokens;
    if (wane_has(&pass->parameters, WANE_NORM_Q)) {
        out->raw_q = floats(p, rows, heads);
        out->rstd_q = floats(p, rows, heads / wane_place_rows(c, WANE_NORM_Q));
    }
    if (wane_has(&pass->parameters, WANE_NORM_K)) {
        out->raw_k = floats(p, tokens, keys);
        out->rstd_k = floats(p, tokens, keys / wane_place_rows(c, WANE_NORM_K));
    }
    for (int i = 0; i < 2; i++)
        if (wane_has(&pass->parameters, joined[i])) {
            out->joined[i] = floats(p, rows, c->width);
            out->rstd_joined[i] = floats(p, rows, 1);
        }
}

/* The store of one layer; `rows` < tokens for the last one, which is `later`, as the shared one
 * is: queries are asked for when keys and values are there. */
static void place_layer(planner *p, const wane_pass *pass, size_t rows, bool stored, bool later,
                        wane_layer_store *out)
{
    const wane_config *c = &pass->config;
    const wane_pass_limits *limits = &pass->limits;
    size_t heads = c->heads * c->head_width, rank = limits->adapter_floats_rank;
    memset(out, 0, sizeof *out);
    out->input = floats(p, limits->tokens, c->width);
    out->q = floats(p, rows, heads);
    out->kv = floats(p, limits->tokens, 2 * c->kv_heads * c->head_width);
    if (later && wane_has(&pass->parameters, WANE_SLOT_QKV))
        out->queries = floats(p, limits->tokens, heads);
    out->attention = out->q;
    if (!stored) return;
    out->attention = floats(p, rows, heads);
    out->lse = floats(p, rows, c->heads);
    out->middle = floats(p, rows, c->width);
    out->expanded = floats(p, rows, wane_expanded(c, &pass->parameters));
    out->rstd1 = floats(p, limits->tokens, 1);
    out->rstd2 = floats(p, rows, 1);
    place_norms(p, pass, rows, out);
    for (wane_slot s = 0; s < WANE_SLOTS && rank; s++)
        if (wane_has(&pass->parameters, s))
            out->low[s] = floats(p, low_rows(s, limits, rows), rank);
}

/* What the backend needs of a thread's scratch. */
static size_t product_floats(const wane_pass *pass)
{
    const wane_config *c = &pass->config;
    if (!pass->backend->scratch_bytes) return 0;
    size_t widest = 2 * c->hidden, heads = (c->heads + 2 * c->kv_heads) * c->head_width;
    if (heads > widest) widest = heads;
    if (c->width > widest) widest = c->width;
    size_t bytes = pass->backend->scratch_bytes(wane_tile_rows(pass->limits.tokens), widest);
    return (bytes + 63) / 64 * WANE_ALIGN_FLOATS;
}

/* The most outputs or inputs of a linear weight of a layer. */
static size_t widest_of(const wane_pass *pass)
{
    const wane_config *c = &pass->config;
    size_t widest = 0;
    for (wane_slot s = 0; s < WANE_SLOTS; s++) {
        if (!wane_has(&pass->parameters, s)) continue;
        size_t rows = wane_place_rows(c, s), cols = wane_place_cols(c, s);
        if (rows > widest) widest = rows;
        if (cols > widest) widest = cols;
    }
    return widest;
}

/* Floats of a tile's row beside the terms': normed rows, and what a stretch makes of them. */
static size_t row_floats(const wane_pass *pass)
{
    const wane_config *c = &pass->config;
    const wane_layer_index *index = &pass->parameters.places->layer[0];
    bool apart = wane_branch_apart(pass, index, WANE_NORM_ATTENTION_OUT) ||
                 wane_branch_apart(pass, index, WANE_NORM_MLP_OUT);
    size_t mlp = c->hidden + wane_expanded(c, &pass->parameters) + (apart ? 2 * c->width : 0);
    size_t all = 0;
    if (wane_has(&pass->parameters, WANE_SLOT_QKV)) all = wane_place_rows(c, WANE_SLOT_QKV);
    return c->width + (mlp > all ? mlp : all);
}

/* What one thread needs: the row tiles of the layers, or a block of attention. */
static size_t scratch_floats(const wane_pass *pass)
{
    const wane_config *c = &pass->config;
    const wane_pass_limits *limits = &pass->limits;
    size_t tile = wane_tile_rows(limits->tokens), rank = limits->adapter_floats_rank;
    size_t widest = widest_of(pass), rows = tile * row_floats(pass);
    if (limits->frozen_rank > rank) rank = limits->frozen_rank;
    const wane_term *term = limits->term ? limits->term : &wane_low_rank;
    if (rank) rows += term->scratch(tile, rank, widest);
    if (rank && term->whole) rows += tile * widest + WANE_LANES; /* of linear.c */
    size_t keys = least(limits->tokens, wane_config_reach(c));
    size_t attention = wane_attention_scratch(c->head_width, keys, limits->training);
    size_t strips = 128 * (rank > 64 ? rank : 64); /* of gradients.c */
    size_t most = rows > attention ? rows : attention;
    if (strips > most) most = strips;
    return (most + 64 + WANE_ALIGN_FLOATS - 1) / WANE_ALIGN_FLOATS * WANE_ALIGN_FLOATS;
}

static void place_rows(planner *p, wane_pass *pass)
{
    const wane_pass_limits *l = &pass->limits;
    size_t items = 0;
    if (!wane_size_add(&items, l->tokens / WANE_ATTENTION_ITEM_ROWS + 1, l->sequences))
        p->overflow = true;
    pass->position = take(p, l->tokens, 1, sizeof *pass->position);
    pass->sequence_first = take(p, l->sequences + 1, 1, sizeof *pass->sequence_first);
    pass->item = take(p, items, 1, sizeof *pass->item);
    pass->row_token = take(p, l->tokens, 1, sizeof *pass->row_token);
    pass->row_first = take(p, l->sequences + 1, 1, sizeof *pass->row_first);
    pass->row_position = take(p, l->tokens, 1, sizeof *pass->row_position);
    pass->final_row = take(p, l->tokens, 1, sizeof *pass->final_row);
}

static void place_head(planner *p, wane_pass *pass)
{
    const wane_config *c = &pass->config;
    size_t chunk = least(wane_head_chunk(c), pass->limits.tokens);
    pass->chunk = chunk;
    pass->chunk_row = take(p, chunk, 1, sizeof *pass->chunk_row);
    pass->chunk_first = take(p, chunk + 1, 1, sizeof *pass->chunk_first);
    pass->chunk_hidden = floats(p, chunk, c->width);
    pass->chunk_logits = floats(p, chunk, c->vocabulary);
    if (!pass->limits.training) return;
    if (c->block.logit_cap != 0) pass->backward.chunk_kept = floats(p, chunk, c->vocabulary);
    pass->backward.chunk_dhidden = floats(p, chunk, c->width);
    pass->backward.chunk_rstd = floats(p, chunk, 1);
    pass->backward.chunk_nll = floats(p, pass->limits.targets, 1);
}

/* Of a tile, the sums of the norms of the stretch that has most of them. */
static size_t strip_floats(const wane_pass *pass)
{
    const wane_place *const stretches[] = {wane_norms_of_mlp, wane_norms_of_queries,
                                           wane_norms_of_input};
    size_t most = 0;
    for (size_t i = 0; i < sizeof stretches / sizeof *stretches; i++) {
        size_t sums = wane_layer_sums(&pass->parameters, stretches[i]);
        if (sums > most) most = sums;
    }
    return most;
}

static void place_backward(planner *p, wane_pass *pass)
{
    const wane_config *c = &pass->config;
    wane_backward_store *b = &pass->backward;
    size_t tokens = pass->limits.tokens, rank = pass->limits.adapter_floats_rank;
    size_t heads = c->heads * c->head_width, tile = wane_tile_rows(tokens);
    for (int i = 0; i < 3; i++) b->stream[i] = floats(p, tokens, c->width);
    b->act = floats(p, tokens, c->hidden);
    b->normed1 = floats(p, tokens, c->width);
    b->normed2 = floats(p, tokens, c->width);
    b->dattention = floats(p, tokens, heads);
    b->dq = floats(p, tokens, heads);
    b->dkv = floats(p, tokens, 2 * c->kv_heads * c->head_width);
    b->dqueries = floats(p, tokens, c->width);
    if (wane_has(&pass->parameters, WANE_SLOT_QKV))
        b->dqkv = floats(p, tokens, wane_place_rows(c, WANE_SLOT_QKV));
    const wane_layer_index *index = &pass->parameters.places->layer[0];
    if (wane_branch_apart(pass, index, WANE_NORM_ATTENTION_OUT))
        b->dbranch[0] = floats(p, tokens, c->width);
    if (wane_branch_apart(pass, index, WANE_NORM_MLP_OUT))
        b->dbranch[1] = floats(p, tokens, c->width);
    for (wane_slot s = 0; s < WANE_SLOTS && rank; s++)
        if (wane_has(&pass->parameters, s)) b->dlow[s] = floats(p, tokens, rank);
    /* A smaller batch may have smaller tiles, but never more than PARTS beyond these. */
    b->gains = floats(p, tokens / tile + WANE_TILE_PARTS + 1, strip_floats(pass));
}

static void place_packs(planner *p, wane_pass *pass)
{
    const wane_parameters *table = &pass->parameters;
    if (!pass->backend->packed_bytes) return;
    pass->pack = take(p, table->count, 1, sizeof *pass->pack);
    for (size_t i = 0; i < table->count; i++) {
        if (!wane_pass_packs(pass, i)) continue;
        size_t bytes = pass->backend->packed_bytes(
            table->parameter[i].rows, table->parameter[i].cols, wane_pass_packs_gradient(pass, i));
        void *packed = take(p, bytes, 1, 1);
        if (pass->pack) pass->pack[i].packed = packed;
    }
}

static void place_angles(planner *p, wane_pass *pass, size_t positions)
{
    const wane_rope *ropes[] = {&pass->config.rope, &pass->config.local_rope};
    for (int i = 0; i < 2; i++) {
        if (ropes[i]->theta == 0) continue;
        wane_angles *a = &pass->angles[i];
        bool by_length = ropes[i]->kind && ropes[i]->kind->decisive;
        size_t rows = positions + (by_length ? pass->limits.tokens : 0);
        a->width = wane_rope_width(&pass->config, ropes[i]);
        a->turned = (a->width + 1) / 2 * 2;
        a->positions = positions;
        a->cosine = floats(p, rows, a->turned / 2);
        a->sine = floats(p, rows, a->turned / 2);
        if (by_length) a->row = take(p, pass->limits.tokens, 1, sizeof *a->row);
    }
}

/* Places every part of the pass; with no base in the planner only its size is of use. */
static void place(planner *p, wane_pass *pass)
{
    const wane_config *c = &pass->config;
    const wane_pass_limits *l = &pass->limits;
    size_t layers = wane_stored_layers(c, l), positions = least(l->tokens, c->context);
    size_t last = l->training ? least(l->tokens, l->targets) : l->tokens;
    wane_layer_store counted;
    place_angles(p, pass, positions);
    place_rows(p, pass);
    pass->final = floats(p, last, c->width);
    pass->layer = take(p, layers + 1, 1, sizeof *pass->layer);
    for (size_t i = 0; i <= layers; i++) {
        /* The shared store is of no use where every layer has its own. */
        if (i == 0 && layers == c->layers) continue;
        place_layer(p, pass, i > 0 && i == layers ? last : l->tokens, i > 0, i == 0 || i == layers,
                    pass->layer ? &pass->layer[i] : &counted);
    }
    place_head(p, pass);
    if (l->training) place_backward(p, pass);
    place_packs(p, pass);
    pass->product_floats = product_floats(pass);
    pass->scratch_floats = scratch_floats(pass) + pass->product_floats;
    pass->scratch = floats(p, (size_t)(l->threads > 0 ? l->threads : 1), pass->scratch_floats);
}

static wane_status check(const wane_config *config, const wane_pass_limits *limits, wane_error *err)
{
    if (limits->tokens < 1 || limits->sequences < 1 || limits->tokens > INT32_MAX ||
        limits->sequences > limits->tokens)
        return wane_fail(err, WANE_EINVAL, "pass: limits: %zu tokens in %zu sequences",
                         limits->tokens, limits->sequences);
    if (limits->training && (limits->targets < 1 || limits->frozen_layers >= config->layers))
        return wane_fail(err, WANE_EINVAL,
                         "pass: limits: training needs a target and a layer to train");
    if (limits->threads < 0 || limits->threads > WANE_MAX_THREADS)
        return wane_fail(err, WANE_EINVAL, "pass: limits: %d threads", limits->threads);
    size_t widest = config->width > config->hidden ? config->width : config->hidden;
    if (limits->adapter_floats_rank > SIZE_MAX / 64 / widest)
        return wane_fail(err, WANE_EINVAL, "pass: limits: rank %zu", limits->adapter_floats_rank);
    if (limits->frozen_rank > SIZE_MAX / 64 / widest)
        return wane_fail(err, WANE_EINVAL, "pass: limits: frozen rank %zu", limits->frozen_rank);
    return WANE_OK;
}

/* Fills in a pass without memory, to be counted and then placed. */
static wane_status begin(wane_pass *pass, const wane_config *config, const wane_pass_limits *limits,
                         size_t *bytes, wane_error *err)
{
    wane_status st = wane_parameters_plan(&pass->parameters, config, err);
    if (st != WANE_OK) return st;
    if ((st = check(config, limits, err)) != WANE_OK) return st;
    pass->config = *config;
    pass->limits = *limits;
    pass->backend = wane_backend_or_first(limits->backend);
    planner count = {0};
    place(&count, pass);
    if (count.overflow)
        return wane_fail(err, WANE_EINVAL, "pass: limits: %zu tokens need more memory than exists",
                         limits->tokens);
    *bytes = count.used;
    return WANE_OK;
}

wane_status wane_pass_bytes(size_t *out, const wane_config *config, const wane_pass_limits *limits,
                            wane_error *err)
{
    wane_pass pass = {0};
    wane_status st = begin(&pass, config, limits, out, err);
    wane_parameters_free(&pass.parameters);
    return st;
}

wane_status wane_pass_new(wane_pass **out, const wane_config *config,
                          const wane_pass_limits *limits, wane_pool *pool, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t bytes = 0;
    wane_pass_limits own = *limits;
    own.threads = wane_pool_threads(pool);
    wane_pass *pass = wane_alloc(1, sizeof *pass);
    if (!pass) return wane_fail_memory(err, "pass", "state");
    WANE_TRY(begin(pass, config, &own, &bytes, err));
    if (!pass->backend->there())
        WANE_TRY(wane_fail(err, WANE_EINVAL, "pass: backend: this machine cannot run %s",
                           pass->backend->name));
    pass->block = wane_backend_allocate(pass->backend, bytes);
    if (!pass->block) {
        st = wane_fail(err, WANE_ENOMEM, "pass: %zu tokens: out of memory for %zu bytes",
                       own.tokens, bytes);
        goto done;
    }
    planner placing = {.base = pass->block};
    place(&placing, pass);
    pass->pool = pool;
    pass->kernels = pass->backend->kernels();
    for (int i = 0; i < 2; i++)
        if (pass->angles[i].cosine)
            wane_rope_fill(i ? &config->local_rope : &config->rope, pass->angles[i].width, 1, 0,
                           least(own.tokens, config->context), pass->angles[i].cosine,
                           pass->angles[i].sine);
done:
    if (st == WANE_OK) *out = pass;
    else wane_pass_free(pass);
    return st;
}

void wane_pass_free(wane_pass *pass)
{
    if (!pass) return;
    wane_parameters_free(&pass->parameters);
    if (pass->block) wane_backend_release(pass->backend, pass->block);
    wane_free(pass);
}
