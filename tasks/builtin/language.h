/* SPDX-License-Identifier: Apache-2.0
 * The built-in language as a grammar, and draws from it. For this room alone.
 *
 * A document is "[opening] [facts]" and 1 to 6 times (uniform) "[body]", under a topic drawn
 * uniformly. The opening names a place, and places of different topics are different words; letters
 * keep the document's people and things: h hero, p place, n o number and objects of the hero, a b
 * two kinds of being with the colours c d. No document says that it ends, so its length costs
 * nothing: the nats of a document are ln(topics) + H(opening) + H(facts) + 3.5 H(body) on average,
 * over tokens(opening) + tokens(facts) + 3.5 tokens(body) words.
 */
#ifndef TASKS_BUILTIN_LANGUAGE_H
#define TASKS_BUILTIN_LANGUAGE_H

#include <stdint.h>

#include "store/base/random.h"
#include "tasks/builtin/grammar.h"

enum { WANE_LEAST_BODY = 1, WANE_MOST_BODY = 6 };

extern const wane_grammar wane_language;

/* Draws from a place in the counter space, element after element. */
typedef struct wane_dice {
    wane_random where;
    uint64_t element;
} wane_dice;
size_t wane_dice_draw(void *dice, const double *weights, size_t count);

/* Appends one document. `derivation` has grammar, draw and context set. */
WANE_MUST_CHECK wane_status wane_language_document(wane_derivation *derivation, wane_text *out,
                                                   wane_error *err);

/* The exact entropy of the language in nats per word, and its mean words per document. */
WANE_MUST_CHECK wane_status wane_language_entropy(double *per_token, double *tokens,
                                                  wane_error *err);

/* Every word of the language once, in the order of the tables; `each` is called for each. */
void wane_language_words(void (*each)(void *context, const char *word, size_t bytes),
                         void *context);

#endif
