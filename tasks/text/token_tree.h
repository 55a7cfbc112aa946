/* SPDX-License-Identifier: Apache-2.0
 * The tokens of a vocabulary as a tree of bytes: which of them a text begins with. For this room
 * alone.
 */
#ifndef TASKS_TEXT_TOKEN_TREE_H
#define TASKS_TEXT_TOKEN_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "store/base/status.h"
#include "tasks/text/vocabulary.h"

enum { WANE_TREE_TOKEN_BYTES = 1024 }; /* the longest token there may be: a walk ends there */

typedef struct wane_token_tree {
    struct wane_tree_node *nodes; /* the root is 0; the children of a node stand side by side */
    size_t count, capacity;
} wane_token_tree;

/* Of every token that is not empty. WANE_EINVAL, without a message, when one is too long; *longest
 * is then its id. */
WANE_MUST_CHECK wane_status wane_token_tree_make(wane_token_tree *out,
                                                 const wane_vocabulary *vocabulary,
                                                 int32_t *longest, wane_error *err);
void wane_token_tree_free(wane_token_tree *tree); /* {0} allowed */

/* The node that `byte` leads to from `node`, or -1. */
int32_t wane_token_tree_step(const wane_token_tree *tree, int32_t node, unsigned char byte);
/* The id of the token that ends at the node, or -1. */
int32_t wane_token_tree_id(const wane_token_tree *tree, int32_t node);

#endif
