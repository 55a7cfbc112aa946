/* SPDX-License-Identifier: Apache-2.0
 * Merges the symbols of a word by a heap of the ranks of their pairs, which are found in a hash
 * table.
 */
#include "tasks/text/bpe.h"

#include <string.h>

#include "store/base/memory.h"
#include "tasks/text/merge_heap.h"
#include "tasks/text/unicode.h"

struct wane_symbol {
    int32_t id;         /* -1: merged into its left neighbour */
    int32_t prev, next; /* -1: none */
};

struct wane_pair {
    int32_t left, right; /* left < 0: an empty slot */
    uint32_t rank;
};

enum { AFFIX_BYTES = 64, DIRECT_CODES = 0x3000 };

typedef struct merge_rule {
    int32_t left, right, result;
} merge_rule;

typedef struct bpe_settings {
    const char *prefix, *suffix; /* of what goes on a word, and ends it; in the arena; or NULL */
    size_t prefix_bytes, suffix_bytes;
    bool fuse_unknown;  /* unknown characters side by side are one token */
    bool ignore_merges; /* a word that is a token is that token */
} bpe_settings;

typedef struct bpe {
    bpe_settings settings;
    wane_text joined;   /* while merges are added */
    int32_t *direct;    /* ids of the code points below DIRECT_CODES, or -1; NULL with an affix */
    merge_rule *merges; /* by rank */
    size_t merge_count, merge_room;
    struct wane_pair *pairs; /* open addressing: a pair's merge */
    size_t pair_mask;
} bpe;

static size_t pair_slot(const bpe *model, int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    key = (key ^ key >> 31) * 0x9e3779b97f4a7c15u;
    size_t slot = (key >> 32) & model->pair_mask;
    for (;; slot = (slot + 1) & model->pair_mask) {
        const struct wane_pair *pair = model->pairs + slot;
        if (pair->left < 0 || (pair->left == left && pair->right == right)) return slot;
    }
}

static inline bool find_merge(const bpe *model, int32_t left, int32_t right, uint32_t *rank)
{
    const struct wane_pair *pair = model->pairs + pair_slot(model, left, right);
    *rank = pair->rank;
    return pair->left >= 0;
}

static inline void offer(const bpe *model, const struct wane_symbol *symbols, int32_t at,
                         uint64_t *heap, size_t *count)
{
    uint32_t rank = 0;
    if (find_merge(model, symbols[at].id, symbols[symbols[at].next].id, &rank))
        wane_heap_push(heap, (*count)++, (uint64_t)rank << 32 | (uint32_t)at);
}

/* Merges until no pair has a merge. The heap has room for 3 * count: one entry for each pair there
 * is at first and at most two for each merge done. */
static void merge_symbols(const bpe *model, struct wane_symbol *symbols, size_t count,
                          uint64_t *heap)
{
    size_t queued = 0;
    for (size_t i = 0; i + 1 < count; i++) {
        uint32_t rank = 0;
        if (find_merge(model, symbols[i].id, symbols[i + 1].id, &rank))
            heap[queued++] = (uint64_t)rank << 32 | i;
    }
    for (size_t i = queued / 2; i-- > 0;) wane_heap_sink(heap, queued, i);
    while (queued) {
        uint64_t top = heap[0];
        heap[0] = heap[--queued];
        if (queued) wane_heap_sink(heap, queued, 0);
        int32_t at = (int32_t)(uint32_t)top;
        const merge_rule *merge = model->merges + (top >> 32);
        struct wane_symbol *left = symbols + at;
        if (left->id != merge->left || left->next < 0) continue;
        struct wane_symbol *right = symbols + left->next;
        if (right->id != merge->right) continue;
        left->id = merge->result;
        right->id = -1;
        left->next = right->next;
        if (left->next >= 0) {
            symbols[left->next].prev = at;
            offer(model, symbols, at, heap, &queued);
        }
        if (left->prev >= 0) offer(model, symbols, left->prev, heap, &queued);
    }
}

/* What the characters of a word become at first. */
typedef struct spelling {
    const wane_token_model *model;
    const bpe *bpe;
    struct wane_symbol *symbols;
    size_t count;
    bool unknown; /* an unknown token is due before the next symbol */
} spelling;

