/* SPDX-License-Identifier: Apache-2.0
 * The words, classes and rules of the language as tables, and the dice that draw from them.
 */
#include "tasks/builtin/language.h"

#include <math.h>
#include <string.h>

enum { TOPICS = 4 };

/* name | pronoun */
static const char *const people[] = {"tom|he",   "ben|he",  "sam|he",   "max|he",
                                     "anna|she", "mia|she", "lucy|she", "emma|she"};

static const char *const places[] = {
    "farm",    "barn",    "field",     /* farm */
    "kitchen", "bakery",  "market",    /* kitchen */
    "school",  "library", "classroom", /* school */
    "sea",     "beach",   "harbor",    /* sea */
};

static const char *const beings[] = {
    "cow|cows",       "hen|hens",         "goat|goats",       "horse|horses",   "pig|pigs",
    "duck|ducks",     "cook|cooks",       "baker|bakers",     "waiter|waiters", "guest|guests",
    "maid|maids",     "butcher|butchers", "teacher|teachers", "pupil|pupils",   "student|students",
    "child|children", "coach|coaches",    "writer|writers",   "sailor|sailors", "crab|crabs",
    "gull|gulls",     "whale|whales",     "seal|seals",       "diver|divers",
};

static const char *const objects[] = {
    "pear|pears",     "seed|seeds", "basket|baskets", "fence|fences",   "cart|carts",
    "bucket|buckets", "pot|pots",   "spoon|spoons",   "cake|cakes",     "plate|plates",
    "carrot|carrots", "cup|cups",   "book|books",     "pencil|pencils", "desk|desks",
    "map|maps",       "bag|bags",   "ruler|rulers",   "boat|boats",     "shell|shells",
    "net|nets",       "rope|ropes", "flag|flags",     "stone|stones",
};

static const char *const actions[] = {
    "sleeps|sleep", "runs|run", "waits|wait", "grazes|graze", "digs|dig",     "kicks|kick",
    "sleeps|sleep", "runs|run", "waits|wait", "bakes|bake",   "stirs|stir",   "tastes|taste",
    "sleeps|sleep", "runs|run", "waits|wait", "reads|read",   "writes|write", "learns|learn",
    "sleeps|sleep", "runs|run", "waits|wait", "swims|swim",   "dives|dive",   "floats|float",
};

static const char *const deeds[] = {"sees|see",   "finds|find", "likes|like", "takes|take",
                                    "wants|want", "drops|drop", "holds|hold", "needs|need"};
static const char *const qualities[] = {"big",   "small", "old",  "young",
                                        "happy", "sad",   "fast", "slow"};
static const char *const colors[] = {"red", "blue", "green", "white", "black", "brown"};
static const char *const numbers[] = {"two", "three", "four", "five", "six", "seven"};

static const wane_word_class classes[] = {
    {"person", 8, 1, people},       {"place", 3, TOPICS, places}, {"being", 6, TOPICS, beings},
    {"object", 6, TOPICS, objects}, {"acts", 6, TOPICS, actions}, {"does", 8, 1, deeds},
    {"quality", 8, 1, qualities},   {"color", 6, 1, colors},      {"number", 6, 1, numbers},
};

static const wane_rule_alternative opening[] = {
    {1, "<person:h> is at the <place:p> with <number:n> <object.1:o> ."}};
static const wane_rule_alternative facts[] = {
    {1, "the <being:a> is <color:c> and the <being:b!a> is <color:d!c> , a =c =a and a =d =b ."},
};
static const wane_rule_alternative body[] = {
    {12, "[plain]"}, {14, "[where]"}, {12, "[doing]"}, {8, "[there]"}, {10, "[order]"},
    {12, "[greet]"}, {14, "[color]"}, {6, "[place]"},  {6, "[owner]"}, {6, "[truth]"},
};
static const wane_rule_alternative plain[] = {
    {1, "the <being> <acts> ."},
    {1, "the <being.1> <acts.1> ."},
    {1, "the <quality> <being> <acts> ."},
    {1, "the <quality> <being.1> <acts.1> ."},
};
static const wane_rule_alternative where[] = {
    {1, "the <being> [beside] <acts> ."},
    {1, "the <being.1> [beside] <acts.1> ."},
};
static const wane_rule_alternative beside[] = {
    {3, "near the <object>"},     {3, "near the <object.1>"}, {1, "behind the <object>"},
    {1, "behind the <object.1>"}, {1, "on the right"},        {1, "on the left"},
};
static const wane_rule_alternative doing[] = {
    {1, "=h <does> a <object> ."},
    {1, "=h.1 <does> a <quality> <object> ."},
    {1, "<person!h> <does> the =o.1 ."},
    {1, "the <being.1> <does.1> =h ."},
};
static const wane_rule_alternative there[] = {
    {1, "there is one <color> <object> ."},
    {1, "there are <number> <color> <object.1> ."},
};
static const wane_rule_alternative order[] = {
    {1, "=h <acts> before <person!h> <acts> ."},
    {1, "=h <acts> after <person!h> <acts> ."},
    {1, "first =h <acts> , then <person!h> <acts> ."},
    {1, "=h <acts> , but first <person!h> <acts> ."},
};
static const wane_rule_alternative greet[] = {
    {1, "=h sees <person:k!h> and =k sees =h ."},
    {1, "<person:k!h> waits and =k finds =h ."},
};
static const wane_rule_alternative color[] = {
    {1, "what color is the =a ? the =a is =c ."},
    {1, "what color is the =b ? the =b is =d ."},
};
static const wane_rule_alternative place[] = {{1, "where is =h ? =h is at the =p ."}};
static const wane_rule_alternative owner[] = {
    {1, "how many =o.1 does =h have ? =h has =n ."},
    {1, "who has the =o.1 ? =h has the =o.1 ."},
};
static const wane_rule_alternative truth[] = {
    {1, "is the =a =c ? yes ."},
    {1, "is the =a <color!c> ? no ."},
    {1, "is the =b =d ? yes ."},
    {1, "is the =b <color!d> ? no ."},
};

