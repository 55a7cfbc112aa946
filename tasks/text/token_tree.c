/* SPDX-License-Identifier: Apache-2.0
 * Builds the tree level by level from the sorted tokens, so that no depth is too great.
 */
#include "tasks/text/token_tree.h"

#include <stdlib.h>
#include <string.h>

#include "store/base/memory.h"

struct wane_tree_node {
    int32_t first; /* of its children */
    int32_t id;    /* of the token that ends here; -1: none */
    uint16_t children;
    unsigned char byte;
};

typedef struct entry {
    const char *text;
    size_t bytes;
    int32_t id;
} entry;

/* The tokens under a node: entries [from, to), which agree in their first `depth` bytes. */
typedef struct span {
    size_t from, to, depth;
} span;

static int compare(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    int order = memcmp(x->text, y->text, x->bytes < y->bytes ? x->bytes : y->bytes);
    if (order) return order;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

typedef struct builder {
    wane_token_tree tree;
    span *spans; /* of each node */
    size_t capacity;
} builder;

static wane_status add_node(builder *b, unsigned char byte, span under, wane_error *err)
{
    wane_token_tree *tree = &b->tree;
    if (tree->count >= INT32_MAX || !WANE_GROW(tree->nodes, tree->capacity, tree->count + 1) ||
        !WANE_GROW(b->spans, b->capacity, tree->count + 1))
        return wane_fail_memory(err, "tokenizer", "vocabulary");
    tree->nodes[tree->count] = (struct wane_tree_node){.id = -1, .byte = byte};
    b->spans[tree->count++] = under;
    return WANE_OK;
}

/* The children of the node: one for each next byte. */
static wane_status divide(builder *b, size_t node, const entry *entries, wane_error *err)
{
    wane_status st = WANE_OK;
    span under = b->spans[node];
    if (under.from < under.to && entries[under.from].bytes == under.depth)
        b->tree.nodes[node].id = entries[under.from++].id; /* the shortest stands first */
    size_t first = b->tree.count;
    while (under.from < under.to) {
        unsigned char byte = (unsigned char)entries[under.from].text[under.depth];
        size_t to = under.from + 1;
        while (to < under.to && (unsigned char)entries[to].text[under.depth] == byte) to++;
        WANE_TRY(add_node(b, byte, (span){under.from, to, under.depth + 1}, err));
        under.from = to;
    }
    b->tree.nodes[node].first = (int32_t)first;
    b->tree.nodes[node].children = (uint16_t)(b->tree.count - first);
done:
    return st;
}

wane_status wane_token_tree_make(wane_token_tree *out, const wane_vocabulary *vocabulary,
                                 int32_t *longest, wane_error *err)
{
    wane_status st = WANE_OK;
    builder b = {0};
    size_t count = 0;
    entry *entries = wane_alloc(vocabulary->count, sizeof *entries);
    if (!entries) return wane_fail_memory(err, "tokenizer", "vocabulary");
    for (int32_t id = 0; id < vocabulary->limit; id++) {
        const wane_token *token = wane_vocabulary_token(vocabulary, id);
        if (!token || !token->bytes) continue;
        if (token->bytes > WANE_TREE_TOKEN_BYTES) {
            *longest = id;
            st = WANE_EINVAL;
            goto done;
        }
        entries[count++] = (entry){token->text, token->bytes, id};
    }
    if (count) qsort(entries, count, sizeof *entries, compare);
    WANE_TRY(add_node(&b, 0, (span){0, count, 0}, err));
    for (size_t node = 0; node < b.tree.count; node++) WANE_TRY(divide(&b, node, entries, err));
    *out = b.tree;
    b.tree = (wane_token_tree){0};
done:
    wane_free(entries);
    wane_free(b.spans);
    wane_token_tree_free(&b.tree);
    return st;
}

void wane_token_tree_free(wane_token_tree *tree)
{
    wane_free(tree->nodes);
    *tree = (wane_token_tree){0};
}

int32_t wane_token_tree_step(const wane_token_tree *tree, int32_t node, unsigned char byte)
{
    const struct wane_tree_node *parent = tree->nodes + node;
    const struct wane_tree_node *children = tree->nodes + parent->first;
    size_t low = 0, high = parent->children;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (children[middle].byte < byte) low = middle + 1;
        else high = middle;
    }
    if (low == parent->children || children[low].byte != byte) return -1;
    return parent->first + (int32_t)low;
}

int32_t wane_token_tree_id(const wane_token_tree *tree, int32_t node)
{
    return tree->nodes[node].id;
}
