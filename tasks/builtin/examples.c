/* SPDX-License-Identifier: Apache-2.0
 * One function per task makes an example with a given label from drawn words, and the table of
 * tasks names them.
 */
#include "tasks/builtin/examples.h"

#include <string.h>

enum { MOST_PICKS = 16, LETTERS = 26 };

static size_t roll(wane_derivation *d, size_t count)
{
    return d->draw(d->context, NULL, count);
}

static size_t roll_but(wane_derivation *d, size_t count, size_t excluded)
{
    size_t index = roll(d, count - 1);
    return index + (index >= excluded);
}

static const char **kept(wane_derivation *d, char letter)
{
    return &d->kept[letter - 'a'];
}

/* Remembers different words of a class, drawn without replacement, under the letters. */
static wane_status keep_different(wane_derivation *d, const char *class, const char *letters,
                                  wane_error *err)
{
    size_t count = 0, wanted = strlen(letters);
    const char *const *words = wane_grammar_words(&count, d->grammar, class, d->topic);
    if (!words || count > MOST_PICKS || wanted > count)
        return wane_fail(err, WANE_EINTERNAL, "builtin: %s: no such words", class);
    size_t order[MOST_PICKS];
    for (size_t i = 0; i < count; i++) order[i] = i;
    for (size_t i = 0; i < wanted; i++) {
        size_t j = i + roll(d, count - i), swapped = order[j];
        order[j] = order[i];
        order[i] = swapped;
        *kept(d, letters[i]) = words[swapped];
    }
    return WANE_OK;
}

/* A form behind a space: what follows the text in the prompt. */
static wane_status append_spaced(wane_derivation *d, const char *form, wane_text *after,
                                 wane_error *err)
{
    wane_text words = {0};
    wane_status st = wane_grammar_form(d, form, &words, err);
    if (st == WANE_OK) {
        wane_text_string(after, " ");
        wane_text_append(after, words.data, words.length);
    }
    wane_text_free(&words);
    return st;
}

static const char *const topics[] = {"farm", "kitchen", "school", "sea"};

static wane_status make_topic(wane_derivation *d, size_t label, wane_text *text, wane_text *after,
                              wane_error *err)
{
    static const char *const rules[] = {"plain", "where", "there"};
    wane_status st = WANE_OK;
    size_t odd = roll(d, 3), other = roll_but(d, 4, label);
    for (size_t i = 0; i < 3; i++) {
        d->topic = i == odd ? other : label;
        WANE_TRY(wane_grammar_expand(d, rules[roll(d, 3)], text, err));
    }
    wane_text_string(after, " where ?");
done:
    return st;
}

static const char *const answers[] = {"yes", "no"};

static wane_status make_agreement(wane_derivation *d, size_t label, wane_text *text,
                                  wane_text *after, wane_error *err)
{
    /* [number of the noun][shape][number of the verb] */
    static const char *const forms[2][4][2] = {
        {{"the <being> <acts> .", "the <being> <acts.1> ."},
         {"the <quality> <being> <acts> .", "the <quality> <being> <acts.1> ."},
         {"the <being> [beside] <acts> .", "the <being> [beside] <acts.1> ."},
         {"the <quality> <being> [beside] <acts> .", "the <quality> <being> [beside] <acts.1> ."}},
        {{"the <being.1> <acts> .", "the <being.1> <acts.1> ."},
         {"the <quality> <being.1> <acts> .", "the <quality> <being.1> <acts.1> ."},
         {"the <being.1> [beside] <acts> .", "the <being.1> [beside] <acts.1> ."},
         {"the <quality> <being.1> [beside] <acts> .",
          "the <quality> <being.1> [beside] <acts.1> ."}},
    };
    d->topic = roll(d, 4);
    size_t number = roll(d, 2), shape = roll(d, 4);
    wane_text_string(after, " right ?");
    return wane_grammar_form(d, forms[number][shape][label == 0 ? number : 1 - number], text, err);
}

static const char *const names[] = {"tom", "ben", "anna", "mia"};

static wane_status make_order(wane_derivation *d, size_t label, wane_text *text, wane_text *after,
                              wane_error *err)
{
    static const char *const forms[] = {
        "=x <acts> before =y <acts> .",
        "=y <acts> after =x <acts> .",
        "first =x <acts> , then =y <acts> .",
        "=y <acts> , but first =x <acts> .",
    };
    d->topic = roll(d, 4);
    *kept(d, 'x') = names[label];
    *kept(d, 'y') = names[roll_but(d, 4, label)];
    wane_text_string(after, " who is first ?");
    return wane_grammar_form(d, forms[roll(d, 4)], text, err);
}

static const char *const counts[] = {"one", "two", "three", "four"};

static wane_status make_counting(wane_derivation *d, size_t label, wane_text *text,
                                 wane_text *after, wane_error *err)
{
    wane_status st = WANE_OK;
    d->topic = roll(d, 4);
    WANE_TRY(keep_different(d, "object", "xyz", err));
    WANE_TRY(wane_grammar_form(d, "<person> <does>", text, err));
    size_t asked = label + 1, others = 1 + roll(d, 3), left = asked + others;
    for (size_t all = left; left > 0; left--) {
        /* Any order of the asked and the others is as likely as any other. */
        char letter = 'x';
        if (roll(d, left) < asked) asked--;
        else letter = roll(d, 2) ? 'y' : 'z';
        if (left < all) wane_text_string(text, left > 1 ? " ," : " and");
        wane_text_string(text, " a");
        WANE_TRY(wane_grammar_form(d,
                                   letter == 'x'   ? "=x"
                                   : letter == 'y' ? "=y"
                                                   : "=z",
                                   text, err));
    }
    wane_text_string(text, " .");
    WANE_TRY(append_spaced(d, "how many =x.1 ?", after, err));
done:
    return st;
}

static const char *const colors[] = {"red", "blue", "green", "white", "black", "brown"};

static wane_status make_color(wane_derivation *d, size_t label, wane_text *text, wane_text *after,
                              wane_error *err)
{
    static const char *const questions[] = {"what color is the =a ? the =a is",
                                            "what color is the =b ? the =b is",
                                            "what color is the =e ? the =e is"};
    wane_status st = WANE_OK;
    d->topic = roll(d, 4);
    WANE_TRY(keep_different(d, "being", "abe", err));
    /* Three different colors, the label's at the asked place. */
    size_t asked = roll(d, 3);
    size_t second = roll_but(d, 6, label), third = roll(d, 4);
    size_t low = label < second ? label : second, high = label < second ? second : label;
    if (third >= low) third++;
    if (third >= high) third++;
    static const char letters[] = "cdf";
    *kept(d, letters[asked]) = colors[label];
    *kept(d, letters[(asked + 1) % 3]) = colors[second];
    *kept(d, letters[(asked + 2) % 3]) = colors[third];
    WANE_TRY(wane_grammar_form(d, "the =a is =c and the =b is =d and the =e is =f .", text, err));
    WANE_TRY(append_spaced(d, questions[asked], after, err));
done:
    return st;
}

#define LABELS(words) (words), sizeof(words) / sizeof *(words)
const wane_builtin_kind wane_builtin_kinds[] = {
    {"topic", LABELS(topics), " where ?", make_topic},
    {"agreement", LABELS(answers), " right ?", make_agreement},
    {"order", LABELS(names), " who is first ?", make_order},
    {"counting", LABELS(counts), " ?", make_counting},
    {"color", LABELS(colors), " is", make_color},
};
const size_t wane_builtin_kind_count = sizeof wane_builtin_kinds / sizeof *wane_builtin_kinds;