static void spell(spelling *s, int32_t id)
{
    int32_t at = (int32_t)s->count++;
    s->symbols[at] = (struct wane_symbol){id, at - 1, at + 1};
}

static wane_status spell_unknown(spelling *s, const char *text, size_t bytes, wane_error *err)
{
    const wane_token_model *model = s->model;
    if (wane_token_model_has_bytes(model, text, bytes)) {
        for (size_t i = 0; i < bytes; i++) spell(s, model->byte_id[(unsigned char)text[i]]);
        return WANE_OK; /* an unknown that is due stays due, as in the library */
    }
    if (!model->unknown) return WANE_OK; /* the library drops the character */
    if (model->unknown_id < 0) return wane_token_model_no_token(model, text, bytes, err);
    if (s->unknown && !s->bpe->settings.fuse_unknown) spell(s, model->unknown_id);
    s->unknown = true;
    return WANE_OK;
}

static wane_status spell_character(spelling *s, const char *text, size_t bytes, bool first,
                                   bool last, wane_error *err)
{
    const wane_vocabulary *vocabulary = &s->model->vocabulary;
    const bpe_settings *settings = &s->bpe->settings;
    int32_t id = -1;
    char whole[2 * AFFIX_BYTES + 4];
    if (s->bpe->direct) {
        uint32_t code = wane_utf8_decode(text);
        id = code < DIRECT_CODES ? s->bpe->direct[code]
                                 : wane_vocabulary_find(vocabulary, text, bytes);
    } else {
        size_t length = 0;
        if (!first && settings->prefix_bytes) {
            memcpy(whole, settings->prefix, settings->prefix_bytes);
            length = settings->prefix_bytes;
        }
        memcpy(whole + length, text, bytes);
        length += bytes;
        if (last && settings->suffix_bytes) {
            memcpy(whole + length, settings->suffix, settings->suffix_bytes);
            length += settings->suffix_bytes;
        }
        id = wane_vocabulary_find(vocabulary, whole, length);
        text = whole;
        bytes = length;
    }
    if (id < 0) return spell_unknown(s, text, bytes, err);
    if (s->unknown) spell(s, s->model->unknown_id);
    s->unknown = false;
    spell(s, id);
    return WANE_OK;
}

static wane_status reserve(wane_token_model_scratch *scratch, size_t symbols, wane_error *err)
{
    if (!WANE_GROW(scratch->symbols, scratch->symbol_capacity, symbols) ||
        !WANE_GROW(scratch->heap, scratch->heap_capacity, 3 * symbols))
        return wane_fail_memory(err, "tokenizer", "word");
    return WANE_OK;
}

static wane_status encode(const wane_token_model *model, const char *word, size_t bytes,
                          wane_token_model_scratch *scratch, wane_tokens *out, wane_error *err)
{
    wane_status st = WANE_OK;
    const bpe *own = model->own;
    if (own->settings.ignore_merges) {
        int32_t id = wane_vocabulary_find(&model->vocabulary, word, bytes);
        if (id >= 0) return wane_tokens_append(out, &id, 1, err);
    }
    /* A byte gives one symbol at most, the affixes' bytes and an unknown that is due add a few. */
    size_t most = bytes + (own->direct ? 2 : 2 * AFFIX_BYTES + 2);
    if (own->settings.prefix_bytes) most += bytes * own->settings.prefix_bytes;
    if (most > INT32_MAX / 4)
        return wane_fail(err, WANE_EINVAL, "tokenizer: text: a word of %zu bytes is too long",
                         bytes);
    WANE_TRY(reserve(scratch, most, err));
    spelling s = {.model = model, .bpe = own, .symbols = scratch->symbols};
    for (size_t at = 0; at < bytes;) {
        size_t size = wane_utf8_size((unsigned char)word[at]);
        WANE_TRY(spell_character(&s, word + at, size, at == 0, at + size >= bytes, err));
        at += size;
    }
    if (s.unknown) spell(&s, model->unknown_id);
    if (!s.count) return WANE_OK;
    s.symbols[s.count - 1].next = -1;
    merge_symbols(own, s.symbols, s.count, scratch->heap);
    for (int32_t at = 0; at >= 0;) {
        int32_t ids[64];
        size_t count = 0;
        for (; at >= 0 && count < sizeof ids / sizeof *ids; at = s.symbols[at].next)
            ids[count++] = s.symbols[at].id;
        WANE_TRY(wane_tokens_append(out, ids, count, err));
    }
done:
    return st;
}

