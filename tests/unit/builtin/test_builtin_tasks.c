/* SPDX-License-Identifier: Apache-2.0
 * The built-in tasks: every label is what a second reading of the text says.
 */
#include <stdio.h>
#include <string.h>

#include "store/base/memory.h"
#include "tasks/builtin/builtin.h"
#include "tasks/builtin/grammar.h"
#include "tasks/builtin/language.h"
#include "tests/support/support.h"

enum { MOST_WORDS = 64 };

typedef struct words {
    char text[1024];
    const char *word[MOST_WORDS];
    size_t count;
} words;

static void split(words *w, const char *text)
{
    assert_true(strlen(text) < sizeof w->text);
    strcpy(w->text, text);
    w->count = 0;
    for (char *rest = w->text, *word; (word = strtok_r(rest, " ", &rest));) {
        assert_true(w->count < MOST_WORDS);
        w->word[w->count++] = word;
    }
}

static size_t position(const words *w, const char *word)
{
    size_t i = 0;
    while (i < w->count && strcmp(w->word[i], word) != 0) i++;
    return i;
}

/* The form (0, 1) in which a word stands in a class under some topic; -1 if in none. */
static int form_in(const char *class, const char *word, size_t *topic)
{
    for (size_t t = 0; t < wane_language.topics; t++) {
        size_t count = 0, bytes = 0;
        const char *const *list = wane_grammar_words(&count, &wane_language, class, t);
        for (size_t i = 0; list && i < count; i++)
            for (size_t f = 0; f < 2; f++) {
                const char *form = wane_word_form(list[i], f, &bytes);
                if (!form || bytes != strlen(word) || memcmp(form, word, bytes) != 0) continue;
                if (topic) *topic = t;
                return (int)f;
            }
    }
    return -1;
}

static const char *read_topic(const words *w)
{
    static const char *const names[] = {"farm", "kitchen", "school", "sea"};
    size_t sentences[4] = {0}, topic = 0;
    bool met[4] = {false};
    for (size_t i = 0; i < w->count; i++) {
        if (form_in("being", w->word[i], &topic) >= 0 || form_in("object", w->word[i], &topic) >= 0)
            met[topic] = true;
        if (strcmp(w->word[i], ".") != 0) continue;
        for (size_t t = 0; t < 4; t++) {
            sentences[t] += met[t];
            met[t] = false;
        }
    }
    for (size_t t = 0; t < 4; t++)
        if (sentences[t] == 2) return names[t];
    return "?";
}

static const char *read_agreement(const words *w)
{
    int noun = -1, verb = -1;
    for (size_t i = 0; i < w->count; i++) {
        if (noun < 0) noun = form_in("being", w->word[i], NULL);
        if (verb < 0) verb = form_in("acts", w->word[i], NULL);
    }
    assert_true(noun >= 0 && verb >= 0);
    return noun == verb ? "yes" : "no";
}

static const char *read_order(const words *w)
{
    static const char *const names[] = {"tom", "ben", "anna", "mia"};
    const char *found[2] = {NULL, NULL};
    for (size_t i = 0; i < w->count; i++)
        for (size_t n = 0; n < 4; n++) {
            if (strcmp(w->word[i], names[n]) != 0) continue;
            if (!found[0]) found[0] = names[n];
            else found[1] = names[n];
        }
    assert_non_null(found[1]);
    bool later = position(w, "after") < w->count || position(w, "but") < w->count;
    return found[later];
}

static const char *read_counting(const words *w, const words *question)
{
    static const char *const names[] = {"zero", "one", "two", "three", "four"};
    size_t count = 0, class_count = 0, bytes = 0;
    const char *asked = question->word[2]; /* how many THINGS ? */
    char single[32] = "";
    for (size_t t = 0; t < wane_language.topics; t++) {
        const char *const *list = wane_grammar_words(&class_count, &wane_language, "object", t);
        for (size_t i = 0; i < class_count; i++)
            if (strcmp(wane_word_form(list[i], 1, &bytes), asked) == 0)
                (void)snprintf(single, sizeof single, "%.*s", (int)strcspn(list[i], "|"), list[i]);
    }
    for (size_t i = 0; i < w->count; i++) count += strcmp(w->word[i], single) == 0;
    return count < 5 ? names[count] : "?";
}

static const char *read_color(const words *w, const words *question)
{
    const char *asked = question->word[4];  /* what color is the COW ? */
    return w->word[position(w, asked) + 2]; /* the cow is red */
}

static const char *read_label(const char *task, const wane_row *row)
{
    static words w, question;
    split(&w, row->text);
    split(&question, row->after);
    if (strcmp(task, "topic") == 0) return read_topic(&w);
    if (strcmp(task, "agreement") == 0) return read_agreement(&w);
    if (strcmp(task, "order") == 0) return read_order(&w);
    if (strcmp(task, "counting") == 0) return read_counting(&w, &question);
    assert_string_equal(task, "color");
    return read_color(&w, &question);
}

static wane_tokenizer *tokenizer_of_builtin(void)
{
    wane_error err;
    wane_text json = {0};
    wane_tokenizer *tokenizer = NULL;
    CHECK_OK(wane_builtin_tokenizer(&json, &err));
    CHECK_OK(wane_tokenizer_parse(&tokenizer, json.data, json.length, "builtin", &err));
    wane_text_free(&json);
    return tokenizer;
}

