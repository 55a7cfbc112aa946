/* SPDX-License-Identifier: Apache-2.0
 * Tokenizers from folders without a tokenizer.json. Expected ids: AutoTokenizer of transformers
 * 5.24 on the same folders (reference/compare_tokenizer_files.py compares real ones).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/memory.h"
#include "tasks/text/tokenizer.h"
#include "tests/support/pack.h"
#include "tests/support/support.h"
#include "tests/unit/text/folders.h"

/* JSON is written with ' for ". */
static const char vocabulary[] = "{'a':0,'b':1,'ab':2,'\xc4\xa0':3,'\xc4\xa0"
                                 "a':4,'<s>':5,'</s>':6,'<unk>':7,'<pad>':8,'<mask>':9,'\xc4\xa0"
                                 "ab':10,'e\xcc\x81':11}";
static const char merges[] = "#version: 0.2\na b\n\xc4\xa0 a\n\xc4\xa0 ab\r\n";

static void a_class_says_how_pairs_of_files_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *model, *config, *text, *ids;
    } cases[] = {
        {NULL, NULL, "ab ab<s>", "5 2 10 5 6"}, /* all of RoBERTa's tokens are there */
        {"{'model_type':'roberta'}", NULL, "ab ab<mask>", "5 2 10 9 6"},
        {"{'model_type':'gpt2'}", NULL, "ab<|endoftext|> ab", "2 12 10"},
        {"{'model_type':'gpt2'}", "{'add_prefix_space':true,'add_bos_token':true}", "ab", "12 10"},
        {"{'model_type':'olmo2'}", "{'tokenizer_class':'GPT2TokenizerFast'}", "ab", "2"},
        {"{'tokenizer_class':'GPT2Tokenizer','model_type':'roberta'}", NULL, "ab", "2"},
        {NULL, "{'tokenizer_class':'BartTokenizer','cls_token':'<pad>'}", "a", "8 0 6"},
        {NULL, "{'tokenizer_class':'GPTNeoXTokenizer'}", "a<|padding|>", "0 13"},
        {"{'model_type':'qwen3'}", "{'bos_token':null}", " ab<|endoftext|>", "10 12"},
    };
    folder_put("merges.txt", merges);
    folder_put("vocab.json", vocabulary);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wane_error err;
        wane_tokenizer *tokenizer = NULL;
        char ids[512];
        folder_put("config.json", cases[i].model);
        folder_put("tokenizer_config.json", cases[i].config);
        CHECK_OK(wane_tokenizer_load(&tokenizer, scratch_folder(), &err));
        folder_ids(ids, tokenizer, cases[i].text);
        if (strcmp(ids, cases[i].ids) != 0) print_error("case %zu\n", i);
        assert_string_equal(ids, cases[i].ids);
        wane_tokenizer_free(tokenizer);
    }
}

static void a_tokenizer_json_comes_first(void **state)
{
    (void)state;
    wane_error err;
    wane_tokenizer *tokenizer = NULL;
    folder_put("merges.txt", merges);
    folder_put("vocab.json", vocabulary);
    folder_put("tokenizer.json", "{'model':{'type':'BPE','vocab':{'q':0},'merges':[]}}");
    CHECK_OK(wane_tokenizer_load(&tokenizer, scratch_folder(), &err));
    assert_int_equal(wane_tokenizer_size(tokenizer), 1);
    wane_tokenizer_free(tokenizer);
}

