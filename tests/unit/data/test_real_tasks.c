/* SPDX-License-Identifier: Apache-2.0
 * The real tasks and corpora under WANE_DATA; skipped without it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/clock.h"
#include "store/base/text.h"
#include "tasks/data/corpus.h"
#include "tasks/data/task.h"
#include "tests/support/support.h"

static const char *root;

static const char *data_path(const char *name)
{
    static char path[1024];
    (void)snprintf(path, sizeof path, "%s/%s", root, name);
    return path;
}

static const struct {
    const char *name;
    size_t train, test, labels;
    const char *first, *last; /* verbalizers */
} tasks[] = {
    {"agnews", 4000, 1000, 4, " World", " Science or Technology"},
    {"sst2", 5000, 1000, 2, " negative", " positive"},
    {"cola", 5000, 1000, 2, " unacceptable", " acceptable"},
    {"trec6", 5000, 500, 6, " DESC", " LOC"},
    {"sms_spam", 4183, 977, 2, " ham", " spam"},
    {"qqp", 2000, 1000, 2, " False", " True"},
    {"mnli", 3000, 1000, 3, " neutral", " contradiction"},
    {"yelp5", 4000, 1000, 5, " very negative", " very positive"},
};

static void open_task(wane_task *task, size_t i, size_t rows)
{
    wane_error err;
    char name[64];
    (void)snprintf(name, sizeof name, "tasks/%s", tasks[i].name);
    wane_task_spec spec = {.path = data_path(name), .train_rows = rows, .test_rows = rows / 2};
    CHECK_OK(wane_task_open(task, &spec, &err));
}

static void tasks_open_with_their_counts(void **state)
{
    (void)state;
    wane_error err;
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) {
        wane_task task;
        wane_overlap overlap;
        open_task(&task, i, 0);
        assert_string_equal(task.name, tasks[i].name);
        assert_int_equal(task.rows[WANE_SPLIT_TRAIN], tasks[i].train);
        assert_int_equal(task.rows[WANE_SPLIT_TEST], tasks[i].test);
        assert_int_equal(task.label_count, tasks[i].labels);
        assert_string_equal(task.labels[0].verbalizer, tasks[i].first);
        assert_string_equal(task.labels[tasks[i].labels - 1].verbalizer, tasks[i].last);
        CHECK_OK(wane_task_overlap(&overlap, &task, 0, &err));
        print_message("%-8s overlap exact %zu normalised %zu\n", task.name, overlap.exact,
                      overlap.normalised);
        assert_int_equal(overlap.exact, 0);
        wane_task_free(&task);
    }
}

/* Prompt and label ids joined are the tokenizer's own for prompt + verbalizer. */
static size_t apart(const wane_task *task, const wane_prompts *prompts,
                    const wane_tokenizer *tokenizer)
{
    wane_error err;
    wane_text text = {0};
    wane_tokens ids = {0};
    size_t different = 0;
    for (size_t i = 0; i < prompts->rows; i++)
        for (size_t l = 0; l < prompts->label_count; l++) {
            const wane_row *row = &task->row[WANE_SPLIT_TEST][i];
            wane_text_clear(&text);
            wane_text_printf(&text, "%s%s%s%s", row->before, row->text, row->after,
                             task->labels[l].verbalizer);
            CHECK_OK(wane_text_check(&text, "test", "text", &err));
            ids.count = 0;
            CHECK_OK(wane_tokenizer_encode(tokenizer, text.data, text.length, true, &ids, &err));
            size_t length = prompts->starts[i + 1] - prompts->starts[i];
            size_t label = prompts->label_starts[l + 1] - prompts->label_starts[l];
            different +=
                ids.count != length + label ||
                memcmp(ids.ids, prompts->ids + prompts->starts[i], length * sizeof *ids.ids) != 0 ||
                memcmp(ids.ids + length, prompts->label_ids + prompts->label_starts[l],
                       label * sizeof *ids.ids) != 0;
        }
    wane_text_free(&text);
    wane_tokens_free(&ids);
    return different;
}

