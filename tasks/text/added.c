/* SPDX-License-Identifier: Apache-2.0
 * The table of added tokens grows as the library's does, from the file and from the files beside
 * it; a tree over bytes finds the leftmost, longest of their texts.
 */
#include "tasks/text/added.h"

#include <string.h>

#include "tasks/text/unicode.h"

struct wane_byte_node {
    int32_t child, sibling; /* first child, next sibling; -1: none */
    int32_t token;          /* index of the token that ends here; -1: none */
    unsigned char byte;
};

static wane_status tree_node(int32_t *out, wane_byte_tree *tree, unsigned char byte,
                             wane_error *err)
{
    if (tree->count >= INT32_MAX || !WANE_GROW(tree->nodes, tree->capacity, tree->count + 1))
        return wane_fail_memory(err, "tokenizer", "added tokens");
    tree->nodes[tree->count] = (struct wane_byte_node){-1, -1, -1, byte};
    *out = (int32_t)tree->count++;
    return WANE_OK;
}

static int32_t tree_child(const wane_byte_tree *tree, int32_t node, unsigned char byte)
{
    int32_t child = tree->nodes[node].child;
    while (child >= 0 && tree->nodes[child].byte != byte) child = tree->nodes[child].sibling;
    return child;
}

/* `text` is not empty. *token becomes the token that had the text before, or stays. */
static wane_status tree_add(wane_byte_tree *tree, const char *text, size_t bytes, int32_t *token,
                            wane_error *err)
{
    wane_status st = WANE_OK;
    const unsigned char *b = (const unsigned char *)text;
    int32_t node = tree->root[b[0]];
    if (node < 0) {
        WANE_TRY(tree_node(&node, tree, b[0], err));
        tree->root[b[0]] = node;
    }
    for (size_t i = 1; i < bytes; i++) {
        int32_t child = tree_child(tree, node, b[i]);
        if (child < 0) {
            WANE_TRY(tree_node(&child, tree, b[i], err));
            tree->nodes[child].sibling = tree->nodes[node].child;
            tree->nodes[node].child = child;
        }
        node = child;
    }
    if (tree->nodes[node].token < 0) tree->nodes[node].token = *token;
    else *token = tree->nodes[node].token;
done:
    return st;
}

/* The leftmost text at or after *start, the longest there; false when there is none. */
static bool tree_find(const wane_byte_tree *tree, const char *text, size_t bytes, size_t *start,
                      size_t *stop, int32_t *token)
{
    const unsigned char *b = (const unsigned char *)text;
    for (size_t from = *start; from < bytes; from++) {
        int32_t node = tree->root[b[from]];
        bool found = false;
        for (size_t at = from + 1; node >= 0; at++) {
            if (tree->nodes[node].token >= 0) {
                found = true;
                *token = tree->nodes[node].token;
                *stop = at;
            }
            node = at < bytes ? tree_child(tree, node, b[at]) : -1;
        }
        if (found) {
            *start = from;
            return true;
        }
    }
    return false;
}

/* Whether texts are cut alike by both. */
static bool same_cut(const wane_added_token *a, const wane_added_token *b)
{
    return a->single_word == b->single_word && a->lstrip == b->lstrip && a->rstrip == b->rstrip &&
           a->normalized == b->normalized;
}

wane_status wane_added_flags(wane_added_token *out, const wane_json *json, bool special,
                             const wane_json_part *part, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_added_token token = {.id = out->id, .special = true};
    WANE_TRY(wane_json_part_string(&token.text, &token.bytes, json, "content", false, part, err));
    if (!special) WANE_TRY(wane_json_part_bool(&token.special, json, "special", false, part, err));
    WANE_TRY(wane_json_part_bool(&token.single_word, json, "single_word", false, part, err));
    WANE_TRY(wane_json_part_bool(&token.lstrip, json, "lstrip", false, part, err));
    WANE_TRY(wane_json_part_bool(&token.rstrip, json, "rstrip", false, part, err));
    WANE_TRY(wane_json_part_bool(&token.normalized, json, "normalized", !token.special, part, err));
    *out = token;
done:
    return st;
}

