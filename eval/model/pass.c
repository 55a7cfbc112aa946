/* SPDX-License-Identifier: Apache-2.0
 * Checks a batch against what the pass has room for, sets positions and sequences out, and runs
 * embedding and layers forward.
 */
#include "eval/model/pass.h"

#include <string.h>

#include "eval/model/rope.h"
#include "eval/model/state.h"
#include "eval/model/term.h"

static size_t largest_rank(const wane_adapter *adapter)
{
    size_t rank = 0;
    for (size_t f = 0; adapter && f < adapter->count; f++)
        if (adapter->factor[f].rank > rank) rank = adapter->factor[f].rank;
    return rank;
}

void wane_pass_limits_adapter(wane_pass_limits *limits, const wane_adapter *adapter)
{
    limits->term = adapter ? adapter->term : NULL;
    limits->adapter_floats_rank = largest_rank(adapter);
    limits->frozen_rank = largest_rank(adapter ? adapter->frozen : NULL);
}

static wane_status check_adapter(const wane_pass *pass, const wane_adapter *adapter,
                                 wane_error *err)
{
    wane_pass_limits need = {0};
    const wane_term *planned = pass->limits.term ? pass->limits.term : &wane_low_rank;
    wane_pass_limits_adapter(&need, adapter);
    if (adapter && adapter->term != planned)
        return wane_fail(err, WANE_EINVAL,
                         "forward: adapter: of another term than was planned for");
    if (need.adapter_floats_rank > pass->limits.adapter_floats_rank)
        return wane_fail(err, WANE_EINVAL, "forward: adapter: rank %zu exceeds the planned %zu",
                         need.adapter_floats_rank, pass->limits.adapter_floats_rank);
    if (need.frozen_rank > pass->limits.frozen_rank)
        return wane_fail(err, WANE_EINVAL,
                         "forward: adapter: frozen rank %zu exceeds the planned %zu",
                         need.frozen_rank, pass->limits.frozen_rank);
    return WANE_OK;
}

static wane_status check_targets(const wane_pass *pass, const wane_batch *batch, wane_error *err)
{
    const wane_class_head *head = batch->head;
    size_t outputs = head ? head->outputs : pass->config.vocabulary;
    if (head && (outputs < 1 || outputs > pass->config.vocabulary || head->groups < 1 ||
                 head->starts[0] != 0 || head->starts[head->groups] != outputs))
        return wane_fail(err, WANE_EINVAL, "forward: head: %zu classes in %zu groups", outputs,
                         head->groups);
    for (size_t i = 0; i < batch->targets; i++) {
        if (batch->position[i] >= batch->tokens)
            return wane_fail(err, WANE_EINVAL, "forward: target %zu: position %zu of %zu tokens", i,
                             batch->position[i], batch->tokens);
        if (batch->target[i] < 0 || (size_t)batch->target[i] >= outputs)
            return wane_fail(err, WANE_EINVAL, "forward: target %zu: %s %d of %zu", i,
                             head ? "class" : "token", (int)batch->target[i], outputs);
    }
    return WANE_OK;
}

/* The tokens sequence s continues: 0 without a prefix. */
static size_t prefix_keys(const wane_batch *batch, size_t s)
{
    if (!batch->prefix || batch->prefix[s] < 0) return 0;
    size_t p = (size_t)batch->prefix[s];
    return batch->starts[p + 1] - batch->starts[p];
}

static wane_status check_sequence(const wane_pass *pass, const wane_batch *batch, size_t s,
                                  wane_error *err)
{
    size_t first = batch->starts[s], last = batch->starts[s + 1];
    if (last <= first || last > batch->tokens)
        return wane_fail(err, WANE_EINVAL, "forward: sequence %zu: tokens %zu to %zu of %zu", s,
                         first, last, batch->tokens);
    if (batch->prefix && batch->prefix[s] >= 0) {
        size_t p = (size_t)batch->prefix[s];
        if (pass->limits.training)
            return wane_fail(err, WANE_EINVAL,
                             "forward: sequence %zu: a prefix cannot be shared in training", s);
        if (p >= s || batch->prefix[p] >= 0)
            return wane_fail(err, WANE_EINVAL,
                             "forward: sequence %zu: cannot continue sequence "
                             "%zu",
                             s, p);
    }
    size_t before = prefix_keys(batch, s), whole = last - first + before;
    if (whole > wane_config_reach(&pass->config))
        return wane_fail(err, WANE_EINVAL,
                         "forward: sequence %zu: %zu tokens exceed the context of %zu", s, whole,
                         wane_config_reach(&pass->config));
    if (before && !wane_config_prefix_shared(&pass->config, before, whole))
        return wane_fail(err, WANE_EINVAL,
                         "forward: sequence %zu: its positions are turned otherwise than those of "
                         "the %zu tokens it continues",
                         s, before);
    return WANE_OK;
}

