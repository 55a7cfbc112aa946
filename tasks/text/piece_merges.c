/* SPDX-License-Identifier: Apache-2.0
 * SentencePiece's BPE: merges spans of the text by a heap of the ranks of what they make, which is
 * looked up by its text.
 */
#include <stdlib.h>
#include <string.h>

#include "store/base/memory.h"
#include "tasks/text/merge_heap.h"
#include "tasks/text/piece_models.h"
#include "tasks/text/sentencepiece.h"
#include "tasks/text/unicode.h"

static const uint32_t no_rank = UINT32_MAX;

/* A part of the text that is one symbol by now. */
struct wane_span {
    uint32_t start, bytes; /* bytes 0: merged into its left neighbour */
    int32_t prev, next;    /* -1: none */
    bool whole;
};

typedef struct piece_merges {
    wane_piece_table table;
    uint32_t *ranks; /* by id: its place by score from the best on; no_rank: never from text */
    bool unused;     /* some piece is */
    size_t longest;  /* bytes of a piece with a rank */
    wane_token_tree whole; /* of the user-defined pieces */
} piece_merges;

static void release(void *own)
{
    piece_merges *m = own;
    wane_token_tree_free(&m->whole);
    wane_piece_table_free(&m->table);
    wane_free(m->ranks);
    wane_free(m);
}

/* --------------------------------------------------------------------------------------- encoding
 */

typedef struct merging {
    const wane_token_model *model;
    const piece_merges *own;
    const char *text;
    struct wane_span *spans;
    size_t count;
    uint64_t *heap;
    size_t queued;
    uint32_t *splits; /* of an unused piece, by id: the bytes of the left one it is made from */
} merging;

static bool is_unused(const piece_merges *own, int32_t id)
{
    return own->table.kinds[id] == WANE_PIECE_UNUSED;
}

/* The piece of that text, or -1. */
static int32_t find_piece(const merging *m, uint32_t start, uint32_t bytes)
{
    if (bytes > m->own->longest) return -1;
    int32_t id = wane_vocabulary_find(&m->model->vocabulary, m->text + start, bytes);
    return id >= 0 && m->own->ranks[id] != no_rank ? id : -1;
}

/* What the span and the next one make, or -1. */
static int32_t find_merge(const merging *m, int32_t at)
{
    const struct wane_span *left = &m->spans[at];
    if (!left->bytes || left->next < 0 || left->whole) return -1;
    const struct wane_span *right = &m->spans[left->next];
    return right->whole ? -1 : find_piece(m, left->start, left->bytes + right->bytes);
}

static void offer(merging *m, int32_t at)
{
    int32_t id = at < 0 ? -1 : find_merge(m, at);
    if (id < 0) return;
    if (is_unused(m->own, id)) m->splits[id] = m->spans[at].bytes;
    wane_heap_push(m->heap, m->queued++, (uint64_t)m->own->ranks[id] << 32 | (uint32_t)at);
}

/* Until no two neighbours make a piece. The heap has room for 3 * count: one entry for each pair
 * there is at first and at most two for each merge done. */
static void merge_spans(merging *m)
{
    for (size_t i = 0; i + 1 < m->count; i++) offer(m, (int32_t)i);
    while (m->queued) {
        uint64_t top = m->heap[0];
        m->heap[0] = m->heap[--m->queued];
        if (m->queued) wane_heap_sink(m->heap, m->queued, 0);
        int32_t at = (int32_t)(uint32_t)top, id = find_merge(m, at);
        if (id < 0 || m->own->ranks[id] != top >> 32) continue; /* they were merged otherwise */
        struct wane_span *left = &m->spans[at], *right = &m->spans[left->next];
        left->bytes += right->bytes;
        left->next = right->next;
        right->bytes = 0;
        if (left->next >= 0) m->spans[left->next].prev = at;
        offer(m, left->prev);
        offer(m, at);
    }
}

/* Characters, and user-defined pieces where the longest of them begins. */
static void cut(merging *m, size_t bytes)
{
    for (size_t at = 0; at < bytes;) {
        size_t size = wane_utf8_size((unsigned char)m->text[at]), whole = 0;
        int32_t node = m->own->whole.count ? 0 : -1;
        for (size_t to = at; to < bytes && node >= 0;) {
            node = wane_token_tree_step(&m->own->whole, node, (unsigned char)m->text[to++]);
            if (node >= 0 && wane_token_tree_id(&m->own->whole, node) >= 0) whole = to - at;
        }
        if (whole) size = whole;
        int32_t i = (int32_t)m->count++;
        m->spans[i] =
            (struct wane_span){(uint32_t)at, (uint32_t)size, i - 1, i + 1, .whole = whole > 0};
        at += size;
    }
    m->spans[m->count - 1].next = -1;
}

/* The ids of a symbol: of what an unused piece was merged from. The heap is free by now, and keeps
 * what is still to come of it. */
