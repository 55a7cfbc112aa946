/* SPDX-License-Identifier: Apache-2.0
 * The built-in language: that its entropy is what it says. All texts of a rule are enumerated with
 * their probabilities; no text may occur twice, probabilities must sum to 1, and the entropy of the
 * texts must be the one computed from the rules. Whole documents are checked by sampling.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/memory.h"
#include "tasks/builtin/builtin.h"
#include "tasks/builtin/language.h"
#include "tests/support/support.h"

/* Draws that go through all outcomes: each derivation plays a script, then the last entry that can
 * is moved on. */
typedef struct script {
    size_t choice[64], count[64];
    size_t length, at;
} script;

static size_t scripted(void *context, const double *weights, size_t count)
{
    (void)weights;
    script *s = context;
    assert_true(s->at < 64);
    if (s->at == s->length) {
        s->choice[s->length] = 0;
        s->count[s->length++] = count;
    }
    assert_int_equal(s->count[s->at], count);
    return s->choice[s->at++];
}

static bool advance(script *s)
{
    s->at = 0;
    while (s->length > 0) {
        if (++s->choice[s->length - 1] < s->count[s->length - 1]) return true;
        s->length--;
    }
    return false;
}

typedef struct outcome {
    char *text;
    double log_probability;
    size_t tokens;
} outcome;

static int by_text(const void *left, const void *right)
{
    return strcmp(((const outcome *)left)->text, ((const outcome *)right)->text);
}

typedef struct survey {
    size_t outcomes, doubles; /* texts; derivations whose text another has too */
    double probability, entropy, tokens;
} survey;

/* All texts of a rule given the derivation's topic and remembered words. */
static survey enumerate(const wane_derivation *start, const char *rule)
{
    wane_error err;
    survey found = {0};
    script s = {0};
    size_t count = 0, capacity = 0;
    outcome *all = NULL;
    wane_text text = {0};
    do {
        wane_derivation d = *start;
        d.draw = scripted;
        d.context = &s;
        wane_text_clear(&text);
        CHECK_OK(wane_grammar_expand(&d, rule, &text, &err));
        assert_true(WANE_GROW(all, capacity, count + 1));
        /* One full stop, at the end: a document falls apart into its sentences in one way. */
        assert_ptr_equal(strchr(text.data, '.'), text.data + text.length - 1);
        all[count++] = (outcome){strdup(text.data), d.log_probability, d.tokens};
    } while (advance(&s));
    qsort(all, count, sizeof *all, by_text);
    for (size_t i = 0; i < count;) {
        double p = 0;
        size_t same = i;
        for (; same < count && strcmp(all[i].text, all[same].text) == 0; same++)
            p += exp(all[same].log_probability);
        found.doubles += same - i - 1;
        found.outcomes++;
        found.probability += p;
        found.entropy -= p * log(p);
        found.tokens += p * (double)all[i].tokens;
        i = same;
    }
    for (size_t i = 0; i < count; i++) free(all[i].text);
    wane_free(all);
    wane_text_free(&text);
    return found;
}

/* The rule's entropy by enumeration is the computed one. */
static size_t check_rule(const wane_derivation *start, const char *rule)
{
    wane_error err;
    double entropy = 0, tokens = 0;
    survey found = enumerate(start, rule);
    CHECK_OK(wane_grammar_measure(&entropy, &tokens, start->grammar, rule, &err));
    assert_int_equal(found.doubles, 0);
    CHECK_NEAR(found.probability, 1, 1e-12, 0);
    CHECK_NEAR(found.entropy, entropy, 1e-10, 0);
    CHECK_NEAR(found.tokens, tokens, 1e-10, 0);
    return found.outcomes;
}

static const char *const letters_of[] = {"a|aa", "b|bb", "c|cc", "x|xx", "y|yy", "z|zz"};
static const char *const shapes_of[] = {"o", "i"};
static const wane_word_class small_classes[] = {{"letter", 3, 2, letters_of},
                                                {"shape", 2, 1, shapes_of}};
static const wane_rule_alternative small_start[] = {{3, "<letter:l> is <shape:s> [more] ."},
                                                    {1, "no <letter.1> ."},
                                                    {1, "<letter:l> <letter!l> ."}};
static const wane_rule_alternative small_more[] = {{1, "and =l.1 <letter!l> not <shape!s>"},
                                                   {2, "but [last]"}};
static const wane_rule_alternative small_last[] = {{1, "=s"}, {4, "never <shape>"}};
static const wane_rule small_rules[] = {
    {"start", 3, small_start}, {"more", 2, small_more}, {"last", 2, small_last}};