static wane_status check_batch(const wane_pass *pass, const wane_batch *batch, wane_error *err)
{
    const wane_pass_limits *limits = &pass->limits;
    if (batch->tokens < 1 || batch->tokens > limits->tokens || batch->sequences < 1 ||
        batch->sequences > limits->sequences ||
        (limits->training && batch->targets > limits->targets))
        return wane_fail(err, WANE_EINVAL,
                         "forward: batch: %zu tokens in %zu sequences with %zu "
                         "targets exceed the planned %zu, %zu, %zu",
                         batch->tokens, batch->sequences, batch->targets, limits->tokens,
                         limits->sequences, limits->targets);
    if (batch->starts[0] != 0 || batch->starts[batch->sequences] != batch->tokens)
        return wane_fail(err, WANE_EINVAL, "forward: batch: its sequences do not cover its tokens");
    for (size_t s = 0; s < batch->sequences; s++) {
        wane_status st = check_sequence(pass, batch, s, err);
        if (st != WANE_OK) return st;
    }
    for (size_t t = 0; t < batch->tokens; t++)
        if (batch->ids[t] < 0 || (size_t)batch->ids[t] >= pass->config.vocabulary)
            return wane_fail(err, WANE_EINVAL, "forward: token %zu: %d of a vocabulary of %zu", t,
                             (int)batch->ids[t], pass->config.vocabulary);
    return check_targets(pass, batch, err);
}

/* Positions of all tokens, and all tokens as rows. */
static void set_rows(wane_pass *pass, const wane_batch *batch)
{
    for (size_t s = 0; s < batch->sequences; s++) {
        size_t first = batch->starts[s], before = prefix_keys(batch, s);
        for (size_t t = first; t < batch->starts[s + 1]; t++)
            pass->position[t] = (int32_t)(before + t - first);
    }
    wane_rope_set(&pass->angles[0], &pass->config.rope, batch, pass->position);
    wane_rope_set(&pass->angles[1], &pass->config.local_rope, batch, pass->position);
    memcpy(pass->sequence_first, batch->starts, (batch->sequences + 1) * sizeof *batch->starts);
    memset(pass->final_row, 0, batch->tokens * sizeof *pass->final_row);
    pass->finals = 0;
    pass->sealed = false;
    pass->all = (wane_rows){
        .count = batch->tokens, .position = pass->position, .first = pass->sequence_first};
}

wane_status wane_pass_forward(wane_pass *pass, const wane_model *model, const wane_adapter *adapter,
                              const wane_batch *batch, const wane_dropout *dropout, wane_error *err)
{
    wane_status st = WANE_OK;
    pass->ready = false;
    if (wane_config_shape_differs(NULL, &pass->config, &model->config))
        return wane_fail(err, WANE_EINVAL, "forward: model: has another shape than the pass");
    WANE_TRY(check_adapter(pass, adapter, err));
    WANE_TRY(check_batch(pass, batch, err));
    pass->model = model;
    pass->adapter = adapter;
    pass->batch = batch;
    pass->dropping = pass->limits.training && dropout && adapter && adapter->dropout > 0;
    if (pass->dropping) pass->dropout = *dropout;
    set_rows(pass, batch);
    wane_pass_pack_layers(pass);
    for (const wane_adapter *a = adapter; a; a = a->frozen)
        if (a->term->prepare)
            a->term->prepare(a, model, pass->pool, pass->scratch, pass->scratch_floats);
    wane_layers_forward(pass);
    if (pass->limits.training) wane_pass_complete(pass, batch->position, batch->targets);
    pass->sealed = pass->limits.training;
    pass->ready = true;
done:
    return st;
}

void wane_pass_complete(wane_pass *pass, const size_t *token, size_t count)
{
    const wane_batch *batch = pass->batch;
    size_t *final_row = pass->final_row, rows = 0;
    if (pass->sealed) return;
    for (size_t i = 0; i < count; i++)
        if (final_row[token[i]] == 0) final_row[token[i]] = SIZE_MAX;
    for (size_t s = 0; s < batch->sequences; s++) {
        pass->row_first[s] = rows;
        for (size_t t = batch->starts[s]; t < batch->starts[s + 1]; t++) {
            if (final_row[t] != SIZE_MAX) continue;
            pass->row_token[rows] = t;
            pass->row_position[rows] = pass->position[t];
            final_row[t] = pass->finals + ++rows;
        }
    }
    pass->row_first[batch->sequences] = rows;
    if (rows == 0) return;
    wane_rows set = {rows, pass->row_token, pass->row_position, pass->row_first};
    wane_last_layer_forward(pass, &set);
    pass->finals += rows;
}