static wane_status put_span(merging *m, const struct wane_span *span, bool *unknown,
                            wane_tokens *out, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t waiting = 0;
    m->heap[waiting++] = (uint64_t)span->start << 32 | span->bytes;
    while (waiting) {
        uint64_t top = m->heap[--waiting];
        uint32_t start = (uint32_t)(top >> 32), bytes = (uint32_t)top;
        int32_t id = find_piece(m, start, bytes);
        uint32_t left = id >= 0 && is_unused(m->own, id) ? m->splits[id] : 0;
        if (left) {
            m->heap[waiting++] = (uint64_t)(start + left) << 32 | (bytes - left);
            m->heap[waiting++] = (uint64_t)start << 32 | left;
        } else if (id < 0) {
            WANE_TRY(wane_piece_unknown(m->model, m->text + start, bytes, unknown, out, err));
        } else {
            WANE_TRY(wane_tokens_append(out, &id, 1, err));
            *unknown = false;
        }
    }
done:
    return st;
}

static wane_status encode(const wane_token_model *model, const char *word, size_t bytes,
                          wane_token_model_scratch *scratch, wane_tokens *out, wane_error *err)
{
    wane_status st = WANE_OK;
    const piece_merges *own = model->own;
    size_t ids = own->unused ? (size_t)model->vocabulary.limit : 0;
    bool unknown = false;
    if (bytes > INT32_MAX / 4)
        return wane_fail(err, WANE_EINVAL, "tokenizer: text: a word of %zu bytes is too long",
                         bytes);
    if (!WANE_GROW(scratch->spans, scratch->span_capacity, bytes) ||
        !WANE_GROW(scratch->heap, scratch->heap_capacity, 3 * bytes) ||
        !WANE_GROW(scratch->splits, scratch->split_capacity, ids))
        return wane_fail_memory(err, "tokenizer", "word");
    if (ids) memset(scratch->splits, 0, ids * sizeof *scratch->splits);
    merging m = {.model = model,
                 .own = own,
                 .text = word,
                 .spans = scratch->spans,
                 .heap = scratch->heap,
                 .splits = scratch->splits};
    cut(&m, bytes);
    merge_spans(&m);
    for (int32_t at = 0; at >= 0; at = m.spans[at].next)
        WANE_TRY(put_span(&m, &m.spans[at], &unknown, out, err));
done:
    return st;
}

/* ---------------------------------------------------------------------------------------- reading
 */

typedef struct scored {
    float score;
    int32_t id;
} scored;

static int best_first(const void *a, const void *b)
{
    const scored *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? 1 : -1;
    return (x->id > y->id) - (x->id < y->id);
}

/* Equal scores have one rank, so that of equal ones the leftmost is merged. */
static wane_status make_ranks(piece_merges *made, const wane_vocabulary *vocabulary,
                              const wane_json_part *part, wane_error *err)
{
    size_t limit = (size_t)vocabulary->limit, count = 0;
    uint32_t rank = 0;
    scored *list = wane_alloc(limit, sizeof *list);
    made->ranks = wane_alloc(limit, sizeof *made->ranks);
    if (!list || !made->ranks) {
        wane_free(list);
        return wane_fail_memory(err, "tokenizer", part->file);
    }
    for (size_t i = 0; i < limit; i++) {
        made->ranks[i] = no_rank;
        if (!wane_piece_from_text(made->table.kinds[i], false)) continue;
        list[count++] = (scored){made->table.scores[i], (int32_t)i};
        made->unused = made->unused || is_unused(made, (int32_t)i);
        if (vocabulary->tokens[i].bytes > made->longest)
            made->longest = vocabulary->tokens[i].bytes;
    }
    if (count) qsort(list, count, sizeof *list, best_first);
    for (size_t i = 0; i < count; i++) {
        rank += i > 0 && list[i].score != list[i - 1].score;
        made->ranks[list[i].id] = rank;
    }
    wane_free(list);
    return WANE_OK;
}

static wane_status read(wane_token_model *model, const wane_json *json, const wane_json_part *part,
                        wane_error *err)
{
    wane_status st = WANE_OK;
    piece_merges *made = wane_alloc(1, sizeof *made);
    if (!made) return wane_fail_memory(err, "tokenizer", part->file);
    WANE_TRY(wane_piece_table_read(&made->table, model, json, part, err));
    WANE_TRY(make_ranks(made, &model->vocabulary, part, err));
    WANE_TRY(wane_piece_tree_make(&made->whole, model, &made->table, true, part, err));
    model->kind = &wane_piece_merges_kind;
    model->own = made;
    made = NULL;
    wane_token_model_look_up(model);
done:
    if (made) release(made);
    return st;
}

const wane_token_model_kind wane_piece_merges_kind = {
    WANE_PIECES_BPE, WANE_PIECES_BPE, wane_piece_keys, read, encode, release};
