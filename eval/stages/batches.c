/* SPDX-License-Identifier: Apache-2.0
 * Permutes the rows by epoch and packs those of one step end to end, each label token a target;
 * joins the prompts of several tasks.
 */
#include "eval/stages/batches.h"

#include <string.h>

#include "store/base/memory.h"
#include "store/base/random.h"

void wane_batches_free(wane_batches *b)
{
    wane_free(b->order);
    wane_free(b->others);
    wane_free(b->pool);
    wane_free(b->ids);
    wane_free(b->targets);
    wane_free(b->starts);
    wane_free(b->positions);
    *b = (wane_batches){0};
}

wane_status wane_batches_new(wane_batches *b, const wane_prompts *prompts, size_t own, size_t mixed,
                             bool classes, size_t batch_size, uint64_t seed, uint64_t stage,
                             wane_error *err)
{
    size_t longest = 0;
    for (size_t r = 0; r < prompts->rows; r++) {
        size_t length = prompts->starts[r + 1] - prompts->starts[r];
        if (length > longest) longest = length;
    }
    size_t per_epoch = own + mixed, rows = batch_size < per_epoch ? batch_size : per_epoch;
    size_t tokens = rows * (longest + prompts->longest_label);
    *b = (wane_batches){.prompts = prompts,
                        .classes = classes,
                        .batch_size = batch_size,
                        .epoch = SIZE_MAX,
                        .own = own,
                        .mixed = mixed,
                        .round = SIZE_MAX,
                        .seed = seed,
                        .stage = stage};
    b->per_epoch = (per_epoch + batch_size - 1) / batch_size;
    b->order = wane_alloc(per_epoch, sizeof *b->order);
    b->others = wane_alloc(mixed, sizeof *b->others);
    b->pool = wane_alloc(prompts->rows - own, sizeof *b->pool);
    b->ids = wane_alloc(tokens, sizeof *b->ids);
    b->targets = wane_alloc(rows * prompts->longest_label, sizeof *b->targets);
    b->positions = wane_alloc(rows * prompts->longest_label, sizeof *b->positions);
    b->starts = wane_alloc(rows + 1, sizeof *b->starts);
    if (b->order && b->others && b->pool && b->ids && b->targets && b->positions && b->starts)
        return WANE_OK;
    wane_batches_free(b);
    return wane_fail_memory(err, "train", "batches");
}

/* The last token of a label is predicted, never an input. */
static void add_row(wane_batches *b, size_t row)
{
    const wane_prompts *p = b->prompts;
    wane_batch *out = &b->batch;
    size_t length = p->starts[row + 1] - p->starts[row];
    size_t label = (size_t)p->labels[row], first = p->label_starts[label];
    size_t count = b->classes ? 1 : p->label_starts[label + 1] - first;
    memcpy(b->ids + out->tokens, p->ids + p->starts[row], length * sizeof *b->ids);
    memcpy(b->ids + out->tokens + length, p->label_ids + first, (count - 1) * sizeof *b->ids);
    for (size_t i = 0; i < count; i++) {
        b->positions[out->targets] = out->tokens + length - 1 + i;
        b->targets[out->targets++] = b->classes ? (int32_t)label : p->label_ids[first + i];
    }
    out->tokens += length + count - 1;
    b->starts[++out->sequences] = out->tokens;
}

/* Which others the epoch has: the rows mixed * epoch .. of the rounds, one behind the other. */
static void draw_others(wane_batches *b, size_t epoch)
{
    size_t pool = b->prompts->rows - b->own;
    for (size_t i = 0; i < b->mixed; i++) {
        size_t drawn = b->mixed * epoch + i, round = drawn / pool;
        if (round != b->round) {
            wane_random where = {b->seed, WANE_RANDOM_REPLAY, b->stage, round, 0};
            wane_random_permutation(b->pool, pool, &where);
            b->round = round;
        }
        b->others[i] = b->own + b->pool[drawn % pool];
    }
}

const wane_batch *wane_batches_step(wane_batches *b, size_t step)
{
    size_t epoch = step / b->per_epoch, first = step % b->per_epoch * b->batch_size;
    if (epoch != b->epoch) {
        wane_random where = {b->seed, WANE_RANDOM_SHUFFLE, b->stage, epoch, 0};
        wane_random_permutation(b->order, b->own + b->mixed, &where);
        draw_others(b, epoch);
        b->epoch = epoch;
    }
    b->batch = (wane_batch){
        .ids = b->ids, .starts = b->starts, .position = b->positions, .target = b->targets};
    b->starts[0] = 0;
    for (size_t i = first; i < b->own + b->mixed && i < first + b->batch_size; i++) {
        size_t row = b->order[i];
        add_row(b, row < b->own ? row : b->others[row - b->own]);
    }
    return &b->batch;
}

/* ------------------------------------------------------------------------------- several tasks */

static void append(wane_prompts *out, const wane_prompts *part)
{
    size_t tokens = out->starts[out->rows], label_tokens = out->label_starts[out->label_count];
    size_t rows = out->rows, labels = out->label_count;
    memcpy(out->ids + tokens, part->ids, part->starts[part->rows] * sizeof *out->ids);
    memcpy(out->label_ids + label_tokens, part->label_ids,
           part->label_starts[part->label_count] * sizeof *out->label_ids);
    for (size_t r = 0; r < part->rows; r++) {
        out->starts[rows + r + 1] = tokens + part->starts[r + 1];
        out->labels[rows + r] = (int32_t)labels + part->labels[r];
    }
    for (size_t l = 0; l < part->label_count; l++)
        out->label_starts[labels + l + 1] = label_tokens + part->label_starts[l + 1];
    out->rows += part->rows;
    out->label_count += part->label_count;
    if (part->longest_label > out->longest_label) out->longest_label = part->longest_label;
    out->cut_rows += part->cut_rows;
    out->cut_tokens += part->cut_tokens;
    out->unknown_tokens += part->unknown_tokens;
    out->apart_rows += part->apart_rows;
}

wane_status wane_prompts_join(wane_prompts *out, const wane_prompts *parts, size_t count,
                              wane_error *err)
{
    size_t rows = 0, tokens = 0, labels = 0, label_tokens = 0;
    for (size_t t = 0; t < count; t++) {
        rows += parts[t].rows;
        tokens += parts[t].starts[parts[t].rows];
        labels += parts[t].label_count;
        label_tokens += parts[t].label_starts[parts[t].label_count];
    }
    wane_prompts joined = {0};
    joined.starts = wane_alloc(rows + 1, sizeof *joined.starts);
    joined.ids = wane_alloc(tokens, sizeof *joined.ids);
    joined.labels = wane_alloc(rows, sizeof *joined.labels);
    joined.label_starts = wane_alloc(labels + 1, sizeof *joined.label_starts);
    joined.label_ids = wane_alloc(label_tokens, sizeof *joined.label_ids);
    if (!joined.starts || !joined.ids || !joined.labels || !joined.label_starts ||
        !joined.label_ids) {
        wane_prompts_free(&joined);
        return wane_fail_memory(err, "train", "rows of several tasks");
    }
    for (size_t t = 0; t < count; t++) append(&joined, &parts[t]);
    *out = joined;
    return WANE_OK;
}