static wane_status read_token(wane_added_token *out, const wane_json *json,
                              const wane_json_part *part, wane_error *err)
{
    static const char *const keys[] = {"id",     "content",    "single_word", "lstrip",
                                       "rstrip", "normalized", "special",     NULL};
    wane_status st = WANE_OK;
    int64_t id = 0;
    if (wane_json_kind_of(json) != WANE_JSON_OBJECT)
        return wane_json_part_fail(part, err, "an element is no object");
    WANE_TRY(wane_json_part_keys(json, keys, part, err));
    WANE_TRY(wane_json_part_count(&id, json, "id", WANE_TOKEN_ID_LIMIT - 1, part, err));
    WANE_TRY(wane_added_flags(out, json, false, part, err));
    out->id = (int32_t)id;
done:
    return st;
}

/* The set while it grows. */
typedef struct growing {
    wane_added *added;
    const wane_vocabulary *vocabulary;
    wane_vocabulary seen; /* text -> index into added->tokens */
    int32_t next;         /* the id of the next token that the vocabulary does not have */
    uint64_t *forms;      /* of each token: those in which names brought it */
} growing;

/* A token whose text is new; an id that it says must be the one it gets. */
static wane_status append(growing *g, wane_added_token token, const wane_json_part *part,
                          wane_error *err)
{
    wane_status st = WANE_OK;
    int32_t own = wane_vocabulary_find(g->vocabulary, token.text, token.bytes);
    int32_t id = own < 0 ? g->next : own;
    if (token.bytes > WANE_ADDED_BYTES)
        return wane_json_part_fail(part, err, "\"%.64s...\" has %zu bytes: at most %d", token.text,
                                   token.bytes, WANE_ADDED_BYTES);
    bool other = own < 0 && wane_vocabulary_token(g->vocabulary, id);
    if ((token.id >= 0 && token.id != id) || other || id >= WANE_TOKEN_ID_LIMIT)
        return wane_json_part_fail(part, err, "\"%.64s\" has id %d where the vocabulary gives %d",
                                   token.text, (int)(token.id < 0 ? id : token.id), (int)id);
    token.id = id;
    WANE_TRY(wane_vocabulary_add(&g->seen, token.text, token.bytes, (int32_t)g->added->count, err));
    g->added->tokens[g->added->count++] = token;
done:
    return st;
}

/* Reads the tokens; leaves out empty ones and exact repetitions. */
static wane_status read_tokens(growing *g, const wane_json *array, const wane_json_part *part,
                               wane_error *err)
{
    wane_status st = WANE_OK;
    for (size_t i = 0; i < wane_json_size(array); i++) {
        wane_added_token token = {0};
        WANE_TRY(read_token(&token, wane_json_at(array, i), part, err));
        if (!token.bytes) continue;
        int32_t index = wane_vocabulary_find(&g->seen, token.text, token.bytes);
        if (index < 0) {
            WANE_TRY(append(g, token, part, err));
            if (token.id >= g->next) g->next = token.id + 1;
            continue;
        }
        const wane_added_token *old = &g->added->tokens[index];
        if (same_cut(old, &token) && old->special == token.special && old->id == token.id) continue;
        st = wane_json_part_fail(part, err, "\"%.64s\" is there twice, differently", token.text);
        goto done;
    }
done:
    return st;
}

/* A form in which a name may bring a token, as one bit. */
static uint64_t form_of(const wane_extra_token *extra)
{
    const wane_added_token *t = &extra->token;
    return UINT64_C(1) << (extra->text_alone << 5 | t->special << 4 | t->normalized << 3 |
                           t->rstrip << 2 | t->lstrip << 1 | t->single_word);
}

/* Adds what stands beside the file, as transformers does: a token that is there takes the flags of
 * a listed one, and of a name only where a name brought it (what is special stays it). */
