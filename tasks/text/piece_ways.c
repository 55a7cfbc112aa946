/* SPDX-License-Identifier: Apache-2.0
 * SentencePiece's Unigram: the best way to each place of a text, from left to right, and back from
 * its end.
 */
#include <float.h>

#include "store/base/memory.h"
#include "tasks/text/piece_models.h"
#include "tasks/text/sentencepiece.h"
#include "tasks/text/unicode.h"

static const float unknown_penalty = 10;

/* The best way that ends at a place. */
struct wane_way {
    float score;
    int32_t start; /* of its last piece; -1: no way yet */
    int32_t id;
    int32_t next; /* on the best way of all: where the piece that starts here ends */
};

typedef struct piece_ways {
    wane_piece_table table;
    wane_token_tree tree;
    float unknown, most; /* the score of an unknown character; the best of a normal piece */
} piece_ways;

static void release(void *own)
{
    piece_ways *w = own;
    wane_piece_table_free(&w->table);
    wane_token_tree_free(&w->tree);
    wane_free(w);
}

static wane_status read(wane_token_model *model, const wane_json *json, const wane_json_part *part,
                        wane_error *err)
{
    wane_status st = WANE_OK;
    float least = FLT_MAX;
    piece_ways *made = wane_alloc(1, sizeof *made);
    if (!made) return wane_fail_memory(err, "tokenizer", part->file);
    made->most = FLT_MIN; /* as the library begins */
    WANE_TRY(wane_piece_table_read(&made->table, model, json, part, err));
    for (int32_t id = 0; id < model->vocabulary.limit; id++) {
        if (made->table.kinds[id] != WANE_PIECE_NORMAL) continue;
        if (made->table.scores[id] < least) least = made->table.scores[id];
        if (made->table.scores[id] > made->most) made->most = made->table.scores[id];
    }
    made->unknown = least - unknown_penalty;
    WANE_TRY(wane_piece_tree_make(&made->tree, model, &made->table, false, part, err));
    model->kind = &wane_piece_ways_kind;
    model->own = made;
    made = NULL;
    wane_token_model_look_up(model);
done:
    if (made) release(made);
    return st;
}

/* The sum is of double precision until it is kept. */
static void offer(struct wane_way *ways, size_t start, size_t stop, double score, int32_t id)
{
    struct wane_way *at = ways + stop;
    if (at->start >= 0 && score <= (double)at->score) return;
    at->score = (float)score;
    at->start = (int32_t)start;
    at->id = id;
}

/* The ways that go on from a place by one piece; returns how long the character there is. */
static size_t go_on(const wane_token_model *model, const char *text, size_t bytes, size_t start,
                    struct wane_way *ways)
{
    const piece_ways *w = model->own;
    size_t character = wane_utf8_size((unsigned char)text[start]);
    float here = ways[start].score;
    bool single = false;
    int32_t node = w->tree.count ? 0 : -1;
    for (size_t at = start; at < bytes && node >= 0;) {
        node = wane_token_tree_step(&w->tree, node, (unsigned char)text[at++]);
        int32_t id = node >= 0 ? wane_token_tree_id(&w->tree, node) : -1;
        if (id < 0 || w->table.kinds[id] == WANE_PIECE_UNUSED) continue;
        float length = (float)(at - start);
        double score = w->table.kinds[id] == WANE_PIECE_USER ? (double)(length * w->most) - 0.1
                                                             : (double)w->table.scores[id];
        offer(ways, start, at, score + (double)here, id);
        single = single || at == start + character;
    }
    if (!single)
        offer(ways, start, start + character, (double)(float)(w->unknown + here),
              model->unknown_id);
    return character;
}

static wane_status encode(const wane_token_model *model, const char *word, size_t bytes,
                          wane_token_model_scratch *scratch, wane_tokens *out, wane_error *err)
{
    wane_status st = WANE_OK;
    bool unknown = false;
    if (bytes >= INT32_MAX)
        return wane_fail(err, WANE_EINVAL, "tokenizer: text: a word of %zu bytes is too long",
                         bytes);
    if (!WANE_GROW(scratch->ways, scratch->way_capacity, bytes + 1))
        return wane_fail_memory(err, "tokenizer", "word");
    struct wane_way *ways = scratch->ways;
    for (size_t i = 0; i <= bytes; i++) ways[i] = (struct wane_way){.start = -1};
    for (size_t at = 0; at < bytes;) at += go_on(model, word, bytes, at, ways);
    for (int32_t at = (int32_t)bytes; at > 0; at = ways[at].start) ways[ways[at].start].next = at;
    for (size_t at = 0, stop = 0; at < bytes; at = stop) {
        stop = (size_t)ways[at].next;
        int32_t id = ways[stop].id;
        if (id == model->unknown_id) {
            WANE_TRY(wane_piece_unknown(model, word + at, stop - at, &unknown, out, err));
        } else {
            WANE_TRY(wane_tokens_append(out, &id, 1, err));
            unknown = false;
        }
    }
done:
    return st;
}

const wane_token_model_kind wane_piece_ways_kind = {
    WANE_PIECES_UNIGRAM, WANE_PIECES_UNIGRAM, wane_piece_keys, read, encode, release};
