/* SPDX-License-Identifier: Apache-2.0
 * Merges the symbols of a word by a heap of the ranks of their pairs, which are found in a hash
 * table, and reads vocabulary and merges from the file.
 */
#include "tasks/text/bpe.h"

#include <string.h>

#include "store/base/memory.h"
#include "tasks/text/unicode.h"

struct wane_symbol {
    int32_t id;         /* -1: merged into its left neighbour */
    int32_t prev, next; /* -1: none */
};

struct wane_pair {
    int32_t left, right; /* left < 0: an empty slot */
    uint32_t rank;
};

enum { AFFIX_BYTES = 64 };

static size_t pair_slot(const wane_bpe *model, int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    key = (key ^ key >> 31) * 0x9e3779b97f4a7c15u;
    size_t slot = (key >> 32) & model->pair_mask;
    for (;; slot = (slot + 1) & model->pair_mask) {
        const struct wane_pair *pair = model->pairs + slot;
        if (pair->left < 0 || (pair->left == left && pair->right == right)) return slot;
    }
}

static inline bool find_merge(const wane_bpe *model, int32_t left, int32_t right, uint32_t *rank)
{
    const struct wane_pair *pair = model->pairs + pair_slot(model, left, right);
    *rank = pair->rank;
    return pair->left >= 0;
}

/* Min-heap of rank << 32 | position: the lowest rank first, of equal ones the leftmost. */
static void heap_sink(uint64_t *heap, size_t count, size_t at)
{
    uint64_t key = heap[at];
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && heap[child + 1] < heap[child]) child++;
        if (heap[child] >= key) break;
        heap[at] = heap[child];
    }
    heap[at] = key;
}

static void heap_push(uint64_t *heap, size_t count, uint64_t key)
{
    size_t at = count;
    for (; at && heap[(at - 1) / 2] > key; at = (at - 1) / 2) heap[at] = heap[(at - 1) / 2];
    heap[at] = key;
}

static inline void offer(const wane_bpe *model, const struct wane_symbol *symbols, int32_t at,
                         uint64_t *heap, size_t *count)
{
    uint32_t rank = 0;
    if (find_merge(model, symbols[at].id, symbols[symbols[at].next].id, &rank))
        heap_push(heap, (*count)++, (uint64_t)rank << 32 | (uint32_t)at);
}

/* Merges until no pair has a merge. The heap has room for 3 * count: one entry for each pair there
 * is at first and at most two for each merge done. */