static void labels_are_what_texts_say(void **state)
{
    (void)state;
    wane_error err;
    wane_tokenizer *tokenizer = tokenizer_of_builtin();
    assert_true(wane_builtin_task_count() >= 4);
    assert_null(wane_builtin_task_name(wane_builtin_task_count()));
    for (size_t k = 0; k < wane_builtin_task_count(); k++) {
        wane_task task;
        wane_overlap overlap;
        const char *name = wane_builtin_task_name(k);
        CHECK_OK(wane_builtin_task(&task, name, 11, 1000, 301, &err));
        assert_string_equal(task.name, name);
        assert_int_equal(task.rows[WANE_SPLIT_TRAIN], 1000);
        assert_int_equal(task.rows[WANE_SPLIT_TEST], 301);
        for (size_t s = 0; s < WANE_SPLITS; s++) {
            size_t counts[16] = {0}, most = 0, least = SIZE_MAX;
            for (size_t i = 0; i < task.rows[s]; i++) {
                const wane_row *row = &task.row[s][i];
                counts[row->label]++;
                assert_string_equal(read_label(name, row), task.labels[row->label].value);
                size_t after = strlen(row->after), tail = strlen(task.tail);
                assert_string_equal(row->after + after - tail, task.tail);
            }
            for (size_t l = 0; l < task.label_count; l++) {
                most = counts[l] > most ? counts[l] : most;
                least = counts[l] < least ? counts[l] : least;
            }
            assert_true(most - least <= 1);
            wane_prompts prompts;
            CHECK_OK(wane_task_encode(&prompts, &task, (wane_split)s, tokenizer, 64, &err));
            assert_int_equal(prompts.unknown_tokens, 0);
            assert_int_equal(prompts.cut_rows, 0);
            assert_int_equal(prompts.apart_rows, 0);
            assert_int_equal(prompts.longest_label, 1);
            wane_prompts_free(&prompts);
        }
        CHECK_OK(wane_task_overlap(&overlap, &task, 0, &err));
        assert_int_equal(overlap.normalised, 0);
        print_message("%-9s %s%s ->%s\n", name, task.row[0][0].text, task.row[0][0].after,
                      task.labels[task.row[0][0].label].verbalizer);
        wane_task_free(&task);
    }
    wane_tokenizer_free(tokenizer);
}

static void tasks_are_seeded(void **state)
{
    (void)state;
    wane_error err;
    wane_task one, again, other, longer;
    CHECK_OK(wane_builtin_task(&one, "order", 1, 200, 50, &err));
    CHECK_OK(wane_builtin_task(&again, "order", 1, 200, 50, &err));
    CHECK_OK(wane_builtin_task(&other, "order", 2, 200, 50, &err));
    CHECK_OK(wane_builtin_task(&longer, "order", 1, 300, 50, &err));
    for (int s = 0; s < WANE_SPLITS; s++) {
        assert_string_equal(one.sha256[s], again.sha256[s]);
        assert_string_not_equal(one.sha256[s], other.sha256[s]);
    }
    for (size_t i = 0; i < 200; i++) /* more rows begin with the fewer */
        assert_string_equal(one.row[0][i].text, longer.row[0][i].text);
    wane_task_free(&one);
    wane_task_free(&again);
    wane_task_free(&other);
    wane_task_free(&longer);
}

static void requests_that_cannot_be(void **state)
{
    (void)state;
    wane_error err;
    wane_task task;
    CHECK_FAILS(wane_builtin_task(&task, "oder", 1, 10, 10, &err), WANE_ENOTFOUND,
                "\"oder\": no such built-in task; did you mean \"order\"?");
    CHECK_FAILS(wane_builtin_task(&task, "sentiment", 1, 10, 10, &err), WANE_ENOTFOUND,
                "\"sentiment\": no such built-in task; there are ");
    CHECK_FAILS(wane_builtin_task(&task, "order", 1, 0, 10, &err), WANE_EINVAL, "0 train and 10");
    CHECK_FAILS(wane_builtin_task(&task, "order", 1, 8000, 2000, &err), WANE_EINVAL,
                "it does not have that many different rows");
}

static void memory_runs_out_anywhere(void **state)
{
    (void)state;
    wane_status st = WANE_ENOMEM;
    for (long n = 0; n < 500 && st != WANE_OK; n++) {
        wane_error err = {0};
        wane_task task = {0};
        wane_corpus corpus = {0};
        wane_memory_fail_after(n);
        st = wane_builtin_task(&task, "color", 1, 6, 6, &err);
        if (st == WANE_OK) st = wane_builtin_corpus(&corpus, "c", 1, 3, NULL, &err);
        wane_memory_fail_after(-1);
        assert_true(st == WANE_OK || st == WANE_ENOMEM);
        wane_task_free(&task);
        wane_corpus_free(&corpus);
    }
    assert_int_equal(st, WANE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_are_what_texts_say),
        cmocka_unit_test(tasks_are_seeded),
        cmocka_unit_test(requests_that_cannot_be),
        cmocka_unit_test(memory_runs_out_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