static wane_status add_extra(growing *g, const wane_extra_token *extra, size_t count, bool *changed,
                             wane_error *err)
{
    wane_status st = WANE_OK;
    size_t own = g->added->count, listed = own; /* tokens of the file, and with the listed ones */
    for (size_t i = 0; i < count; i++) {
        wane_added_token token = extra[i].token;
        const wane_json_part *part = &extra[i].part;
        int32_t index = wane_vocabulary_find(&g->seen, token.text, token.bytes);
        wane_added_token *old = index < 0 ? NULL : &g->added->tokens[index];
        if (old && token.id >= 0 && token.id != old->id) {
            st = wane_json_part_fail(part, err, "\"%.64s\" has id %d, and %d in tokenizer.json",
                                     token.text, (int)token.id, (int)old->id);
            goto done;
        }
        if (old && extra[i].marks_own && (size_t)index < own) old->special = true;
        bool kept = old && (extra[i].kind == WANE_EXTRA_OLDER ||
                            (extra[i].kind == WANE_EXTRA_NAMED &&
                             ((size_t)index < listed || (g->forms[index] & form_of(extra + i)))));
        if (kept) continue;
        g->forms[old ? (size_t)index : g->added->count] |= form_of(extra + i);
        token.special = token.special || extra[i].made_special;
        if (extra[i].normalized_open) token.normalized = !token.special;
        if (old) {
            token.id = old->id;
            token.special = token.special || old->special;
            *changed = *changed || !same_cut(old, &token);
            *old = token;
            continue;
        }
        WANE_TRY(append(g, token, part, err));
        *changed = true;
        if (g->added->tokens[g->added->count - 1].id == g->next) g->next++;
        if (extra[i].kind != WANE_EXTRA_NAMED) listed = g->added->count;
    }
done:
    return st;
}

static wane_status plant(wane_added *added, const wane_normalizer *normalizer,
                         const wane_json_part *part, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_text text = {0}, spare = {0};
    for (int32_t i = 0; i < (int32_t)added->count; i++) {
        const wane_added_token *token = added->tokens + i;
        int32_t owner = i;
        size_t lead = 0;
        if (!token->normalized) {
            WANE_TRY(tree_add(&added->before, token->text, token->bytes, &owner, err));
            continue;
        }
        wane_text_clear(&text);
        wane_text_append(&text, token->text, token->bytes);
        WANE_TRY(wane_text_check(&text, "tokenizer", part->file, err));
        WANE_TRY(wane_normalizer_apply(normalizer, &text, &spare, &lead, err));
        if (!text.length) {
            st = wane_json_part_fail(part, err, "\"%.64s\" is empty once normalised", token->text);
            goto done;
        }
        WANE_TRY(tree_add(&added->after, text.data, text.length, &owner, err));
        if (owner != i) { /* the library takes either, as its hash map has it */
            st = wane_json_part_fail(part, err,
                                     "\"%.64s\" and \"%.64s\" are the same once normalised",
                                     added->tokens[owner].text, token->text);
            goto done;
        }
    }
done:
    wane_text_free(&text);
    wane_text_free(&spare);
    return st;
}

wane_status wane_added_read(wane_added *out, const wane_json *array, const wane_extra_token *extra,
                            size_t extra_count, bool *changed, const wane_vocabulary *vocabulary,
                            const wane_normalizer *normalizer, const wane_json_part *part,
                            wane_error *err)
{
    wane_status st = WANE_OK;
    wane_added made = {0};
    growing g = {.added = &made, .vocabulary = vocabulary, .next = (int32_t)vocabulary->count};
    memset(made.before.root, 0xff, sizeof made.before.root);
    memset(made.after.root, 0xff, sizeof made.after.root);
    if (wane_json_kind_of(array) != WANE_JSON_NULL && wane_json_kind_of(array) != WANE_JSON_ARRAY)
        return wane_json_part_fail(part, err, "not an array");
    size_t size = wane_json_size(array) + extra_count;
    if (size > WANE_TOKEN_ID_LIMIT) return wane_json_part_fail(part, err, "%zu tokens", size);
    made.tokens = wane_alloc(size, sizeof *made.tokens);
    g.forms = wane_alloc(size, sizeof *g.forms);
    if (!made.tokens || !g.forms) {
        st = wane_fail_memory(err, "tokenizer", part->file);
        goto done;
    }
    WANE_TRY(wane_vocabulary_make(&g.seen, part->arena, size, (int32_t)size, err));
    WANE_TRY(read_tokens(&g, array, part, err));
    WANE_TRY(add_extra(&g, extra, extra_count, changed, err));
    WANE_TRY(plant(&made, normalizer, part, err));
    for (size_t i = 0; i < made.count && !made.word; i++)
        if (made.tokens[i].single_word)
            WANE_TRY(wane_pattern_compile(&made.word, WANE_WORD_CLASS, strlen(WANE_WORD_CLASS),
                                          WANE_PCRE2, part, err));
    *out = made;
    made = (wane_added){0};
done:
    wane_vocabulary_free(&g.seen);
    wane_free(g.forms);
    wane_added_free(&made);
    return st;
}

