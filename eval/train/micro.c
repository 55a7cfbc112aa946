/* SPDX-License-Identifier: Apache-2.0
 * Sorts the targets of a batch by row once, then hands out as many rows as fit the limit.
 */
#include "eval/train/micro.h"

#include "eval/train/train.h"
#include "store/base/memory.h"

size_t wane_micro_tokens(const wane_training *training, const wane_parameters *table,
                         const wane_config *config)
{
    enum { FEWEST = 256 };
    const double gibibyte = (double)(1 << 30), weights = (double)table->floats * sizeof(float);
    double most = weights > gibibyte ? weights : gibibyte;
    double token = (double)config->layers *
                   (4.0 * (double)config->width + 2.0 * (double)config->hidden) * sizeof(float);
    size_t tokens = training->micro_tokens;
    while (tokens > FEWEST && (double)tokens * token > most) tokens = (tokens + 1) / 2;
    return tokens;
}

static wane_status check_batch(const wane_batch *batch, wane_error *err)
{
    if (batch->prefix)
        return wane_fail(err, WANE_EINVAL, "train: batch: prefixes are for evaluation alone");
    if (batch->sequences == 0 || batch->starts[0] != 0 ||
        batch->starts[batch->sequences] != batch->tokens)
        return wane_fail(err, WANE_EINVAL, "train: batch: its rows do not cover its tokens");
    for (size_t i = 0; i < batch->sequences; i++)
        if (batch->starts[i] >= batch->starts[i + 1])
            return wane_fail(err, WANE_EINVAL, "train: batch: row %zu is empty", i);
    if (batch->targets == 0)
        return wane_fail(err, WANE_EINVAL, "train: batch: no token carries a label");
    for (size_t i = 0; i < batch->targets; i++)
        if (batch->position[i] >= batch->tokens)
            return wane_fail(err, WANE_EINVAL, "train: batch: target %zu lies outside", i);
    return WANE_OK;
}

static size_t row_of(const wane_batch *batch, size_t position)
{
    size_t low = 0, high = batch->sequences; /* starts[low] <= position < starts[high] */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (batch->starts[middle] <= position) low = middle;
        else high = middle;
    }
    return low;
}

/* A stable counting sort of the targets by row. */
static void sort_targets(wane_cut *cut)
{
    const wane_batch *batch = cut->batch;
    for (size_t i = 0; i < batch->targets; i++)
        cut->row_targets[row_of(batch, batch->position[i]) + 1]++;
    for (size_t row = 0; row < batch->sequences; row++)
        cut->row_targets[row + 1] += cut->row_targets[row];
    for (size_t row = 0; row < batch->sequences; row++) cut->starts[row] = cut->row_targets[row];
    for (size_t i = 0; i < batch->targets; i++) {
        size_t place = cut->starts[row_of(batch, batch->position[i])]++;
        cut->position[place] = batch->position[i];
        cut->target[place] = batch->target[i];
    }
}

wane_status wane_cut_new(wane_cut *out, const wane_batch *batch, size_t limit, wane_error *err)
{
    wane_status st = check_batch(batch, err);
    if (st != WANE_OK) return st;
    wane_cut cut = {.batch = batch, .limit = limit};
    cut.row_targets = wane_alloc(batch->sequences + 1, sizeof *cut.row_targets);
    cut.starts = wane_alloc(batch->sequences + 1, sizeof *cut.starts);
    cut.position = wane_alloc(batch->targets, sizeof *cut.position);
    cut.local = wane_alloc(batch->targets, sizeof *cut.local);
    cut.target = wane_alloc(batch->targets, sizeof *cut.target);
    if (!cut.row_targets || !cut.starts || !cut.position || !cut.local || !cut.target) {
        wane_cut_free(&cut);
        return wane_fail_memory(err, "train", "batch");
    }
    sort_targets(&cut);
    *out = cut;
    return WANE_OK;
}

void wane_cut_free(wane_cut *cut)
{
    wane_free(cut->row_targets);
    wane_free(cut->starts);
    wane_free(cut->position);
    wane_free(cut->local);
    wane_free(cut->target);
    *cut = (wane_cut){0};
}

/* The row after the piece that starts at row `first`. */
static size_t end_of_piece(const wane_cut *cut, size_t first)
{
    const size_t *starts = cut->batch->starts;
    size_t end = first + 1;
    while (end < cut->batch->sequences && starts[end + 1] - starts[first] <= cut->limit) end++;
    return end;
}

void wane_cut_largest(const wane_cut *cut, size_t *tokens, size_t *rows, size_t *targets)
{
    *tokens = *rows = *targets = 0;
    for (size_t first = 0, end = 0; first < cut->batch->sequences; first = end) {
        end = end_of_piece(cut, first);
        size_t held = cut->batch->starts[end] - cut->batch->starts[first];
        size_t labelled = cut->row_targets[end] - cut->row_targets[first];
        if (held > *tokens) *tokens = held;
        if (end - first > *rows) *rows = end - first;
        if (labelled > *targets) *targets = labelled;
    }
}

wane_status wane_cut_next(wane_cut *cut, wane_batch *piece, size_t *first_token)
{
    const wane_batch *batch = cut->batch;
    size_t first = 0, end = 0, label = 0, labels = 0;
    do {
        first = cut->next;
        if (first == batch->sequences) return WANE_DONE;
        end = cut->next = end_of_piece(cut, first);
        label = cut->row_targets[first];
        labels = cut->row_targets[end] - label;
    } while (labels == 0);
    size_t origin = batch->starts[first];
    for (size_t row = first; row <= end; row++)
        cut->starts[row - first] = batch->starts[row] - origin;
    for (size_t i = 0; i < labels; i++) cut->local[i] = cut->position[label + i] - origin;
    *piece = (wane_batch){.tokens = batch->starts[end] - origin,
                          .sequences = end - first,
                          .ids = batch->ids + origin,
                          .starts = cut->starts,
                          .targets = labels,
                          .position = cut->local,
                          .target = cut->target + label,
                          .head = batch->head};
    *first_token = origin;
    return WANE_OK;
}
