/* SPDX-License-Identifier: Apache-2.0
 * The best way to each place of a word, from left to right, and back from its end.
 */
#include "tasks/text/unigram.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/memory.h"
#include "tasks/text/token_tree.h"
#include "tasks/text/unicode.h"

static const double unknown_penalty = 10;

typedef struct unigram {
    wane_token_tree tree;
    double *scores; /* by id */
    double unknown_score;
} unigram;

/* The best way that ends at a place of the word. */
struct wane_best {
    double score;
    int32_t start; /* of its last token; -1: no way yet */
    int32_t id;    /* of its last token */
    int32_t next;  /* on the best way of all: where the token that starts here ends */
};

static void release(void *own)
{
    unigram *u = own;
    wane_token_tree_free(&u->tree);
    wane_free(u->scores);
    wane_free(u);
}

static wane_status make(wane_token_model *model, const double *scores, const wane_json_part *part,
                        wane_error *err)
{
    wane_status st = WANE_OK;
    int32_t longest = -1;
    size_t count = model->vocabulary.count;
    unigram *made = wane_alloc(1, sizeof *made);
    if (!made || !(made->scores = wane_alloc(count, sizeof *scores))) {
        st = wane_fail_memory(err, "tokenizer", part->file);
        goto done;
    }
    st = wane_token_tree_make(&made->tree, &model->vocabulary, &longest, err);
    if (st == WANE_EINVAL)
        st = wane_json_part_fail(part, err, "token %d has more than %d bytes", (int)longest,
                                 WANE_TREE_TOKEN_BYTES);
    if (st != WANE_OK) goto done;
    double least = count ? scores[0] : 0;
    for (size_t id = 0; id < count; id++)
        if (scores[id] < least) least = scores[id];
    if (count) memcpy(made->scores, scores, count * sizeof *scores);
    made->unknown_score = least - unknown_penalty;
    model->own = made;
    made = NULL;
done:
    if (made) release(made);
    return st;
}

/* A double as serde_json makes it of the shortest decimal that means `value`, which is what files
 * hold: the digits as one whole number, then one multiplication or division by a power of ten. In
 * one of seven that is the neighbour of `value`, and two ways of one text can be equal by it. */
static double as_the_library_reads(double value)
{
    char text[32];
    uint64_t digits = 0;
    int exponent = 0;
    bool point = false;
    const char *at = wane_format_double(text, value);
    bool negative = *at == '-';
    for (at += negative; *at && *at != 'e'; at++) {
        point = point || *at == '.';
        if (*at == '.') continue;
        digits = digits * 10 + (uint64_t)(*at - '0');
        exponent -= point;
    }
    if (*at == 'e') exponent += (int)strtol(at + 1, NULL, 10);
    double power = 1, result = (double)digits;
    int steps = exponent < 0 ? -exponent : exponent;
    if (steps > 22) return value;                /* of no score that there is */
    for (int i = 0; i < steps; i++) power *= 10; /* exact up to 10^22 */
    result = exponent < 0 ? result / power : result * power;
    return negative ? -result : result;
}

/* ["token", -1.5] */
static wane_status read_token(wane_token_model *model, double *scores, const wane_json *json,
                              int32_t id, const wane_json_part *part, wane_error *err)
{
    size_t bytes = 0;
    double score = 0;
    const char *text = wane_json_string(wane_json_at(json, 0), &bytes);
    if (wane_json_size(json) != 2 || !text || !wane_json_number(&score, wane_json_at(json, 1)))
        return wane_json_part_fail(part, err, "vocab[%d] is not a token and its score", (int)id);
    scores[id] = as_the_library_reads(score);
    wane_status st = wane_vocabulary_add(&model->vocabulary, text, bytes, id, err);
    if (st == WANE_EEXIST)
        st = wane_json_part_fail(part, err, "vocab[%d]: \"%.64s\" is there twice", (int)id, text);
    return st;
}

