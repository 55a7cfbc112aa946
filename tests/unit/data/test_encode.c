/* SPDX-License-Identifier: Apache-2.0
 * Prompts and labels as token ids: where prompt and label meet, cutting, counts.
 */
#include <string.h>

#include "store/base/memory.h"
#include "store/base/random.h"
#include "store/base/text.h"
#include "tasks/data/task.h"
#include "tests/support/support.h"

/* A whole-line byte-pair tokenizer without a pre-tokenizer, so that it merges across spaces, as
 * TinyStories' does: ":" and a space are one token unless the next letter is an a. */
static const char across[] =
    "{\"added_tokens\": [{\"id\": 0, \"content\": \"<unk>\", \"special\": true, \"single_word\": "
    "false, \"lstrip\": false, \"rstrip\": false, \"normalized\": false}, {\"id\": 1, \"content\": "
    "\"<s>\", \"special\": true, \"single_word\": false, \"lstrip\": false, \"rstrip\": false, "
    "\"normalized\": false}], \"normalizer\": {\"type\": \"Sequence\", \"normalizers\": "
    "[{\"type\": "
    "\"Prepend\", \"prepend\": \"\xe2\x96\x81\"}, {\"type\": \"Replace\", \"pattern\": "
    "{\"String\": \" \"}, \"content\": \"\xe2\x96\x81\"}]}, \"pre_tokenizer\": null, "
    "\"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": [{\"SpecialToken\": "
    "{\"id\": \"<s>\", \"type_id\": 0}}, {\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}], "
    "\"pair\": [], \"special_tokens\": {\"<s>\": {\"id\": \"<s>\", \"ids\": [1], \"tokens\": "
    "[\"<s>\"]}}}, \"decoder\": null, \"model\": {\"type\": \"BPE\", \"dropout\": null, "
    "\"unk_token\": \"<unk>\", \"continuing_subword_prefix\": null, \"end_of_word_suffix\": null, "
    "\"fuse_unk\": true, \"byte_fallback\": false, \"vocab\": {\"<unk>\": 0, \"<s>\": 1, \"\\n\": "
    "2, \":\": 3, \"\xe2\x96\x81\": 4, \"a\": 5, \"e\": 6, \"n\": 7, \"o\": 8, \"s\": 9, \"y\": "
    "10, \".\": 11, \"7\": 12, \"\xe2\x96\x81"
    "a\": 13, \":\xe2\x96\x81\": 14, \"ay\": 15, \".\\n\": 16, \"es\": 17}, \"merges\": "
    "[\"\xe2\x96\x81 a\", \": \xe2\x96\x81\", \"a y\", \". \\n\", \"e s\"]}}";

/* Words between spaces. */
static const char words_json[] =
    "{\"added_tokens\": [], \"normalizer\": null, \"pre_tokenizer\": {\"type\": "
    "\"WhitespaceSplit\"}, \"post_processor\": null, \"decoder\": null, \"model\": {\"type\": "
    "\"WordLevel\", \"unk_token\": \"<unk>\", \"vocab\": {\"<unk>\": 0, \"one\": 1, \"two\": 2, "
    "\"three\": 3, \":\": 4, \"yes\": 5, \"no\": 6, \"indeed\": 7}}}";

static wane_tokenizer *load(const char *json)
{
    wane_error err;
    wane_tokenizer *tokenizer = NULL;
    CHECK_OK(wane_tokenizer_parse(&tokenizer, json, strlen(json), "test", &err));
    return tokenizer;
}

/* A task of one split in memory; wane_task_free must not be called. */
static wane_task task_of(const wane_row *rows, size_t count, const wane_label *labels,
                         size_t label_count)
{
    wane_task task = {.name = "memory", .label_count = label_count, .labels = labels};
    task.rows[WANE_SPLIT_TRAIN] = count;
    task.row[WANE_SPLIT_TRAIN] = rows;
    task.tail = rows[0].after;
    return task;
}

/* Every prompt with every label is what the tokenizer makes of the whole text. */
static void joins(const wane_task *task, const wane_prompts *prompts,
                  const wane_tokenizer *tokenizer)
{
    wane_error err;
    wane_text text = {0};
    wane_tokens ids = {0};
    for (size_t i = 0; i < prompts->rows; i++)
        for (size_t l = 0; l < prompts->label_count; l++) {
            const wane_row *row = &task->row[WANE_SPLIT_TRAIN][i];
            wane_text_clear(&text);
            wane_text_printf(&text, "%s%s%s%s", row->before, row->text, row->after,
                             task->labels[l].verbalizer);
            CHECK_OK(wane_text_check(&text, "test", "text", &err));
            ids.count = 0;
            CHECK_OK(wane_tokenizer_encode(tokenizer, text.data, text.length, true, &ids, &err));
            size_t length = prompts->starts[i + 1] - prompts->starts[i];
            size_t label = prompts->label_starts[l + 1] - prompts->label_starts[l];
            assert_int_equal(ids.count, length + label);
            assert_memory_equal(ids.ids, prompts->ids + prompts->starts[i],
                                length * sizeof *ids.ids);
            assert_memory_equal(ids.ids + length, prompts->label_ids + prompts->label_starts[l],
                                label * sizeof *ids.ids);
        }
    wane_text_free(&text);
    wane_tokens_free(&ids);
}

static void label_is(const wane_prompts *prompts, size_t label, const int32_t *ids, size_t count)
{
    assert_int_equal(prompts->label_starts[label + 1] - prompts->label_starts[label], count);
    assert_memory_equal(prompts->label_ids + prompts->label_starts[label], ids,
                        count * sizeof *ids);
}
#define LABEL_IS(prompts, label, ...)                                                              \
    label_is(prompts, label, (const int32_t[]){__VA_ARGS__},                                       \
             sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t))

static void boundary_moves_to_what_labels_share(void **state)
{
    (void)state;
    wane_error err;
    wane_tokenizer *tokenizer = load(across);
    const wane_row rows[] = {{"", "no yes", "\n:", 0, 0}, {"", "seen.", "\n:", 1, 1}};
    wane_prompts prompts;

    /* Both labels follow ":_": it becomes the end of every prompt. */
    const wane_label two[] = {{"0", " yes"}, {"1", " no"}};
    wane_task task = task_of(rows, 2, two, 2);
    CHECK_OK(wane_task_encode(&prompts, &task, WANE_SPLIT_TRAIN, tokenizer, 64, &err));
    LABEL_IS(&prompts, 0, 10, 17);
    LABEL_IS(&prompts, 1, 7, 8);
    assert_int_equal(prompts.ids[prompts.starts[1] - 1], 14);
    assert_int_equal(prompts.longest_label, 2);
    assert_int_equal(prompts.apart_rows, 0);
    assert_int_equal(prompts.labels[1], 1);
    joins(&task, &prompts, tokenizer);
    wane_prompts_free(&prompts);

    /* One of them does not: what of the tail merges goes to the labels. */
    const wane_label mixed[] = {{"0", " yes"}, {"1", " a"}};
    task = task_of(rows, 2, mixed, 2);
    CHECK_OK(wane_task_encode(&prompts, &task, WANE_SPLIT_TRAIN, tokenizer, 64, &err));
    LABEL_IS(&prompts, 0, 14, 10, 17);
    LABEL_IS(&prompts, 1, 3, 13);
    assert_int_equal(prompts.ids[prompts.starts[1] - 1], 2);
    joins(&task, &prompts, tokenizer);
    wane_prompts_free(&prompts);

    /* A label that begins another: the shared start may not swallow it. */
    const wane_label nested[] = {{"0", " "}, {"1", " s"}};
    task = task_of(rows, 2, nested, 2);
    CHECK_OK(wane_task_encode(&prompts, &task, WANE_SPLIT_TRAIN, tokenizer, 64, &err));
    LABEL_IS(&prompts, 0, 14);
    LABEL_IS(&prompts, 1, 14, 9);
    joins(&task, &prompts, tokenizer);
    wane_prompts_free(&prompts);

    /* No merge across the boundary: the tail's ids stay whole. */
    const wane_label clean[] = {{"0", "yes"}, {"1", "no"}};
    task = task_of(rows, 2, clean, 2);
    CHECK_OK(wane_task_encode(&prompts, &task, WANE_SPLIT_TRAIN, tokenizer, 64, &err));
    LABEL_IS(&prompts, 0, 10, 17);
    assert_int_equal(prompts.ids[prompts.starts[1] - 1], 3);
    joins(&task, &prompts, tokenizer);
    wane_prompts_free(&prompts);
    wane_tokenizer_free(tokenizer);
}

static void labels_that_cannot_be(void **state)
{
    (void)state;
    wane_error err;
    wane_tokenizer *tokenizer = load(across);
    wane_prompts prompts = {.rows = 77};
    const wane_row bare[] = {{"", "no", "", 0, 0}};
    const wane_row cued[] = {{"", "no", "\n:", 0, 0}};
    const wane_row spaced[] = {{"", "no", " : ", 0, 0}};
    const wane_label merging[] = {{"0", "\ny"}, {"1", "\nno"}}; /* ".\n" is one token */
    wane_task task = task_of(bare, 1, merging, 2);
    CHECK_FAILS(wane_task_encode(&prompts, &task, WANE_SPLIT_TRAIN, tokenizer, 64, &err),
                WANE_EINVAL, "depend on the text before it; end the template in a cue");
    const wane_label unknown[] = {{"0", " yes"}, {"1", " zzz"}};
    task = task_of(cued, 1, unknown, 2);
    CHECK_FAILS(wane_task_encode(&prompts, &task, WANE_SPLIT_TRAIN, tokenizer, 64, &err),
                WANE_EINVAL, "encode task: memory: the tokenizer does not know label \" zzz\"");
    const wane_label fine[] = {{"0", " yes"}, {"1", " no"}};
    task = task_of(cued, 1, fine, 2);
    CHECK_FAILS(wane_task_encode(&prompts, &task, WANE_SPLIT_TRAIN, tokenizer, 2, &err),
                WANE_EINVAL, "the longest label has 2 tokens, the limit is 2");
    CHECK_FAILS(wane_task_encode(&prompts, &task, WANE_SPLIT_TRAIN, tokenizer, 5, &err),
                WANE_EINVAL, "template and label alone need");
    assert_int_equal(prompts.rows, 77);
    wane_tokenizer_free(tokenizer);
    tokenizer = load(words_json);
    const wane_label same[] = {{"0", "yes "}, {"1", " yes"}};
    task = task_of(spaced, 1, same, 2);
    CHECK_FAILS(wane_task_encode(&prompts, &task, WANE_SPLIT_TRAIN, tokenizer, 64, &err),
                WANE_EINVAL, "have the same tokens");
    const wane_label nothing[] = {{"0", " yes"}, {"1", " "}};
    task = task_of(spaced, 1, nothing, 2);
    CHECK_FAILS(wane_task_encode(&prompts, &task, WANE_SPLIT_TRAIN, tokenizer, 64, &err),
                WANE_EINVAL, "label \" \" has no tokens");
    wane_tokenizer_free(tokenizer);
}

static void long_texts_lose_words(void **state)
{
    (void)state;
    wane_error err;
    wane_tokenizer *tokenizer = load(words_json);
    static const char *const words[] = {"one", "two", "three", "unheard"};
    const wane_label labels[] = {{"0", " yes"}, {"1", " no indeed"}};
    for (uint64_t trial = 0; trial < 200; trial++) {
        wane_random where = {.seed = 8, .purpose = WANE_RANDOM_TEST, .step = trial};
        size_t count = 1 + wane_random_below(&where, 0, 60), kept_most = 0;
        size_t limit = 5 + wane_random_below(&where, 1, 40);
        int picks[64];
        wane_text text = {0};
        for (size_t i = 0; i < count; i++) {
            picks[i] = (int)wane_random_below(&where, 2 + i, 4);
            wane_text_printf(&text, "%s%s", i ? "  " : "", words[picks[i]]);
        }
        const wane_row rows[] = {{"two ", text.data, " one :", 1, 0}};
        wane_task task = task_of(rows, 1, labels, 2);
        task.truncate_left = trial % 2;
        wane_prompts prompts;
        CHECK_OK(wane_task_encode(&prompts, &task, WANE_SPLIT_TRAIN, tokenizer, limit, &err));
        kept_most = limit - 2 - 3; /* label, template */
        size_t kept = count < kept_most ? count : kept_most;
        assert_int_equal(prompts.starts[1], kept + 3);
        assert_int_equal(prompts.cut_rows, kept < count);
        assert_int_equal(prompts.cut_tokens, count - kept);
        assert_int_equal(prompts.ids[0], 2);
        assert_int_equal(prompts.ids[kept + 2], 4);
        size_t unknown = 0;
        for (size_t i = 0; i < kept; i++) {
            int pick = picks[task.truncate_left ? count - kept + i : i];
            assert_int_equal(prompts.ids[1 + i], pick < 3 ? pick + 1 : 0);
            unknown += pick == 3;
        }
        assert_int_equal(prompts.unknown_tokens, unknown);
        assert_int_equal(prompts.first_cut, kept == count);
        if (kept < count) {
            size_t end = prompts.cut_from + prompts.cut_kept, seen = 1;
            assert_int_equal(prompts.cut_lost, count - kept);
            assert_int_equal(task.truncate_left ? end : prompts.cut_from,
                             task.truncate_left ? text.length : 0);
            for (size_t i = prompts.cut_from; i + 1 < end; i++)
                seen += text.data[i] == ' ' && text.data[i + 1] != ' ';
            assert_int_equal(kept ? seen : prompts.cut_kept, kept);
        }
        wane_prompts_free(&prompts);
        wane_text_free(&text);
    }
    wane_tokenizer_free(tokenizer);
}

static void the_first_row_that_is_cut_is_told(void **state)
{
    (void)state;
    wane_error err;
    wane_tokenizer *tokenizer = load(words_json);
    static const wane_row rows[] = {{"two ", "one", " one :", 0, 0},
                                    {"two ", "one two three one two", " one :", 1, 1},
                                    {"two ", "one two three one two three", " one :", 1, 2}};
    const wane_label labels[] = {{"0", " yes"}, {"1", " no indeed"}};
    wane_task task = task_of(rows, 3, labels, 2);
    wane_prompts prompts;
    CHECK_OK(wane_task_encode(&prompts, &task, WANE_SPLIT_TRAIN, tokenizer, 8, &err));
    assert_int_equal(prompts.cut_rows, 2);
    assert_int_equal(prompts.first_cut, 1);
    assert_int_equal(prompts.cut_lost, 2);
    assert_int_equal(prompts.cut_kept, strlen("one two three"));
    wane_prompts_free(&prompts);
    wane_tokenizer_free(tokenizer);
}

/* Without spaces to cut at, whole characters go; what is left is the start or end of the text. */
static void texts_without_spaces_lose_characters(void **state)
{
    (void)state;
    wane_error err;
    wane_tokenizer *tokenizer = load(across);
    char text[1201];
    for (size_t i = 0; i < 400; i++) memcpy(text + 3 * i, i % 7 ? "\xe2\x96\x81" : "nos", 3);
    text[1200] = '\0';
    const wane_row rows[] = {{"", text, "\n:", 1, 0}};
    const wane_label labels[] = {{"0", " yes"}, {"1", " no"}};
    for (int left = 0; left < 2; left++) {
        wane_task task = task_of(rows, 1, labels, 2);
        task.truncate_left = left;
        wane_prompts prompts;
        CHECK_OK(wane_task_encode(&prompts, &task, WANE_SPLIT_TRAIN, tokenizer, 100, &err));
        assert_int_equal(prompts.starts[1], 98);
        assert_int_equal(prompts.unknown_tokens, 0); /* no character was torn */
        assert_int_equal(prompts.cut_rows, 1);
        wane_prompts_free(&prompts);
    }
    wane_tokenizer_free(tokenizer);
}

/* A cut between words stops short of the limit: what is counted is what went, token by token. */
static void cut_tokens_are_those_that_went(void **state)
{
    (void)state;
    wane_error err;
    wane_tokenizer *tokenizer = load(across);
    const wane_label labels[] = {{"0", " yes"}, {"1", " no"}}; /* two tokens each, after ":_" */
    /* <s>; "_no", "_yes" and both again, of three tokens each; "\n"; ":_" */
    const wane_row rows[] = {{"", "no yes no yes", "\n:", 0, 0}};
    static const int32_t kept[] = {1, 4, 7, 8, 4, 10, 17, 2, 14};
    wane_task task = task_of(rows, 1, labels, 2);
    wane_prompts prompts;
    CHECK_OK(wane_task_encode(&prompts, &task, WANE_SPLIT_TRAIN, tokenizer, 15 + 2, &err));
    assert_int_equal(prompts.starts[1], 15);
    assert_int_equal(prompts.cut_rows, 0);
    assert_int_equal(prompts.cut_tokens, 0);
    wane_prompts_free(&prompts);
    CHECK_OK(wane_task_encode(&prompts, &task, WANE_SPLIT_TRAIN, tokenizer, 11 + 2, &err));
    assert_int_equal(prompts.starts[1], 9);
    assert_memory_equal(prompts.ids, kept, sizeof kept);
    assert_int_equal(prompts.cut_rows, 1);
    assert_int_equal(prompts.cut_tokens, 15 - 9);
    wane_prompts_free(&prompts);
    wane_tokenizer_free(tokenizer);
}

/* "e" and the label's "s" are one token, which no stand-in told: that row is encoded apart. */
static void rows_that_do_not_join_are_counted(void **state)
{
    (void)state;
    wane_error err;
    wane_tokenizer *tokenizer = load(across);
    const wane_label labels[] = {{"0", "s"}, {"1", "n"}};
    const wane_row rows[] = {{"", "no", "", 0, 0}, {"", "one", "", 1, 1}, {"", "e", "", 0, 2}};
    static const int32_t ids[] = {1, 4, 7, 8, /* no */ 1, 4, 8, 7, 6, /* one */ 1, 4, 6 /* e */};
    wane_task task = task_of(rows, 3, labels, 2);
    wane_prompts prompts;
    CHECK_OK(wane_task_encode(&prompts, &task, WANE_SPLIT_TRAIN, tokenizer, 64, &err));
    LABEL_IS(&prompts, 0, 9);
    LABEL_IS(&prompts, 1, 7);
    assert_int_equal(prompts.starts[3], sizeof ids / sizeof *ids);
    assert_memory_equal(prompts.ids, ids, sizeof ids);
    assert_int_equal(prompts.apart_rows, 2);
    wane_prompts_free(&prompts);
    wane_tokenizer_free(tokenizer);
}

static void memory_runs_out_anywhere(void **state)
{
    (void)state;
    wane_tokenizer *tokenizer = load(across);
    const wane_row rows[] = {{"", "no yes no yes no yes no yes", "\n:", 0, 0}};
    const wane_label labels[] = {{"0", " yes"}, {"1", " no"}};
    wane_task task = task_of(rows, 1, labels, 2);
    wane_status st = WANE_ENOMEM;
    for (long n = 0; n < 2000 && st != WANE_OK; n++) {
        wane_error err = {0};
        wane_prompts prompts = {0};
        wane_memory_fail_after(n);
        st = wane_task_encode(&prompts, &task, WANE_SPLIT_TRAIN, tokenizer, 16, &err);
        wane_memory_fail_after(-1);
        assert_true(st == WANE_OK || st == WANE_ENOMEM);
        wane_prompts_free(&prompts);
    }
    assert_int_equal(st, WANE_OK);
    wane_tokenizer_free(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boundary_moves_to_what_labels_share),
        cmocka_unit_test(labels_that_cannot_be),
        cmocka_unit_test(long_texts_lose_words),
        cmocka_unit_test(the_first_row_that_is_cut_is_told),
        cmocka_unit_test(texts_without_spaces_lose_characters),
        cmocka_unit_test(cut_tokens_are_those_that_went),
        cmocka_unit_test(rows_that_do_not_join_are_counted),
        cmocka_unit_test(memory_runs_out_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