static void an_archive_is_read_as_its_folder(void **state)
{
    (void)state;
    wane_error err;
    wane_tokenizer *folder = NULL, *packed = NULL;
    char file[3][1024], path[1024];
    const char *names[] = {"config.json", "merges.txt", "vocab.json"};
    packed_file files[3];
    folder_put("merges.txt", merges);
    folder_put("vocab.json", vocabulary);
    folder_put("config.json", "{'model_type':'gpt2'}");
    CHECK_OK(wane_tokenizer_load(&folder, scratch_folder(), &err));
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(file[i], sizeof file[i], "%s", scratch_path(names[i]));
        files[i] = (packed_file){names[i], file[i]};
    }
    (void)snprintf(path, sizeof path, "%s", scratch_path("model.tar.gz"));
    pack(path, files, 3);
    CHECK_OK(wane_tokenizer_load(&packed, path, &err));
    assert_string_equal(wane_tokenizer_sha256(packed), wane_tokenizer_sha256(folder));
    wane_tokenizer_free(folder);
    wane_tokenizer_free(packed);
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *vocabulary, *merges, *model, *config, *named;
    } cases[] = {
        {"{'a':0", merges, NULL, NULL, "vocab.json"},
        {"[]", merges, NULL, NULL, "\"vocab\" is no object"},
        {"{'a':-1}", "", NULL, NULL, "\"a\" has no id"},
        {"{'a':0}", "a", NULL, NULL, "merges.txt: line 1"},
        {"{'a':0}", "#version: 0.2\na b c\n", NULL, NULL, "merges.txt: line 2"},
        {"{'a':0}", "a b\n\n", NULL, NULL, "merges.txt: line 2"},
        {"{'a':0}", "a \xff\n", NULL, NULL, "line 1: no UTF-8"},
        {"{'a':0}", "a b\n", NULL, NULL, "\"b\" is not in the vocabulary"},
        {"{'a':0}", "", NULL, "{'tokenizer_class':'NewTokenizer'}", "\"NewTokenizer\""},
        {"{'a':0}", "", NULL, "{'tokenizer_class':'NewTokenizer'}", "GPT2Tokenizer"},
        {"{'a':0}", "", "{'model_type':'novel'}", NULL, "config.json: model_type \"novel\""},
        {"{'a':0}", "", "{'model_type':' codegen'}", NULL, "model_type \" codegen\""},
        {"{'a':0}", "", "{'model_type':'gpt2 gpt_neo'}", NULL, "model_type \"gpt2 gpt_neo\""},
        {"{'a':0}", "", NULL, "{'add_prefix_space':1}", "add_prefix_space"},
        {"{'a':0}", NULL, NULL, NULL, "vocab.json with merges.txt"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wane_error err = {0};
        wane_tokenizer *tokenizer = NULL;
        folder_put("vocab.json", cases[i].vocabulary);
        folder_put("merges.txt", cases[i].merges);
        folder_put("config.json", cases[i].model);
        folder_put("tokenizer_config.json", cases[i].config);
        wane_status st = wane_tokenizer_load(&tokenizer, scratch_folder(), &err);
        if (st == WANE_OK || !strstr(err.message, cases[i].named))
            print_error("case %zu: %s\n", i, st == WANE_OK ? "accepted" : err.message);
        assert_int_equal(st, cases[i].merges ? WANE_EFORMAT : WANE_ENOTFOUND);
        assert_non_null(strstr(err.message, cases[i].named));
        assert_null(tokenizer);
    }
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    folder_put("merges.txt", merges);
    folder_put("vocab.json", vocabulary);
    folder_put("tokenizer_config.json", "{'tokenizer_class':'RobertaTokenizer'}");
    for (long n = 0;; n++) {
        wane_error err;
        wane_tokenizer *tokenizer = NULL;
        wane_memory_fail_after(n);
        wane_status st = wane_tokenizer_load(&tokenizer, scratch_folder(), &err);
        wane_memory_fail_after(-1);
        wane_tokenizer_free(tokenizer);
        if (st == WANE_OK) break;
        assert_int_equal(st, WANE_ENOMEM);
        assert_true(n < 1000);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_class_says_how_pairs_of_files_are_read), CASE(a_tokenizer_json_comes_first),
        CASE(an_archive_is_read_as_its_folder),         CASE(what_is_wrong_is_named),
        CASE(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