static void merge_symbols(const wane_bpe *model, struct wane_symbol *symbols, size_t count,
                          uint64_t *heap)
{
    size_t queued = 0;
    for (size_t i = 0; i + 1 < count; i++) {
        uint32_t rank = 0;
        if (find_merge(model, symbols[i].id, symbols[i + 1].id, &rank))
            heap[queued++] = (uint64_t)rank << 32 | i;
    }
    for (size_t i = queued / 2; i-- > 0;) heap_sink(heap, queued, i);
    while (queued) {
        uint64_t top = heap[0];
        heap[0] = heap[--queued];
        if (queued) heap_sink(heap, queued, 0);
        int32_t at = (int32_t)(uint32_t)top;
        const wane_merge *merge = model->merges + (top >> 32);
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

/* What one character of a word becomes at first. */
typedef struct spelling {
    const wane_bpe *model;
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
    const wane_bpe *model = s->model;
    if (model->byte_fallback) {
        size_t known = 0;
        while (known < bytes && model->byte_id[(unsigned char)text[known]] >= 0) known++;
        if (known == bytes) {
            for (size_t i = 0; i < bytes; i++) spell(s, model->byte_id[(unsigned char)text[i]]);
            return WANE_OK; /* an unknown that is due stays due, as in the library */
        }
    }
    if (!model->unknown) return WANE_OK; /* the library drops the character */
    if (model->unknown_id < 0)
        return wane_fail(err, WANE_EFORMAT,
                         "tokenizer: text: \"%.*s\" is not in the vocabulary, nor is the unknown "
                         "token \"%.64s\"",
                         (int)(bytes < 64 ? bytes : 64), text, model->unknown);
    if (s->unknown && !model->fuse_unknown) spell(s, model->unknown_id);
    s->unknown = true;
    return WANE_OK;
}

static wane_status spell_character(spelling *s, const char *text, size_t bytes, bool first,
                                   bool last, wane_error *err)
{
    const wane_bpe *model = s->model;
    int32_t id = -1;
    char whole[2 * AFFIX_BYTES + 4];
    if (model->direct) {
        uint32_t code = wane_utf8_decode(text);
        id = code < WANE_DIRECT_CODES ? model->direct[code]
                                      : wane_vocabulary_find(&model->vocabulary, text, bytes);
    } else {
        size_t length = 0;
        if (!first && model->prefix_bytes) {
            memcpy(whole, model->prefix, model->prefix_bytes);
            length = model->prefix_bytes;
        }
        memcpy(whole + length, text, bytes);
        length += bytes;
        if (last && model->suffix_bytes) {
            memcpy(whole + length, model->suffix, model->suffix_bytes);
            length += model->suffix_bytes;
        }
        id = wane_vocabulary_find(&model->vocabulary, whole, length);
        text = whole;
        bytes = length;
    }
    if (id < 0) return spell_unknown(s, text, bytes, err);
    if (s->unknown) spell(s, model->unknown_id);
    s->unknown = false;
    spell(s, id);
    return WANE_OK;
}

void wane_bpe_scratch_free(wane_bpe_scratch *scratch)
{
    wane_free(scratch->symbols);
    wane_free(scratch->heap);
    *scratch = (wane_bpe_scratch){0};
}

static wane_status reserve(wane_bpe_scratch *scratch, size_t symbols, wane_error *err)
{
    if (!WANE_GROW(scratch->symbols, scratch->symbol_capacity, symbols) ||
        !WANE_GROW(scratch->heap, scratch->heap_capacity, 3 * symbols))
        return wane_fail_memory(err, "tokenizer", "word");
    return WANE_OK;
}

static wane_status encode_word(const wane_bpe *model, const char *word, size_t bytes,
                               wane_tokens *out, wane_error *err)
{
    int32_t id = wane_vocabulary_find(&model->vocabulary, word, bytes);
    if (id < 0) id = model->unknown_id;
    if (id < 0)
        return wane_fail(err, WANE_EFORMAT,
                         "tokenizer: text: \"%.*s\" is not in the vocabulary, nor is the unknown "
                         "token \"%.64s\"",
                         (int)(bytes < 64 ? bytes : 64), word, model->unknown);
    return wane_tokens_append(out, &id, 1, err);
}

wane_status wane_bpe_encode(const wane_bpe *model, const char *word, size_t bytes,
                            wane_bpe_scratch *scratch, wane_tokens *out, wane_error *err)
{
    wane_status st = WANE_OK;
    if (!bytes) return WANE_OK;
    if (model->word_level) return encode_word(model, word, bytes, out, err);
    if (model->ignore_merges) {
        int32_t id = wane_vocabulary_find(&model->vocabulary, word, bytes);
        if (id >= 0) return wane_tokens_append(out, &id, 1, err);
    }
    /* A byte gives one symbol at most, the affixes' bytes and an unknown that is due add a few. */
    size_t most = bytes + (model->direct ? 2 : 2 * AFFIX_BYTES + 2);
    if (model->prefix_bytes) most += bytes * model->prefix_bytes;
    if (most > INT32_MAX / 4)
        return wane_fail(err, WANE_EINVAL, "tokenizer: text: a word of %zu bytes is too long",
                         bytes);
    WANE_TRY(reserve(scratch, most, err));
    spelling s = {.model = model, .symbols = scratch->symbols};
    for (size_t at = 0; at < bytes;) {
        size_t size = wane_utf8_size((unsigned char)word[at]);
        WANE_TRY(spell_character(&s, word + at, size, at == 0, at + size >= bytes, err));
        at += size;
    }
    if (s.unknown) spell(&s, model->unknown_id);
    if (!s.count) return WANE_OK;
    s.symbols[s.count - 1].next = -1;
    merge_symbols(model, s.symbols, s.count, scratch->heap);
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

static wane_status read_vocabulary(wane_bpe *model, const wane_json *json,
                                   const wane_json_part *part, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t count = wane_json_size(json);
    int64_t highest = -1;
    if (wane_json_kind_of(json) != WANE_JSON_OBJECT)
        return wane_json_part_fail(part, err, "\"vocab\" is no object");
    for (size_t i = 0; i < count; i++) {
        const char *key = NULL;
        int64_t id = -1;
        if (!wane_json_integer(&id, wane_json_member(json, i, &key)) || id < 0 ||
            id >= WANE_TOKEN_ID_LIMIT)
            return wane_json_part_fail(part, err, "token \"%.64s\" has no id from 0 to %d", key,
                                       WANE_TOKEN_ID_LIMIT - 1);
        if (id > highest) highest = id;
    }
    WANE_TRY(
        wane_vocabulary_make(&model->vocabulary, part->arena, count, (int32_t)(highest + 1), err));
    for (size_t i = 0; i < count; i++) {
        const char *key = NULL;
        int64_t id = -1;
        (void)wane_json_integer(&id, wane_json_member(json, i, &key));
        st = wane_vocabulary_add(&model->vocabulary, key, strlen(key), (int32_t)id, err);
        if (st == WANE_EEXIST)
            st = wane_json_part_fail(part, err, "id %d is both \"%.64s\" and \"%.64s\"", (int)id,
                                     model->vocabulary.tokens[id].text, key);
        if (st != WANE_OK) goto done;
    }
done:
    return st;
}

/* The two tokens of a merge: ["a", "b"] or "a b". */
static wane_status merge_parts(const wane_json *json, const char *text[2], size_t bytes[2],
                               size_t number, const wane_json_part *part, wane_error *err)
{
    const char *line = wane_json_string(json, &bytes[0]);
    if (line) {
        const char *space = memchr(line, ' ', bytes[0]);
        size_t first = space ? (size_t)(space - line) : 0;
        if (!space || memchr(space + 1, ' ', bytes[0] - first - 1))
            return wane_json_part_fail(part, err, "merges[%zu] \"%.64s\" is not two tokens", number,
                                       line);
        text[0] = line;
        text[1] = space + 1;
        bytes[1] = bytes[0] - first - 1;
        bytes[0] = first;
    } else {
        for (size_t i = 0; i < 2; i++) text[i] = wane_json_string(wane_json_at(json, i), &bytes[i]);
        if (wane_json_size(json) != 2 || !text[0] || !text[1])
            return wane_json_part_fail(part, err, "merges[%zu] is not two tokens", number);
    }
    return WANE_OK;
}

static wane_status read_merge(wane_merge *out, const wane_bpe *model, const wane_json *json,
                              size_t number, wane_text *joined, const wane_json_part *part,
                              wane_error *err)
{
    wane_status st = WANE_OK;
    const char *text[2] = {NULL, NULL};
    size_t bytes[2] = {0, 0};
    int32_t id[2];
    WANE_TRY(merge_parts(json, text, bytes, number, part, err));
    for (size_t i = 0; i < 2; i++) {
        id[i] = wane_vocabulary_find(&model->vocabulary, text[i], bytes[i]);
        if (id[i] < 0)
            return wane_json_part_fail(part, err, "merges[%zu]: \"%.64s\" is not in the vocabulary",
                                       number, text[i]);
    }
    /* An empty part would make a merge that does not lengthen a token. */
    if (!bytes[0] || bytes[1] <= model->prefix_bytes)
        return wane_json_part_fail(part, err, "merges[%zu] holds an empty token", number);
    wane_text_clear(joined);
    wane_text_append(joined, text[0], bytes[0]);
    wane_text_append(joined, text[1] + model->prefix_bytes, bytes[1] - model->prefix_bytes);
    WANE_TRY(wane_text_check(joined, "tokenizer", part->file, err));
    int32_t result = wane_vocabulary_find(&model->vocabulary, joined->data, joined->length);
    if (result < 0)
        return wane_json_part_fail(part, err, "merges[%zu]: \"%.64s\" is not in the vocabulary",
                                   number, joined->data);
    *out = (wane_merge){id[0], id[1], result};
done:
    return st;
}

static wane_status read_merges(wane_bpe *model, const wane_json *json, const wane_json_part *part,
                               wane_error *err)
{
    wane_status st = WANE_OK;
    wane_text joined = {0};
    size_t count = wane_json_size(json);
    if (wane_json_kind_of(json) != WANE_JSON_ARRAY)
        return wane_json_part_fail(part, err, "\"merges\" is no array");
    if (count > UINT32_MAX / 4) return wane_json_part_fail(part, err, "%zu merges", count);
    model->pair_mask = 15;
    while (model->pair_mask / 2 < count) model->pair_mask = model->pair_mask * 2 + 1;
    model->merges = wane_alloc(count, sizeof *model->merges);
    model->pairs = wane_alloc(model->pair_mask + 1, sizeof *model->pairs);
    if (!model->merges || !model->pairs) return wane_fail_memory(err, "tokenizer", part->file);
    for (size_t i = 0; i <= model->pair_mask; i++) model->pairs[i].left = -1;
    for (size_t i = 0; i < count; i++) {
        const wane_json *element = wane_json_at(json, i);
        const char *line = wane_json_string(element, NULL);
        if (line && !strncmp(line, "#version", 8)) continue;
        wane_merge *merge = model->merges + model->merge_count;
        WANE_TRY(read_merge(merge, model, element, i, &joined, part, err));
        size_t slot = pair_slot(model, merge->left, merge->right);
        model->pairs[slot] =
            (struct wane_pair){merge->left, merge->right, (uint32_t)model->merge_count++};
    }
done:
    wane_text_free(&joined);
    return st;
}

static wane_status make_tables(wane_bpe *model, const wane_json_part *part, wane_error *err)
{
    char text[8];
    static const char digits[] = "0123456789ABCDEF";
    for (unsigned byte = 0; byte < 256; byte++) {
        char name[] = {'<', '0', 'x', digits[byte >> 4], digits[byte & 15], '>'};
        model->byte_id[byte] = wane_vocabulary_find(&model->vocabulary, name, sizeof name);
    }
    if (model->prefix_bytes || model->suffix_bytes) return WANE_OK;
    model->direct = wane_alloc(WANE_DIRECT_CODES, sizeof *model->direct);
    if (!model->direct) return wane_fail_memory(err, "tokenizer", part->file);
    for (uint32_t code = 0; code < WANE_DIRECT_CODES; code++)
        model->direct[code] =
            wane_vocabulary_find(&model->vocabulary, text, wane_utf8_encode(text, code));
    return WANE_OK;
}

static wane_status read_bpe(wane_bpe *model, const wane_json *json, const wane_json_part *part,
                            wane_error *err)
{
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
    wane_status st = WANE_OK;
    double dropout = 0;
    const wane_json *value = wane_json_get(json, "dropout");
    WANE_TRY(wane_json_part_keys(json, keys, part, err));
    if (wane_json_kind_of(value) != WANE_JSON_NULL &&
        (!wane_json_number(&dropout, value) || dropout != 0))
        return wane_json_part_fail(part, err,
                                   "a \"dropout\" other than null or 0 is not supported");
    WANE_TRY(wane_json_part_bool(&model->fuse_unknown, json, "fuse_unk", false, part, err));
    WANE_TRY(wane_json_part_bool(&model->byte_fallback, json, "byte_fallback", false, part, err));
    WANE_TRY(wane_json_part_bool(&model->ignore_merges, json, "ignore_merges", false, part, err));
    WANE_TRY(wane_json_part_string(&model->unknown, &model->unknown_bytes, json, "unk_token", true,
                                   part, err));
    WANE_TRY(wane_json_part_string(&model->prefix, &model->prefix_bytes, json,
                                   "continuing_subword_prefix", true, part, err));
    WANE_TRY(wane_json_part_string(&model->suffix, &model->suffix_bytes, json, "end_of_word_suffix",
                                   true, part, err));
    if (model->prefix_bytes > AFFIX_BYTES || model->suffix_bytes > AFFIX_BYTES)
        return wane_json_part_fail(part, err, "a prefix or suffix of more than %d bytes",
                                   AFFIX_BYTES);
    WANE_TRY(read_vocabulary(model, wane_json_get(json, "vocab"), part, err));
    WANE_TRY(read_merges(model, wane_json_get(json, "merges"), part, err));
    WANE_TRY(make_tables(model, part, err));
done:
    return st;
}

wane_status wane_bpe_read(wane_bpe *out, const wane_json *json, const wane_json_part *part,
                          wane_error *err)
{
    static const char *const word_keys[] = {"vocab", "unk_token", NULL};
    wane_status st = WANE_OK;
    wane_bpe made = {.unknown_id = -1};
    const char *type = wane_json_string(wane_json_get(json, "type"), NULL);
    if (wane_json_kind_of(json) != WANE_JSON_OBJECT)
        return wane_json_part_fail(part, err, "not an object");
    /* Files of old have no type; only a BPE has merges. */
    if ((type && !strcmp(type, "BPE")) || (!type && wane_json_get(json, "merges"))) {
        WANE_TRY(read_bpe(&made, json, part, err));
    } else if (type && !strcmp(type, "WordLevel")) {
        made.word_level = true;
        WANE_TRY(wane_json_part_keys(json, word_keys, part, err));
        WANE_TRY(wane_json_part_string(&made.unknown, &made.unknown_bytes, json, "unk_token", false,
                                       part, err));
        WANE_TRY(read_vocabulary(&made, wane_json_get(json, "vocab"), part, err));
    } else {
        st = wane_json_part_fail(part, err, "type \"%.64s\" is not supported", type ? type : "");
        goto done;
    }
    if (made.unknown)
        made.unknown_id = wane_vocabulary_find(&made.vocabulary, made.unknown, made.unknown_bytes);
    *out = made;
    made = (wane_bpe){0};
done:
    wane_bpe_free(&made);
    return st;
}

void wane_bpe_free(wane_bpe *model)
{
    wane_vocabulary_free(&model->vocabulary);
    wane_free(model->direct);
    wane_free(model->merges);
    wane_free(model->pairs);
    *model = (wane_bpe){0};
}
