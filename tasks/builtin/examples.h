/* SPDX-License-Identifier: Apache-2.0
 * The built-in tasks, one example at a time. For this room alone.
 *
 *   topic      "the hens near the cart dig . ..." where ?        -> farm kitchen school sea
 *              two of three sentences are of the topic, one is of another
 *   agreement  "the cow near the carts digs ." right ?           -> yes no
 *              verb and first noun agree or not; half have another noun between, of any number
 *   order      "tom reads after mia runs ." who is first ?       -> tom ben anna mia
 *              two of the four, in one of four wordings; half name the later one first
 *   counting   "sam sees a pot , a cup and a pot ." how many pots ?   -> one two three four
 *              one to three other things among them
 *   color      "the cow is red and the hen is blue and the pig is black ." what color is the hen ?
 *              the hen is                                       -> the six colors
 *
 * A Llama of 2 layers and width 64 that has seen 25,000 documents (PyTorch, AdamW) learns agreement
 * and order to above .99, topic to above .9, counting to about .5 and color to about .33 (of the
 * three colors of the text, any) in two passes over 1,000 rows; chance is .5, .25, .25, .25, .17.
 */
#ifndef TASKS_BUILTIN_EXAMPLES_H
#define TASKS_BUILTIN_EXAMPLES_H

#include "store/base/status.h"
#include "store/base/text.h"
#include "tasks/builtin/grammar.h"

typedef struct wane_builtin_kind {
    const char *name;
    const char *const *labels; /* words of the language */
    size_t label_count;
    const char *tail; /* the end of every prompt that is the same for all */
    /* Writes an example of that label: the text, and what follows it up to the label. `d` has
     * grammar, draw and context set. */
    wane_status (*make)(wane_derivation *d, size_t label, wane_text *text, wane_text *after,
                        wane_error *err);
} wane_builtin_kind;

extern const wane_builtin_kind wane_builtin_kinds[];
extern const size_t wane_builtin_kind_count;

#endif