static const wane_grammar small = {2, 2, 3, small_classes, small_rules};

static void small_grammar_by_hand_and_enumeration(void **state)
{
    (void)state;
    wane_error err;
    double entropy = 0, tokens = 0;
    for (size_t topic = 0; topic < 2; topic++) {
        wane_derivation d = {.grammar = &small, .topic = topic};
        /* 3 letters, 2 shapes: "and" 2 others, "but" =s or 2 shapes; "no" 3; pairs 3 x 2. */
        assert_int_equal(check_rule(&d, "start"), 3 * 2 * (2 + 3) + 3 + 6);
    }
    const double last = -(.2 * log(.2) + .8 * log(.8)) + .8 * log(2);
    const double more = -(log(1 / 3.) + 2 * log(2 / 3.)) / 3 + (log(2) + log(1)) / 3 + last * 2 / 3;
    const double start = -(.6 * log(.6) + .4 * log(.2)) + .6 * (log(3) + log(2) + more) +
                         .2 * log(3) + .2 * (log(3) + log(2));
    CHECK_OK(wane_grammar_measure(&entropy, &tokens, &small, "start", &err));
    CHECK_NEAR(entropy, start, 1e-12, 0);
    /* "and =l x not s" 5 words, "but" 1 + 1 or 2 words. */
    CHECK_NEAR(tokens, .6 * (4 + 5 / 3. + (1 + .2 + 1.6) * 2 / 3) + .4 * 3, 1e-12, 0);
}

static void an_ambiguous_grammar_shows(void **state)
{
    (void)state;
    wane_error err;
    static const wane_rule_alternative twice[] = {{1, "<letter> b ."}, {1, "a <letter> ."}};
    static const wane_rule rules[] = {{"start", 2, twice}};
    static const wane_grammar bad = {2, 2, 1, small_classes, rules};
    wane_derivation d = {.grammar = &bad};
    double entropy = 0, tokens = 0;
    survey found = enumerate(&d, "start");
    CHECK_OK(wane_grammar_measure(&entropy, &tokens, &bad, "start", &err));
    assert_int_equal(found.doubles, 1); /* a b . */
    assert_true(found.entropy < entropy - .01);
}

static void broken_grammars_are_named(void **state)
{
    (void)state;
    wane_error err;
    script s = {0};
    wane_text text = {0};
    wane_derivation d = {.grammar = &small, .draw = scripted, .context = &s};
    CHECK_FAILS(wane_grammar_form(&d, "[none]", &text, &err), WANE_EINTERNAL, "none: no such rule");
    CHECK_FAILS(wane_grammar_form(&d, "<none>", &text, &err), WANE_EINTERNAL, "none: no such cl");
    CHECK_FAILS(wane_grammar_form(&d, "=q", &text, &err), WANE_EINTERNAL, "no word is remembered");
    CHECK_FAILS(wane_grammar_form(&d, "<letter!q>", &text, &err), WANE_EINTERNAL, "to differ from");
    CHECK_FAILS(wane_grammar_form(&d, "<letter.7>", &text, &err), WANE_EINTERNAL, "no such form");
    wane_text_free(&text);
}

/* Every sentence of the language, under every topic. */
static void each_sentence_has_one_derivation(void **state)
{
    (void)state;
    size_t total = 0;
    for (size_t topic = 0; topic < wane_language.topics; topic++) {
        wane_derivation d = {.grammar = &wane_language, .topic = topic};
        total += check_rule(&d, "opening") + check_rule(&d, "facts");
        /* The words a document remembers, as one document may have them. */
        static const struct {
            char letter;
            const char *class;
            size_t index;
        } kept[] = {{'h', "person", 6}, {'p', "place", 1}, {'n', "number", 3}, {'o', "object", 2},
                    {'a', "being", 4},  {'b', "being", 0}, {'c', "color", 5},  {'d', "color", 1}};
        for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
            size_t count = 0;
            const char *const *words =
                wane_grammar_words(&count, &wane_language, kept[i].class, topic);
            assert_non_null(words);
            d.kept[kept[i].letter - 'a'] = words[kept[i].index];
        }
        total += check_rule(&d, "body");
    }
    print_message("%zu sentences, each derived in one way\n", total);
}

