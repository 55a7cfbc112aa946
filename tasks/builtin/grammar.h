/* SPDX-License-Identifier: Apache-2.0
 * Probabilistic grammars of short texts whose entropy can be computed exactly. For this room alone.
 *
 * A rule has weighted alternatives; an alternative is a line of parts between spaces:
 *   word          itself
 *   [rule]        an alternative of that rule
 *   <class>       a uniform draw from a class of words
 *   <class.1>     its second form ("cow|cows": form 0 "cow", form 1 "cows")
 *   <class:x>     the same, remembered under the letter x
 *   <class!x>     any word of the class but the one remembered under x (both may be given: :y!x)
 *   =x, =x.1      the word remembered under x, in a form
 * A class may have other words under each topic, the same number under all.
 *
 * Entropy. All draws of a derivation are independent given the topic, and how many words a draw
 * chooses among never depends on earlier outcomes (a class less one word of it has n - 1). So the
 * entropy of a rule's derivations is the sum of the entropies of its draws:
 *   H(rule) = sum_a p_a (-ln p_a + sum over the parts of a of H(part)),
 *   H(<class>) = ln n, H(<class!x>) = ln(n - 1), H(word) = H(=x) = 0, H([rule]) as above,
 * and the mean number of words is computed alike. It is the entropy of the texts when no text has
 * two derivations; the tests enumerate all texts to show that.
 */
#ifndef TASKS_BUILTIN_GRAMMAR_H
#define TASKS_BUILTIN_GRAMMAR_H

#include <stddef.h>

#include "store/base/status.h"
#include "store/base/text.h"

typedef struct wane_word_class {
    const char *name;
    size_t each;              /* words under one topic */
    size_t topics;            /* 1: the same under all */
    const char *const *words; /* topics x each; forms between "|" */
} wane_word_class;

typedef struct wane_rule_alternative {
    double weight; /* relative to the others of the rule */
    const char *form;
} wane_rule_alternative;

typedef struct wane_rule {
    const char *name;
    size_t count;
    const wane_rule_alternative *alternatives;
} wane_rule;

typedef struct wane_grammar {
    size_t topics, class_count, rule_count;
    const wane_word_class *classes;
    const wane_rule *rules;
} wane_grammar;

/* A derivation while it is made. Start with {0} and set grammar, topic, draw, context. */
typedef struct wane_derivation {
    const wane_grammar *grammar;
    size_t topic;
    /* An index below `count`: index i with probability weights[i] / sum, uniform when NULL. */
    size_t (*draw)(void *context, const double *weights, size_t count);
    void *context;
    const char *kept[26]; /* words remembered under 'a'..'z', with all their forms */
    double log_probability;
    size_t tokens;
} wane_derivation;

/* Appends a derivation of `rule` to `out`, words joined by spaces. WANE_EINTERNAL for a grammar
 * that does not hold together (a name it does not have, a letter without a word). */
WANE_MUST_CHECK wane_status wane_grammar_expand(wane_derivation *derivation, const char *rule,
                                                wane_text *out, wane_error *err);

/* The same for one alternative written out. */
WANE_MUST_CHECK wane_status wane_grammar_form(wane_derivation *derivation, const char *form,
                                              wane_text *out, wane_error *err);

/* *entropy = H(rule) in nats and *tokens = the mean number of words, given the topic (any). */
WANE_MUST_CHECK wane_status wane_grammar_measure(double *entropy, double *tokens,
                                                 const wane_grammar *grammar, const char *rule,
                                                 wane_error *err);

/* The words of a class under `topic`, *count of them; NULL for an unknown class. */
const char *const *wane_grammar_words(size_t *count, const wane_grammar *grammar, const char *name,
                                      size_t topic);

/* Form `form` of a word "a|b|c" and its length; NULL when it has no such form. */
const char *wane_word_form(const char *word, size_t form, size_t *bytes);

#endif