static void release(void *own)
{
    bpe *made = own;
    wane_text_free(&made->joined);
    wane_free(made->direct);
    wane_free(made->merges);
    wane_free(made->pairs);
    wane_free(made);
}

static wane_status make_direct(bpe *made, const wane_vocabulary *vocabulary,
                               const wane_json_part *part, wane_error *err)
{
    char text[8];
    if (made->settings.prefix_bytes || made->settings.suffix_bytes) return WANE_OK;
    made->direct = wane_alloc(DIRECT_CODES, sizeof *made->direct);
    if (!made->direct) return wane_fail_memory(err, "tokenizer", part->file);
    for (uint32_t code = 0; code < DIRECT_CODES; code++)
        made->direct[code] = wane_vocabulary_find(vocabulary, text, wane_utf8_encode(text, code));
    return WANE_OK;
}

/* Room for that many merges. */
static wane_status make(wane_token_model *model, const bpe_settings *settings, size_t merges,
                        const wane_json_part *part, wane_error *err)
{
    wane_status st = WANE_OK;
    if (settings->prefix_bytes > AFFIX_BYTES || settings->suffix_bytes > AFFIX_BYTES)
        return wane_json_part_fail(part, err, "a prefix or suffix of more than %d bytes",
                                   AFFIX_BYTES);
    if (merges > UINT32_MAX / 4) return wane_json_part_fail(part, err, "%zu merges", merges);
    bpe *made = wane_alloc(1, sizeof *made);
    if (!made) return wane_fail_memory(err, "tokenizer", part->file);
    made->settings = *settings;
    made->merge_room = merges;
    made->pair_mask = 15;
    while (made->pair_mask / 2 < merges) made->pair_mask = made->pair_mask * 2 + 1;
    made->merges = wane_alloc(merges, sizeof *made->merges);
    made->pairs = wane_alloc(made->pair_mask + 1, sizeof *made->pairs);
    if (!made->merges || !made->pairs) {
        st = wane_fail_memory(err, "tokenizer", part->file);
        goto done;
    }
    for (size_t i = 0; i <= made->pair_mask; i++) made->pairs[i].left = -1;
    WANE_TRY(make_direct(made, &model->vocabulary, part, err));
    model->own = made;
    made = NULL;
done:
    if (made) release(made);
    return st;
}

/* Adds the merge of the next rank; messages call it merges[number]. */
static wane_status add_merge(wane_token_model *model, const wane_token pair[2], size_t number,
                             const wane_json_part *part, wane_error *err)
{
    wane_status st = WANE_OK;
    bpe *own = model->own;
    size_t prefix = own->settings.prefix_bytes;
    int32_t id[2];
    if (own->merge_count == own->merge_room)
        return wane_json_part_fail(part, err, "more than %zu merges", own->merge_room);
    for (size_t i = 0; i < 2; i++) {
        id[i] = wane_vocabulary_find(&model->vocabulary, pair[i].text, pair[i].bytes);
        if (id[i] < 0)
            return wane_json_part_fail(part, err, "merges[%zu]: \"%.*s\" is not in the vocabulary",
                                       number, (int)(pair[i].bytes < 64 ? pair[i].bytes : 64),
                                       pair[i].text);
    }
    /* An empty part would make a merge that does not lengthen a token. */
    if (!pair[0].bytes || pair[1].bytes <= prefix)
        return wane_json_part_fail(part, err, "merges[%zu] holds an empty token", number);
    wane_text *joined = &own->joined;
    wane_text_clear(joined);
    wane_text_append(joined, pair[0].text, pair[0].bytes);
    wane_text_append(joined, pair[1].text + prefix, pair[1].bytes - prefix);
    WANE_TRY(wane_text_check(joined, "tokenizer", part->file, err));
    int32_t result = wane_vocabulary_find(&model->vocabulary, joined->data, joined->length);
    if (result < 0)
        return wane_json_part_fail(part, err, "merges[%zu]: \"%.64s\" is not in the vocabulary",
                                   number, joined->data);
    size_t slot = pair_slot(own, id[0], id[1]); /* a later merge of a pair replaces the earlier */
    own->pairs[slot] = (struct wane_pair){id[0], id[1], (uint32_t)own->merge_count};
    own->merges[own->merge_count++] = (merge_rule){id[0], id[1], result};
done:
    return st;
}

