/* SPDX-License-Identifier: Apache-2.0
 * The readers on real files: those of the folder WANE_DATA.
 */
#include <stdlib.h>
#include <string.h>

#include "store/base/memory.h"
#include "store/files/entries.h"
#include "store/files/file.h"
#include "store/files/json.h"
#include "tests/support/support.h"

static const char *data;

static size_t vocabulary(const char *path, const char *token, int64_t id)
{
    wane_error err;
    wane_json *root = NULL;
    char *whole = wane_path_join(data, path);
    int64_t found = -1;
    CHECK_OK(load_json(&root, whole, &err));
    const wane_json *words = wane_json_get(wane_json_get(root, "model"), "vocab");
    size_t size = wane_json_size(words);
    assert_true(wane_json_integer(&found, wane_json_get(words, token)));
    assert_int_equal(found, id);
    wane_json_free(root);
    wane_free(whole);
    return size;
}

static void tokenizers_are_read(void **state)
{
    (void)state;
    assert_int_equal(vocabulary("tokenizers/gpt2/tokenizer.json", "<|endoftext|>", 50256), 50257);
    assert_int_equal(vocabulary("models/TinyStories-656K/tokenizer.json", "<|end_story|>", 2),
                     2048);
    wane_error err;
    wane_json *root = NULL;
    double length = 0;
    char *path = wane_path_join(data, "models/TinyStories-656K/tokenizer_config.json");
    CHECK_OK(load_json(&root, path, &err)); /* int(1e30) in it */
    assert_true(wane_json_number(&length, wane_json_get(root, "model_max_length")));
    assert_true(length == 1e30);
    wane_json_free(root);
    wane_free(path);
}

/* Every line of every task is JSON on its own; the lines are those the text has. */
static void tasks_are_streamed(void **state)
{
    (void)state;
    wane_error err;
    wane_entries *entries = NULL;
    const char *name = NULL;
    size_t files = 0, lines = 0;
    char *path = wane_path_join(data, "tasks");
    CHECK_OK(wane_entries_open(&entries, path, NULL, &err));
    wane_status st;
    for (; (st = wane_entries_next(entries, &name, &err)) == WANE_OK; files++) {
        char *bytes = NULL, *rest = NULL;
        size_t count = 0;
        CHECK_OK(wane_entries_read_all(entries, &bytes, &count, &err));
        assert_true(strlen(bytes) == count);
        if (!strstr(name, ".jsonl")) {
            wane_free(bytes);
            continue;
        }
        for (char *line = strtok_r(bytes, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
            wane_json *row = NULL;
            CHECK_OK(wane_json_parse(&row, line, strlen(line), name, &err));
            assert_int_equal(wane_json_kind_of(row), WANE_JSON_OBJECT);
            wane_json_free(row);
            lines++;
        }
        wane_free(bytes);
    }
    if (st != WANE_DONE) fail_msg("%s", err.message);
    wane_entries_close(entries);
    wane_free(path);
    assert_true(files >= 16 && lines >= 8000);
}

int main(void)
{
    data = getenv("WANE_DATA");
    if (!data) return 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokenizers_are_read),
        cmocka_unit_test(tasks_are_streamed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