static void encodes_with(const char *tokenizer_path)
{
    wane_error err;
    wane_tokenizer *tokenizer = NULL;
    CHECK_OK(wane_tokenizer_load(&tokenizer, data_path(tokenizer_path), &err));
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) {
        wane_task task;
        wane_prompts whole, cut;
        open_task(&task, i, 800);
        double start = wane_clock_wall();
        CHECK_OK(wane_task_encode(&whole, &task, WANE_SPLIT_TEST, tokenizer, 100000, &err));
        double middle = wane_clock_wall();
        CHECK_OK(wane_task_encode(&cut, &task, WANE_SPLIT_TEST, tokenizer, 128, &err));
        double end = wane_clock_wall();
        assert_int_equal(whole.rows, 400);
        assert_int_equal(whole.cut_rows, 0);
        assert_int_equal(whole.apart_rows, 0);
        assert_int_equal(cut.apart_rows, 0);
        assert_int_equal(apart(&task, &whole, tokenizer), 0);
        size_t longest = 0;
        for (size_t r = 0; r < cut.rows; r++) {
            size_t length = cut.starts[r + 1] - cut.starts[r];
            longest = length > longest ? length : longest;
        }
        assert_true(longest + cut.longest_label <= 128);
        assert_int_equal(whole.starts[whole.rows] - cut.starts[cut.rows], cut.cut_tokens);
        print_message("%-8s %6zu tokens, longest label %zu, unknown %zu; at 128: %zu rows and %zu "
                      "tokens cut, fullest %zu; %.0f and %.0f ms\n",
                      task.name, whole.starts[whole.rows], whole.longest_label,
                      whole.unknown_tokens, cut.cut_rows, cut.cut_tokens,
                      longest + cut.longest_label, 1e3 * (middle - start), 1e3 * (end - middle));
        wane_prompts_free(&whole);
        wane_prompts_free(&cut);
        wane_task_free(&task);
    }
    wane_tokenizer_free(tokenizer);
}

static void prompts_of_a_whole_line_tokenizer(void **state)
{
    (void)state;
    encodes_with("models/TinyStories-656K");
}

static void prompts_of_a_byte_level_tokenizer(void **state)
{
    (void)state;
    encodes_with("tokenizers/gpt2");
}

static void corpora_open(void **state)
{
    (void)state;
    wane_error err;
    wane_corpus stories, wiki;
    wane_windows windows;
    wane_tokenizer *tokenizer = NULL;
    wane_corpus_spec spec = {.path = data_path("corpora/tinystories-1000.json"), .filter = "ascii"};
    CHECK_OK(wane_corpus_open(&stories, &spec, &err));
    assert_int_equal(stories.count, 917);
    assert_int_equal(stories.filtered_out, 83);
    CHECK_OK(wane_tokenizer_load(&tokenizer, data_path("models/TinyStories-656K"), &err));
    wane_window_rule rule = {.window = 512, .tokens = 100000};
    CHECK_OK(wane_corpus_encode(&windows, &stories, tokenizer, &rule, &err));
    assert_true(windows.tokens >= 100000 && windows.tokens < 101000);
    assert_int_equal(windows.bos, 1);
    print_message("stories: %zu documents, %zu windows, %zu tokens, %zu words, unknown %zu\n",
                  windows.documents, windows.windows, windows.tokens, windows.words,
                  windows.unknown_tokens);
    wane_windows_free(&windows);
    wane_corpus_free(&stories);
    spec = (wane_corpus_spec){.path = data_path("corpora/wikitext-2-valid.txt")};
    CHECK_OK(wane_corpus_open(&wiki, &spec, &err));
    size_t words = 0;
    for (size_t i = 0; i < wiki.count; i++) words += wiki.documents[i].words;
    print_message("wikitext: %zu documents, %zu words\n", wiki.count, words);
    assert_int_equal(words, 213886); /* the published count of the validation set, without <eos> */
    wane_corpus_free(&wiki);
    wane_tokenizer_free(tokenizer);
}

int main(void)
{
    root = getenv("WANE_DATA");
    if (!root || !*root) return 77;
    const struct CMUnitTest test_list[] = {
        cmocka_unit_test(tasks_open_with_their_counts),
        cmocka_unit_test(prompts_of_a_whole_line_tokenizer),
        cmocka_unit_test(prompts_of_a_byte_level_tokenizer),
        cmocka_unit_test(corpora_open),
    };
    return cmocka_run_group_tests(test_list, NULL, NULL);
}
