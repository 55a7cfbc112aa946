/* SPDX-License-Identifier: Apache-2.0
 * Merges spans of the text by a heap of the ranks of what they make, which is looked up by its
 * text.
 */
#include "tasks/text/piece_merges.h"

#include <string.h>

#include "store/base/memory.h"
#include "tasks/text/merge_heap.h"
#include "tasks/text/token_tree.h"
#include "tasks/text/unicode.h"

static const uint32_t no_rank = UINT32_MAX;

/* A part of the text that is one symbol by now. */
struct wane_span {
    uint32_t start, bytes; /* bytes 0: merged into its left neighbour */
    int32_t prev, next;    /* -1: none */
    bool whole;
};

typedef struct piece_merges {
    uint32_t *ranks;       /* by id; no_rank: no text becomes it */
    bool *unused;          /* by id; NULL: none is */
    size_t longest;        /* bytes of a piece with a rank */
    wane_token_tree whole; /* of the user-defined pieces */
} piece_merges;

static void release(void *own)
{
    piece_merges *m = own;
    wane_token_tree_free(&m->whole);
    wane_free(m->ranks);
    wane_free(m->unused);
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
    if (at < 0 || !left->bytes || left->next < 0 || left->whole) return -1;
    const struct wane_span *right = &m->spans[left->next];
    return right->whole ? -1 : find_piece(m, left->start, left->bytes + right->bytes);
}

static void offer(merging *m, int32_t at)
{
    int32_t id = at < 0 ? -1 : find_merge(m, at);
    if (id < 0) return;
    if (m->own->unused && m->own->unused[id]) m->splits[id] = m->spans[at].bytes;
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

static wane_status put_unknown(const merging *m, uint32_t start, uint32_t bytes, bool *before,
                               wane_tokens *out, wane_error *err)
{
    wane_status st = WANE_OK;
    const char *text = m->text + start;
    if (wane_token_model_has_bytes(m->model, text, bytes)) {
        for (uint32_t i = 0; i < bytes; i++)
            WANE_TRY(wane_tokens_append(out, &m->model->byte_id[(unsigned char)text[i]], 1, err));
        return WANE_OK;
    }
    if (m->model->unknown_id < 0) return wane_token_model_no_token(m->model, text, bytes, err);
    if (!*before) st = wane_tokens_append(out, &m->model->unknown_id, 1, err);
    *before = true;
done:
    return st;
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
        uint32_t left = id >= 0 && m->own->unused && m->own->unused[id] ? m->splits[id] : 0;
        if (left) {
            m->heap[waiting++] = (uint64_t)(start + left) << 32 | (bytes - left);
            m->heap[waiting++] = (uint64_t)start << 32 | left;
        } else if (id < 0) {
            WANE_TRY(put_unknown(m, start, bytes, unknown, out, err));
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

static wane_status read_ranks(piece_merges *made, const wane_vocabulary *vocabulary,
                              const wane_json *json, const wane_json_part *part, wane_error *err)
{
    const wane_json *ranks = wane_json_get(json, "ranks");
    size_t count = (size_t)vocabulary->limit;
    if (wane_json_size(ranks) != count || vocabulary->count != count)
        return wane_json_part_fail(part, err, "\"ranks\" has not one number for each id");
    if (!(made->ranks = wane_alloc(count, sizeof *made->ranks)))
        return wane_fail_memory(err, "tokenizer", part->file);
    for (size_t i = 0; i < count; i++) {
        int64_t rank = -2;
        if (!wane_json_integer(&rank, wane_json_at(ranks, i)) || rank < -1 || rank > INT32_MAX)
            return wane_json_part_fail(part, err, "ranks[%zu] is no rank", i);
        made->ranks[i] = rank < 0 ? no_rank : (uint32_t)rank;
        size_t bytes = vocabulary->tokens[i].bytes;
        if (rank >= 0 && bytes > made->longest) made->longest = bytes;
    }
    return WANE_OK;
}

/* One of a list of ids. */
static wane_status read_id(int32_t *out, const wane_json *list, size_t index,
                           const wane_vocabulary *vocabulary, const wane_json_part *part,
                           wane_error *err)
{
    int64_t id = -1;
    if (!wane_json_integer(&id, wane_json_at(list, index)) || id < 0 || id >= vocabulary->limit)
        return wane_json_part_fail(part, err, "a list of ids holds what is none");
    *out = (int32_t)id;
    return WANE_OK;
}

static wane_status read_whole(piece_merges *made, const wane_token_model *model,
                              const wane_json *list, const wane_json_part *part, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_vocabulary whole = {0};
    int32_t id = -1;
    size_t count = wane_json_size(list);
    if (!count) return WANE_OK;
    WANE_TRY(wane_vocabulary_make(&whole, part->arena, count, model->vocabulary.limit, err));
    for (size_t i = 0; i < count; i++) {
        WANE_TRY(read_id(&id, list, i, &model->vocabulary, part, err));
        const wane_token *token = &model->vocabulary.tokens[id];
        st = wane_vocabulary_add(&whole, token->text, token->bytes, id, err);
        if (st == WANE_EEXIST)
            st = wane_json_part_fail(part, err, "id %d is in a list twice", (int)id);
        if (st != WANE_OK) goto done;
    }
    st = wane_token_tree_make(&made->whole, &whole, &id, err);
    if (st == WANE_EINVAL)
        st = wane_json_part_fail(part, err, "token %d has more than %d bytes", (int)id,
                                 WANE_TREE_TOKEN_BYTES);
done:
    wane_vocabulary_free(&whole);
    return st;
}

static wane_status read_unused(piece_merges *made, const wane_token_model *model,
                               const wane_json *list, const wane_json_part *part, wane_error *err)
{
    wane_status st = WANE_OK;
    int32_t id = -1;
    if (!wane_json_size(list)) return WANE_OK;
    made->unused = wane_alloc((size_t)model->vocabulary.limit, sizeof *made->unused);
    if (!made->unused) return wane_fail_memory(err, "tokenizer", part->file);
    for (size_t i = 0; i < wane_json_size(list); i++) {
        WANE_TRY(read_id(&id, list, i, &model->vocabulary, part, err));
        made->unused[id] = true;
    }
done:
    return st;
}

static wane_status read(wane_token_model *model, const wane_json *json, const wane_json_part *part,
                        wane_error *err)
{
    wane_status st = WANE_OK;
    piece_merges *made = wane_alloc(1, sizeof *made);
    if (!made) return wane_fail_memory(err, "tokenizer", part->file);
    WANE_TRY(wane_token_model_read_vocabulary(model, wane_json_get(json, "vocab"), part, err));
    WANE_TRY(read_ranks(made, &model->vocabulary, json, part, err));
    WANE_TRY(read_whole(made, model, wane_json_get(json, "whole"), part, err));
    WANE_TRY(read_unused(made, model, wane_json_get(json, "unused"), part, err));
    model->kind = &wane_piece_merges_kind;
    model->own = made;
    made = NULL;
    wane_token_model_look_up(model);
done:
    if (made) release(made);
    return st;
}

static const char *const keys[] = {"vocab",     "ranks",         "whole", "unused",
                                   "unk_token", "byte_fallback", NULL};
const wane_token_model_kind wane_piece_merges_kind = {
    "SentencePieceBPE", "ranks", keys, read, encode, release};
