/* SPDX-License-Identifier: Apache-2.0
 * Takes alternatives apart into parts, expands a rule by drawing, and walks the same rules for the
 * exact entropy and expected length.
 */
#include "tasks/builtin/grammar.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { MOST_ALTERNATIVES = 16, MOST_DEPTH = 16 };

/* One part of an alternative, taken apart. */
typedef struct part {
    enum { PART_WORD, PART_RULE, PART_CLASS, PART_KEPT } kind;
    const char *text; /* the word, or the name of the rule or class */
    size_t bytes;
    size_t form;
    char keep, differ; /* letters, or 0 */
} part;

const char *wane_word_form(const char *word, size_t form, size_t *bytes)
{
    for (; form > 0; form--) {
        word = strchr(word, '|');
        if (!word) return NULL;
        word++;
    }
    *bytes = strcspn(word, "|");
    return word;
}

static bool is_letter(char c)
{
    return c >= 'a' && c <= 'z';
}

/* Takes the next part off *form; false at its end. A part that is not well written becomes a class
 * without a name, which no grammar has. */
static bool next_part(part *out, const char **form)
{
    while (**form == ' ') (*form)++;
    const char *at = *form;
    size_t bytes = strcspn(at, " ");
    if (bytes == 0) return false;
    *form = at + bytes;
    *out = (part){.kind = PART_WORD, .text = at, .bytes = bytes};
    if (*at == '[') {
        *out = (part){.kind = PART_RULE, .text = at + 1, .bytes = bytes - 2};
    } else if (*at == '=' && bytes > 1) {
        *out = (part){.kind = PART_KEPT, .keep = at[1]};
        if (bytes == 4 && at[2] == '.') out->form = (size_t)(at[3] - '0');
    } else if (*at == '<') {
        *out = (part){.kind = PART_CLASS, .text = at + 1, .bytes = strcspn(at + 1, ".:!>")};
        for (const char *c = at + 1 + out->bytes; *c && *c != '>'; c += 2) {
            if (*c == '.') out->form = (size_t)(c[1] - '0');
            if (*c == ':') out->keep = c[1];
            if (*c == '!') out->differ = c[1];
        }
    }
    return true;
}

static const wane_rule *find_rule(const wane_grammar *grammar, const char *name, size_t bytes)
{
    for (size_t i = 0; i < grammar->rule_count; i++) {
        const wane_rule *rule = &grammar->rules[i];
        if (strlen(rule->name) == bytes && memcmp(rule->name, name, bytes) == 0)
            return rule->count <= MOST_ALTERNATIVES ? rule : NULL;
    }
    return NULL;
}

static const wane_word_class *find_class(const wane_grammar *grammar, const part *p)
{
    for (size_t i = 0; i < grammar->class_count; i++) {
        const wane_word_class *words = &grammar->classes[i];
        if (strlen(words->name) == p->bytes && memcmp(words->name, p->text, p->bytes) == 0)
            return words;
    }
    return NULL;
}

const char *const *wane_grammar_words(size_t *count, const wane_grammar *grammar, const char *name,
                                      size_t topic)
{
    const part p = {.kind = PART_CLASS, .text = name, .bytes = strlen(name)};
    const wane_word_class *words = find_class(grammar, &p);
    if (!words || (words->topics != 1 && topic >= words->topics)) return NULL;
    *count = words->each;
    return words->words + (words->topics == 1 ? 0 : topic * words->each);
}

static wane_status broken(wane_error *err, const char *text, size_t bytes, const char *cause)
{
    return wane_fail(err, WANE_EINTERNAL, "grammar: %.*s: %s", (int)bytes, text, cause);
}

static wane_status append_word(wane_derivation *d, const char *word, size_t form, wane_text *out,
                               wane_error *err)
{
    size_t bytes = 0;
    const char *written = wane_word_form(word, form, &bytes);
    if (!written) return broken(err, word, strlen(word), "it has no such form");
    if (out->length) wane_text_append(out, " ", 1);
    wane_text_append(out, written, bytes);
    d->tokens++;
    return WANE_OK;
}