/* The two tokens of a merge: ["a", "b"] or "a b". */
static wane_status read_merge(wane_token pair[2], const wane_json *json, size_t number,
                              const wane_json_part *part, wane_error *err)
{
    size_t bytes = 0;
    const char *line = wane_json_string(json, &bytes);
    if (line) {
        const char *space = memchr(line, ' ', bytes);
        size_t first = space ? (size_t)(space - line) : 0;
        if (!space || memchr(space + 1, ' ', bytes - first - 1))
            return wane_json_part_fail(part, err, "merges[%zu] \"%.64s\" is not two tokens", number,
                                       line);
        pair[0] = (wane_token){line, first};
        pair[1] = (wane_token){space + 1, bytes - first - 1};
    } else {
        for (size_t i = 0; i < 2; i++)
            pair[i].text = wane_json_string(wane_json_at(json, i), &pair[i].bytes);
        if (wane_json_size(json) != 2 || !pair[0].text || !pair[1].text)
            return wane_json_part_fail(part, err, "merges[%zu] is not two tokens", number);
    }
    return WANE_OK;
}

static wane_status read_merges(wane_token_model *model, const wane_json *json,
                               const wane_json_part *part, wane_error *err)
{
    wane_status st = WANE_OK;
    for (size_t i = 0; i < wane_json_size(json); i++) {
        const wane_json *element = wane_json_at(json, i);
        const char *line = wane_json_string(element, NULL);
        wane_token pair[2];
        if (line && !strncmp(line, "#version", 8)) continue;
        WANE_TRY(read_merge(pair, element, i, part, err));
        WANE_TRY(add_merge(model, pair, i, part, err));
    }
done:
    return st;
}

static wane_status read(wane_token_model *model, const wane_json *json, const wane_json_part *part,
                        wane_error *err)
{
    wane_status st = WANE_OK;
    bpe_settings settings = {0};
    double dropout = 0;
    const wane_json *value = wane_json_get(json, "dropout"),
                    *merges = wane_json_get(json, "merges");
    if (wane_json_kind_of(value) != WANE_JSON_NULL &&
        (!wane_json_number(&dropout, value) || dropout != 0))
        return wane_json_part_fail(part, err,
                                   "a \"dropout\" other than null or 0 is not supported");
    WANE_TRY(wane_json_part_bool(&settings.fuse_unknown, json, "fuse_unk", false, part, err));
    WANE_TRY(wane_json_part_bool(&settings.ignore_merges, json, "ignore_merges", false, part, err));
    WANE_TRY(wane_json_part_string(&settings.prefix, &settings.prefix_bytes, json,
                                   "continuing_subword_prefix", true, part, err));
    WANE_TRY(wane_json_part_string(&settings.suffix, &settings.suffix_bytes, json,
                                   "end_of_word_suffix", true, part, err));
    WANE_TRY(wane_token_model_read_vocabulary(model, wane_json_get(json, "vocab"), part, err));
    if (wane_json_kind_of(merges) != WANE_JSON_ARRAY)
        return wane_json_part_fail(part, err, "\"merges\" is no array");
    WANE_TRY(make(model, &settings, wane_json_size(merges), part, err));
    WANE_TRY(read_merges(model, merges, part, err));
done:
    return st;
}

static const char *const keys[] = {"dropout",
                                   "unk_token",
                                   "continuing_subword_prefix",
                                   "end_of_word_suffix",
                                   "fuse_unk",
                                   "byte_fallback",
                                   "ignore_merges",
                                   "vocab",
                                   "merges",
                                   NULL};
const wane_token_model_kind wane_bpe_kind = {"BPE", "merges", keys, read, encode, release};