void wane_added_free(wane_added *added)
{
    wane_free(added->tokens);
    wane_free(added->before.nodes);
    wane_free(added->after.nodes);
    wane_pattern_free(added->word);
    *added = (wane_added){0};
}

/* Where the code point that ends at `at` begins. */
static size_t step_back(const char *text, size_t at)
{
    do at--;
    while (((unsigned char)text[at] & 0xc0) == 0x80);
    return at;
}

/* Whether the token stands alone: no word character before or behind. */
static wane_status stands_alone(bool *out, wane_search *word, const char *text, size_t bytes,
                                size_t start, size_t stop, wane_error *err)
{
    size_t from = 0, to = 0;
    wane_status st = WANE_DONE;
    if (start > 0) {
        size_t before = step_back(text, start);
        WANE_TRY(wane_search_set(word, text + before, start - before, err));
        st = wane_search_next(word, &from, &to, err);
    }
    if (st == WANE_DONE && stop < bytes) {
        WANE_TRY(
            wane_search_set(word, text + stop, wane_utf8_size((unsigned char)text[stop]), err));
        st = wane_search_next(word, &from, &to, err);
    }
done:
    if (st < 0) return st;
    *out = st == WANE_DONE;
    return WANE_OK;
}

static wane_status split_piece(const wane_added *added, const wane_byte_tree *tree,
                               wane_search *word, wane_pieces *pieces, const wane_piece *piece,
                               wane_error *err)
{
    wane_status st = WANE_OK;
    const char *text = pieces->text + piece->start;
    size_t from = 0, start = 0, stop = 0; /* from: bytes before are emitted */
    int32_t index = 0;
    for (; tree_find(tree, text, piece->bytes, &start, &stop, &index); start = stop) {
        const wane_added_token *token = added->tokens + index;
        size_t left = start, right = stop;
        if (added->split_special && token->special) continue;
        if (token->single_word) {
            bool alone = false;
            WANE_TRY(stands_alone(&alone, word, text, piece->bytes, start, stop, err));
            if (!alone) continue;
        }
        if (token->lstrip) {
            while (left > 0) {
                size_t before = step_back(text, left);
                if (!wane_unicode_space(wane_utf8_decode(text + before))) break;
                left = before;
            }
            if (left < from) left = from;
        }
        while (token->rstrip && right < piece->bytes &&
               wane_unicode_space(wane_utf8_decode(text + right)))
            right += wane_utf8_size((unsigned char)text[right]);
        if (left >= right) continue; /* the token before has taken all of it */
        if (from < left) WANE_TRY(wane_pieces_cut(pieces, piece, from, left, err));
        WANE_TRY(wane_pieces_emit(pieces, (wane_piece){.id = token->id}, err));
        from = right;
    }
    if (from < piece->bytes) WANE_TRY(wane_pieces_cut(pieces, piece, from, piece->bytes, err));
done:
    return st;
}

wane_status wane_added_split(const wane_added *added, bool after, wane_pieces *pieces,
                             wane_error *err)
{
    const wane_byte_tree *tree = after ? &added->after : &added->before;
    if (!tree->count) return WANE_OK;
    wane_status st = WANE_OK;
    wane_search word = {0};
    if (added->word) WANE_TRY(wane_search_open(&word, added->word, err));
    for (size_t i = 0; i < pieces->count; i++) {
        const wane_piece *piece = pieces->items + i;
        if (piece->id >= 0) WANE_TRY(wane_pieces_emit(pieces, *piece, err));
        else WANE_TRY(split_piece(added, tree, &word, pieces, piece, err));
    }
    WANE_TRY(wane_pieces_turn(pieces, 0, err));
done:
    wane_search_close(&word);
    return st;
}