static wane_status read(wane_token_model *model, const wane_json *json, const wane_json_part *part,
                        wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_json *vocab = wane_json_get(json, "vocab"), *unknown = wane_json_get(json, "unk_id");
    size_t count = wane_json_size(vocab);
    double *scores = NULL;
    int64_t id = -1;
    if (wane_json_kind_of(vocab) != WANE_JSON_ARRAY)
        return wane_json_part_fail(part, err, "\"vocab\" is no array");
    if (count > WANE_TOKEN_ID_LIMIT) return wane_json_part_fail(part, err, "%zu tokens", count);
    if (wane_json_kind_of(unknown) != WANE_JSON_NULL &&
        (!wane_json_integer(&id, unknown) || id < 0 || (uint64_t)id >= count))
        return wane_json_part_fail(part, err, "\"unk_id\" is no id of the vocabulary");
    WANE_TRY(wane_vocabulary_make(&model->vocabulary, part->arena, count, (int32_t)count, err));
    if (!(scores = wane_alloc(count, sizeof *scores)))
        return wane_fail_memory(err, "tokenizer", part->file);
    for (size_t i = 0; i < count; i++)
        WANE_TRY(read_token(model, scores, wane_json_at(vocab, i), (int32_t)i, part, err));
    model->unknown_id = (int32_t)id;
    WANE_TRY(make(model, scores, part, err));
done:
    wane_free(scores);
    return st;
}

/* Whether the way is the best to its end so far; it is noted then. */
static bool offer(struct wane_best *best, size_t start, size_t stop, double score, int32_t id)
{
    struct wane_best *at = best + stop;
    if (at->start >= 0 && score <= at->score) return false;
    at->score = score;
    at->start = (int32_t)start;
    at->id = id;
    return true;
}

/* The ways that go on from a place by one token; 0 when none may and the library gives up, else how
 * long the character there is. */
static size_t go_on(const wane_token_model *model, const char *word, size_t bytes, size_t start,
                    struct wane_best *best)
{
    const unigram *u = model->own;
    size_t character = wane_utf8_size((unsigned char)word[start]);
    double here = best[start].score;
    bool single = false;
    int32_t node = 0;
    for (size_t at = start; at < bytes; at++) {
        node = wane_token_tree_step(&u->tree, node, (unsigned char)word[at]);
        if (node < 0) break;
        int32_t id = wane_token_tree_id(&u->tree, node);
        if (id < 0) continue;
        offer(best, start, at + 1, u->scores[id] + here, id);
        single = single || at + 1 == start + character;
    }
    if (!single &&
        offer(best, start, start + character, u->unknown_score + here, model->unknown_id) &&
        model->unknown_id < 0)
        return 0;
    return character;
}

/* A run of unknown characters: a token after all (the text of the unknown token may be one), its
 * bytes, or the unknown token. */
static wane_status append_unknown(const wane_token_model *model, const char *text, size_t bytes,
                                  wane_tokens *out, wane_error *err)
{
    wane_status st = WANE_OK;
    int32_t id = wane_vocabulary_find(&model->vocabulary, text, bytes);
    if (id < 0 && wane_token_model_has_bytes(model, text, bytes)) {
        for (size_t i = 0; i < bytes; i++)
            WANE_TRY(wane_tokens_append(out, model->byte_id + (unsigned char)text[i], 1, err));
        return WANE_OK;
    }
    if (id < 0) id = model->unknown_id;
    WANE_TRY(wane_tokens_append(out, &id, 1, err));
done:
    return st;
}

static wane_status encode(const wane_token_model *model, const char *word, size_t bytes,
                          wane_token_model_scratch *scratch, wane_tokens *out, wane_error *err)
{
    wane_status st = WANE_OK;
    if (bytes >= INT32_MAX)
        return wane_fail(err, WANE_EINVAL, "tokenizer: text: a word of %zu bytes is too long",
                         bytes);
    if (!WANE_GROW(scratch->best, scratch->best_capacity, bytes + 1))
        return wane_fail_memory(err, "tokenizer", "word");
    struct wane_best *best = scratch->best;
    for (size_t i = 0; i <= bytes; i++) best[i] = (struct wane_best){.start = -1};
    for (size_t at = 0; at < bytes;) {
        size_t step = go_on(model, word, bytes, at, best);
        if (!step) return wane_token_model_no_token(model, word + at, bytes - at, err);
        at += step;
    }
    for (int32_t at = (int32_t)bytes; at > 0; at = best[at].start) best[best[at].start].next = at;
    for (size_t at = 0; at < bytes;) {
        size_t stop = (size_t)best[at].next;
        int32_t id = best[stop].id;
        if (id != model->unknown_id) {
            WANE_TRY(wane_tokens_append(out, &id, 1, err));
        } else {
            while (stop < bytes && best[best[stop].next].id == id) stop = (size_t)best[stop].next;
            WANE_TRY(append_unknown(model, word + at, stop - at, out, err));
        }
        at = stop;
    }
done:
    return st;
}

static const char *const keys[] = {"vocab", "unk_id", "byte_fallback", NULL};
const wane_token_model_kind wane_unigram_kind = {"Unigram", "unk_id", keys, read, encode, release};