#define RULE(name)                                                                                 \
    {                                                                                              \
#name, sizeof(name) / sizeof *(name), (name)                                               \
    }
static const wane_rule rules[] = {
    RULE(opening), RULE(facts), RULE(body),  RULE(plain), RULE(where), RULE(beside), RULE(doing),
    RULE(there),   RULE(order), RULE(greet), RULE(color), RULE(place), RULE(owner),  RULE(truth),
};

const wane_grammar wane_language = {
    .topics = TOPICS,
    .class_count = sizeof classes / sizeof *classes,
    .rule_count = sizeof rules / sizeof *rules,
    .classes = classes,
    .rules = rules,
};

size_t wane_dice_draw(void *context, const double *weights, size_t count)
{
    wane_dice *dice = context;
    if (!weights) return (size_t)wane_random_below(&dice->where, dice->element++, count);
    double sum = 0, reached = 0;
    for (size_t i = 0; i < count; i++) sum += weights[i];
    double at = wane_random_uniform(&dice->where, dice->element++) * sum;
    for (size_t i = 0; i + 1 < count; i++) {
        reached += weights[i];
        if (at < reached) return i;
    }
    return count - 1;
}

wane_status wane_language_document(wane_derivation *d, wane_text *out, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t bodies =
        WANE_LEAST_BODY + d->draw(d->context, NULL, WANE_MOST_BODY - WANE_LEAST_BODY + 1);
    d->topic = d->draw(d->context, NULL, d->grammar->topics);
    d->log_probability -= log((double)d->grammar->topics);
    WANE_TRY(wane_grammar_expand(d, "opening", out, err));
    WANE_TRY(wane_grammar_expand(d, "facts", out, err));
    for (size_t i = 0; i < bodies; i++) WANE_TRY(wane_grammar_expand(d, "body", out, err));
done:
    return st;
}

wane_status wane_language_entropy(double *per_token, double *tokens, wane_error *err)
{
    wane_status st = WANE_OK;
    const double bodies = (WANE_LEAST_BODY + WANE_MOST_BODY) / 2.0;
    double h[3], words[3];
    WANE_TRY(wane_grammar_measure(&h[0], &words[0], &wane_language, "opening", err));
    WANE_TRY(wane_grammar_measure(&h[1], &words[1], &wane_language, "facts", err));
    WANE_TRY(wane_grammar_measure(&h[2], &words[2], &wane_language, "body", err));
    double total = words[0] + words[1] + bodies * words[2];
    *per_token = (log((double)wane_language.topics) + h[0] + h[1] + bodies * h[2]) / total;
    *tokens = total;
done:
    return st;
}

void wane_language_words(void (*each)(void *context, const char *word, size_t bytes), void *context)
{
    for (size_t r = 0; r < wane_language.rule_count; r++)
        for (size_t a = 0; a < wane_language.rules[r].count; a++)
            for (const char *c = wane_language.rules[r].alternatives[a].form; *c;) {
                size_t bytes = strcspn(c, " ");
                if (bytes && !strchr("[<=", *c)) each(context, c, bytes);
                c += bytes + (c[bytes] == ' ');
            }
    for (size_t i = 0; i < wane_language.class_count; i++) {
        const wane_word_class *class = &wane_language.classes[i];
        for (size_t w = 0; w < class->each * class->topics; w++) {
            size_t bytes = 0;
            const char *form = NULL;
            for (size_t f = 0; (form = wane_word_form(class->words[w], f, &bytes)); f++)
                each(context, form, bytes);
        }
    }
}
