/* SPDX-License-Identifier: Apache-2.0
 * An array by id and a hash table by text with open addressing, at most half full.
 */
#include "tasks/text/vocabulary.h"

#include <string.h>

static uint64_t hash_text(const char *text, size_t bytes)
{
    const uint64_t factor = 0x9e3779b97f4a7c15u;
    uint64_t hash = bytes * factor;
    for (; bytes >= 8; text += 8, bytes -= 8) {
        uint64_t word = 0;
        memcpy(&word, text, 8);
        hash = (hash ^ word) * factor;
        hash ^= hash >> 32;
    }
    uint64_t word = 0;
    for (size_t i = 0; i < bytes; i++) word |= (uint64_t)(unsigned char)text[i] << 8 * i;
    hash = (hash ^ word) * factor;
    return hash ^ hash >> 29;
}

wane_status wane_vocabulary_make(wane_vocabulary *out, wane_arena *arena, size_t count,
                                 int32_t limit, wane_error *err)
{
    wane_vocabulary made = {.limit = limit, .arena = arena, .mask = 15};
    while (made.mask / 2 < count) made.mask = made.mask * 2 + 1;
    made.tokens = wane_alloc((size_t)limit, sizeof *made.tokens);
    made.slots = wane_alloc(made.mask + 1, sizeof *made.slots);
    if (!made.tokens || !made.slots) {
        wane_vocabulary_free(&made);
        return wane_fail_memory(err, "tokenizer", "vocabulary");
    }
    memset(made.slots, 0xff, (made.mask + 1) * sizeof *made.slots);
    *out = made;
    return WANE_OK;
}

void wane_vocabulary_free(wane_vocabulary *vocabulary)
{
    wane_free(vocabulary->tokens);
    wane_free(vocabulary->slots);
    *vocabulary = (wane_vocabulary){0};
}

/* The slot that holds the text, or the empty one where it belongs. */
static size_t find_slot(const wane_vocabulary *vocabulary, const char *text, size_t bytes)
{
    size_t slot = hash_text(text, bytes) & vocabulary->mask;
    for (;; slot = (slot + 1) & vocabulary->mask) {
        int32_t id = vocabulary->slots[slot];
        if (id < 0) return slot;
        const wane_token *token = vocabulary->tokens + id;
        if (token->bytes == bytes && !memcmp(token->text, text, bytes)) return slot;
    }
}

wane_status wane_vocabulary_add(wane_vocabulary *vocabulary, const char *text, size_t bytes,
                                int32_t id, wane_error *err)
{
    size_t slot = find_slot(vocabulary, text, bytes);
    if (id < 0 || id >= vocabulary->limit || vocabulary->tokens[id].text ||
        vocabulary->slots[slot] >= 0 || vocabulary->count > vocabulary->mask / 2)
        return WANE_EEXIST;
    char *copy = wane_arena_strndup(vocabulary->arena, text, bytes);
    if (!copy) return wane_fail_memory(err, "tokenizer", "vocabulary");
    vocabulary->tokens[id] = (wane_token){copy, bytes};
    vocabulary->slots[slot] = id;
    vocabulary->count++;
    return WANE_OK;
}

int32_t wane_vocabulary_find(const wane_vocabulary *vocabulary, const char *text, size_t bytes)
{
    return vocabulary->slots ? vocabulary->slots[find_slot(vocabulary, text, bytes)] : -1;
}