/* The opening tells the topic: no place is a place of two topics. */
static void places_tell_the_topic(void **state)
{
    (void)state;
    for (size_t t = 0; t < wane_language.topics; t++)
        for (size_t u = 0; u < t; u++) {
            size_t n = 0, m = 0;
            const char *const *one = wane_grammar_words(&n, &wane_language, "place", t);
            const char *const *two = wane_grammar_words(&m, &wane_language, "place", u);
            for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j < m; j++) assert_string_not_equal(one[i], two[j]);
        }
}

static void documents_cost_what_was_computed(void **state)
{
    (void)state;
    wane_error err;
    const size_t documents = 20000;
    double entropy = 0, mean_tokens = 0, nats = 0, tokens = 0, squares = 0;
    CHECK_OK(wane_language_entropy(&entropy, &mean_tokens, &err));
    wane_text text = {0};
    for (size_t i = 0; i < documents; i++) {
        wane_dice dice = {.where = {.seed = 3, .purpose = WANE_RANDOM_TEST, .step = i}};
        wane_derivation d = {.grammar = &wane_language, .draw = wane_dice_draw, .context = &dice};
        wane_text_clear(&text);
        CHECK_OK(wane_language_document(&d, &text, &err));
        double surplus = -d.log_probability - entropy * (double)d.tokens;
        nats -= d.log_probability;
        tokens += (double)d.tokens;
        squares += surplus * surplus;
    }
    wane_text_free(&text);
    /* The ratio estimate's standard error, from the residuals. */
    double error = sqrt(squares) / tokens;
    print_message("entropy %.6f nats per token; %.6f +- %.6f on %zu documents of %.3f (%.3f) "
                  "tokens\n",
                  entropy, nats / tokens, error, documents, tokens / (double)documents,
                  mean_tokens);
    assert_true(error < .003);
    CHECK_NEAR(nats / tokens, entropy, 4 * error, 0);
    CHECK_NEAR(tokens / (double)documents, mean_tokens, .5, 0);
}

static void corpus_is_seeded_and_known_to_its_tokenizer(void **state)
{
    (void)state;
    wane_error err;
    wane_text json = {0};
    wane_tokenizer *tokenizer = NULL;
    wane_corpus one, again, other;
    wane_windows windows;
    double entropy = 0, expected = 0, tokens = 0;
    CHECK_OK(wane_builtin_corpus(&one, "builtin", 1, 300, &entropy, &err));
    CHECK_OK(wane_builtin_corpus(&again, "again", 1, 300, NULL, &err));
    CHECK_OK(wane_builtin_corpus(&other, "other", 2, 300, NULL, &err));
    CHECK_OK(wane_language_entropy(&expected, &tokens, &err));
    assert_true(entropy == expected);
    assert_string_equal(one.sha256, again.sha256);
    assert_string_not_equal(one.sha256, other.sha256);
    assert_int_equal(one.count, 300);
    /* Each is a draw of its own. 300 draws of texts of more than 20 nats hardly ever meet. */
    for (size_t i = 0; i < 300; i++)
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(one.documents[i].text, one.documents[k].text);
    print_message("%s\n", one.documents[0].text);
    CHECK_OK(wane_builtin_tokenizer(&json, &err));
    CHECK_OK(wane_tokenizer_parse(&tokenizer, json.data, json.length, "builtin", &err));
    print_message("%zu tokens in the vocabulary\n", wane_tokenizer_size(tokenizer));
    assert_in_range(wane_tokenizer_size(tokenizer), 150, 300);
    assert_int_equal(wane_tokenizer_bos(tokenizer), 1);
    wane_window_rule rule = {.window = 256};
    CHECK_OK(wane_corpus_encode(&windows, &one, tokenizer, &rule, &err));
    assert_int_equal(windows.unknown_tokens, 0);
    assert_int_equal(windows.tokens, windows.words); /* a token is a word */
    assert_int_equal(windows.windows, 300);
    assert_int_equal(windows.bos, 1);
    wane_windows_free(&windows);
    wane_corpus_free(&one);
    wane_corpus_free(&again);
    wane_corpus_free(&other);
    CHECK_FAILS(wane_builtin_corpus(&one, "none", 1, 0, NULL, &err), WANE_EINVAL, "no document");
    wane_tokenizer_free(tokenizer);
    wane_text_free(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_grammar_by_hand_and_enumeration),
        cmocka_unit_test(an_ambiguous_grammar_shows),
        cmocka_unit_test(broken_grammars_are_named),
        cmocka_unit_test(each_sentence_has_one_derivation),
        cmocka_unit_test(places_tell_the_topic),
        cmocka_unit_test(documents_cost_what_was_computed),
        cmocka_unit_test(corpus_is_seeded_and_known_to_its_tokenizer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