static wane_status expand_class(wane_derivation *d, const part *p, wane_text *out, wane_error *err)
{
    const wane_word_class *words = find_class(d->grammar, p);
    if (!words || (words->topics != 1 && d->topic >= words->topics))
        return broken(err, p->text, p->bytes, "no such class");
    const char *const *list = words->words + (words->topics == 1 ? 0 : d->topic * words->each);
    size_t count = words->each, excluded = words->each;
    if (p->differ) {
        const char *other = is_letter(p->differ) ? d->kept[p->differ - 'a'] : NULL;
        excluded = 0;
        while (excluded < words->each && (!other || strcmp(list[excluded], other) != 0)) excluded++;
        if (excluded == words->each || count < 2)
            return broken(err, p->text, p->bytes, "the word to differ from is not in the class");
        count--;
    }
    size_t index = d->draw(d->context, NULL, count);
    d->log_probability -= log((double)count);
    if (index >= excluded) index++;
    if (p->keep && !is_letter(p->keep)) return broken(err, p->text, p->bytes, "no such letter");
    if (p->keep) d->kept[p->keep - 'a'] = list[index];
    return append_word(d, list[index], p->form, out, err);
}

static wane_status expand_rule(wane_derivation *d, const char *name, size_t bytes, wane_text *out,
                               int depth, wane_error *err);

static wane_status expand_form(wane_derivation *d, const char *form, wane_text *out, int depth,
                               wane_error *err)
{
    wane_status st = WANE_OK;
    part p;
    while (st == WANE_OK && next_part(&p, &form)) {
        const char *kept = NULL;
        switch (p.kind) {
        case PART_WORD:
            if (out->length) wane_text_append(out, " ", 1);
            wane_text_append(out, p.text, p.bytes);
            d->tokens++;
            break;
        case PART_RULE: st = expand_rule(d, p.text, p.bytes, out, depth + 1, err); break;
        case PART_CLASS: st = expand_class(d, &p, out, err); break;
        case PART_KEPT:
            kept = is_letter(p.keep) ? d->kept[p.keep - 'a'] : NULL;
            st = kept ? append_word(d, kept, p.form, out, err)
                      : broken(err, &p.keep, 1, "no word is remembered under it");
            break;
        }
    }
    return st;
}

static wane_status expand_rule(wane_derivation *d, const char *name, size_t bytes, wane_text *out,
                               int depth, wane_error *err)
{
    const wane_rule *rule = find_rule(d->grammar, name, bytes);
    if (!rule || depth > MOST_DEPTH) return broken(err, name, bytes, "no such rule");
    double weights[MOST_ALTERNATIVES], sum = 0;
    for (size_t i = 0; i < rule->count; i++) {
        weights[i] = rule->alternatives[i].weight;
        sum += weights[i];
    }
    size_t chosen = rule->count == 1 ? 0 : d->draw(d->context, weights, rule->count);
    d->log_probability += log(weights[chosen] / sum);
    return expand_form(d, rule->alternatives[chosen].form, out, depth, err);
}

wane_status wane_grammar_form(wane_derivation *derivation, const char *form, wane_text *out,
                              wane_error *err)
{
    wane_status st = expand_form(derivation, form, out, 0, err);
    return st == WANE_OK ? wane_text_check(out, "grammar", form, err) : st;
}

wane_status wane_grammar_expand(wane_derivation *derivation, const char *rule, wane_text *out,
                                wane_error *err)
{
    wane_status st = expand_rule(derivation, rule, strlen(rule), out, 0, err);
    return st == WANE_OK ? wane_text_check(out, "grammar", rule, err) : st;
}

static wane_status measure(double *entropy, double *tokens, const wane_grammar *grammar,
                           const char *name, size_t bytes, int depth, wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_rule *rule = find_rule(grammar, name, bytes);
    if (!rule || depth > MOST_DEPTH) return broken(err, name, bytes, "no such rule");
    double sum = 0, h = 0, length = 0;
    for (size_t i = 0; i < rule->count; i++) sum += rule->alternatives[i].weight;
    for (size_t i = 0; i < rule->count; i++) {
        double share = rule->alternatives[i].weight / sum, inner = -log(share), words = 0;
        const char *form = rule->alternatives[i].form;
        part p;
        while (next_part(&p, &form)) {
            double part_h = 0, part_words = 1;
            if (p.kind == PART_RULE) {
                WANE_TRY(measure(&part_h, &part_words, grammar, p.text, p.bytes, depth + 1, err));
            } else if (p.kind == PART_CLASS) {
                const wane_word_class *class = find_class(grammar, &p);
                if (!class) return broken(err, p.text, p.bytes, "no such class");
                part_h = log((double)(class->each - (p.differ != 0)));
            }
            inner += part_h;
            words += part_words;
        }
        h += share * inner;
        length += share * words;
    }
    *entropy = h;
    *tokens = length;
done:
    return st;
}

wane_status wane_grammar_measure(double *entropy, double *tokens, const wane_grammar *grammar,
                                 const char *rule, wane_error *err)
{
    return measure(entropy, tokens, grammar, rule, strlen(rule), 0, err);
}
