/* SPDX-License-Identifier: Apache-2.0
 * Tokens that stand in the files beside a tokenizer.json. Expected ids: PreTrainedTokenizerFast of
 * transformers 5.24 on the same folders (reference/compare_added_tokens.py compares many more).
 */
#include <stdlib.h>
#include <string.h>

#include "store/base/hash.h"
#include "store/base/memory.h"
#include "tasks/text/tokenizer.h"
#include "tests/support/support.h"
#include "tests/unit/text/folders.h"

/* JSON is written with ' for ". */
static const char tokenizer_json[] =
    "{'version':'1.0','added_tokens':[{'id':6,'content':'<s>','single_word':false,'lstrip':false,"
    "'rstrip':false,'normalized':false,'special':true}],'model':{'type':'BPE','unk_token':'?',"
    "'vocab':{'?':0,'a':1,'b':2,'ab':3,' ':4,'x':5},'merges':['a b']}}";

static wane_status open_folder(wane_tokenizer **out, const char *config, const char *map,
                               const char *older, wane_error *err)
{
    folder_put("tokenizer.json", tokenizer_json);
    folder_put("tokenizer_config.json", config);
    folder_put("special_tokens_map.json", map);
    folder_put("added_tokens.json", older);
    return wane_tokenizer_load(out, scratch_folder(), err);
}

static void tokens_beside_are_added_as_in_transformers(void **state)
{
    (void)state;
    static const struct {
        const char *config, *map, *older, *text, *ids;
    } cases[] = {
        {"{'added_tokens_decoder':{'7':{'content':'<p>','special':true}}}", NULL, NULL, "<p>x a",
         "7 5 4 1"},
        {"{'added_tokens_decoder':{'8':{'content':'<q>','lstrip':true,'rstrip':true},'7':{'content'"
         ":'<p>'}}}",
         NULL, NULL, "<p> <q> x <q>", "7 8 5 8"},
        {"{'added_tokens_decoder':{'6':{'content':'<s>','special':true,'normalized':false,'rstrip':"
         "true}}}",
         NULL, NULL, "<s>  x", "6 5"},
        {"{'pad_token':'<p>','bos_token':'<s>'}", NULL, NULL, "<p>x<s> a", "7 5 6 4 1"},
        {"{'pad_token':{'__type':'AddedToken','content':'<p>','lstrip':true,'single_word':true}}",
         NULL, NULL, "x <p> a<p>", "5 7 4 1 0 0 0"},
        {"{'extra_special_tokens':['<p>','<q>']}", NULL, NULL, "<q><p>", "8 7"},
        {"{'additional_special_tokens':['<p>',{'__type':'AddedToken','content':'<q>','rstrip':true}"
         "]}",
         NULL, NULL, "<q> <p> ", "8 7 4"},
        {"{'extra_special_tokens':['<p>'],'additional_special_tokens':['<q>']}", NULL, NULL,
         "<q><p>", "0 0 0 7"},
        {"{'extra_special_tokens':{'image_token':'<p>'},'turn_token':'<q>'}", NULL, NULL, "<q><p>",
         "7 8"},
        {"{'unk_token':'?','sep_token':'ab','cls_token':'xa'}", NULL, NULL, "xab?", "7 2 0"},
        {"{'bos_token':'<p>'}", "{'bos_token':{'content':'<q>','rstrip':true}}", NULL, "<p> <q> x",
         "0 0 0 4 7 5"},
        {"{'bos_token':'<p>','added_tokens_decoder':{}}",
         "{'bos_token':{'content':'<q>','rstrip':true}}", "{'<t>':7}", "<p> <q> <t>x",
         "7 4 0 0 0 4 0 0 0 5"},
        {NULL, "{'pad_token':'<p>'}", "{'<q>':8,'<p>':7}", "<p><q>", "7 8"},
        {NULL, NULL, "{'<q>':7}", "x<q>", "5 7"},
        {"{'pad_token':null}", "{'additional_special_tokens':['<p>']}", NULL, "<p>x", "7 5"},
        {"{'pad_token':'<s>','split_special_tokens':true}", NULL, NULL, "<s>x", "0 0 0 5"},
        {"{'added_tokens_decoder':{'7':{'content':'<p>','special':false}},'split_special_tokens':"
         "true}",
         NULL, NULL, "<s><p>x", "0 0 0 7 5"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wane_error err;
        wane_tokenizer *tokenizer = NULL;
        char got[512];
        CHECK_OK(open_folder(&tokenizer, cases[i].config, cases[i].map, cases[i].older, &err));
        folder_ids(got, tokenizer, cases[i].text);
        if (strcmp(got, cases[i].ids) != 0) print_error("case %zu\n", i);
        assert_string_equal(got, cases[i].ids);
        wane_tokenizer_free(tokenizer);
    }
}

static void the_first_and_last_token_may_be_new(void **state)
{
    (void)state;
    wane_error err;
    wane_tokenizer *tokenizer = NULL;
    char got[512];
    CHECK_OK(open_folder(&tokenizer,
                         "{'bos_token':'<p>','eos_token':{'content':'<q>'},'add_bos_token':true,"
                         "'add_eos_token':true,'model_max_length':1000000000000000019884624838656}",
                         NULL, NULL, &err));
    folder_ids(got, tokenizer, "ab");
    assert_string_equal(got, "7 3 8");
    assert_int_equal(wane_tokenizer_bos(tokenizer), 7);
    assert_int_equal(wane_tokenizer_eos(tokenizer), 8);
    assert_int_equal(wane_tokenizer_size(tokenizer), 9);
    assert_string_equal(wane_tokenizer_token(tokenizer, 8), "<q>");
    wane_tokenizer_free(tokenizer);
}

/* Keys in databases hold the hash: it changes only with what is read. */
static void the_hash_follows_what_is_read(void **state)
{
    (void)state;
    wane_error err;
    static const char *const same[] = {
        NULL,
        "{'bos_token':'<s>','added_tokens_decoder':{'6':{'content':'<s>','special':true,"
        "'normalized':false,'lstrip':false,'rstrip':false,'single_word':false}}}",
        "{'pad_token':'<s>','unk_token':null,'added_tokens_decoder':{'6':{'content':'<s>',"
        "'special':false,'normalized':false}},'extra_special_tokens':['<s>']}",
        "{'bos_token':'<s>','add_bos_token':true,'chat_template':'x','extra_special_tokens':{}}",
    };
    static const char *const other[] = {
        "{'pad_token':'<p>'}",
        "{'pad_token':'<q>'}",
        "{'pad_token':{'__type':'AddedToken','content':'<q>','rstrip':true}}",
        "{'pad_token':'a'}",
        "{'added_tokens_decoder':{'6':{'content':'<s>','special':true,'rstrip':true}}}",
        "{'split_special_tokens':true}",
    };
    enum { SAME = sizeof same / sizeof *same, OTHER = sizeof other / sizeof *other };
    wane_tokenizer *tokenizers[SAME + OTHER] = {0};
    char alone[WANE_SHA256_HEX];
    folder_put("tokenizer.json", tokenizer_json);
    size_t bytes = 0;
    char *file = read_file(scratch_path("tokenizer.json"), &bytes);
    CHECK_OK(wane_sha256_bytes(alone, file, bytes, &err));
    free(file);
    for (size_t i = 0; i < SAME + OTHER; i++)
        CHECK_OK(
            open_folder(&tokenizers[i], i < SAME ? same[i] : other[i - SAME], NULL, NULL, &err));
    for (size_t i = 0; i < SAME; i++)
        assert_string_equal(wane_tokenizer_sha256(tokenizers[i]), alone);
    for (size_t i = SAME; i < SAME + OTHER; i++)
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(wane_tokenizer_sha256(tokenizers[i]),
                                    wane_tokenizer_sha256(tokenizers[k]));
    for (size_t i = 0; i < SAME + OTHER; i++) wane_tokenizer_free(tokenizers[i]);
}

static void contradictions_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *config, *map, *older, *named;
    } cases[] = {
        {"{'added_tokens_decoder':{'8':{'content':'<p>'}}}", NULL, NULL,
         "tokenizer_config.json: added_tokens_decoder: \"<p>\" has id 8 where the vocabulary gives "
         "7"},
        {"{'added_tokens_decoder':{'5':{'content':'<p>'}}}", NULL, NULL, "\"<p>\" has id 5"},
        {"{'added_tokens_decoder':{'5':{'content':'a'}}}", NULL, NULL, "gives 1"},
        {"{'added_tokens_decoder':{'7':{'content':'<s>'}}}", NULL, NULL,
         "has id 7, and 6 in tokenizer.json"},
        {NULL, NULL, "{'<p>':9}", "added_tokens.json: file: \"<p>\" has id 9"},
        {NULL, NULL, "{'<p>':'7'}", "has no id"},
        {NULL, NULL, "[]", "added_tokens.json"},
        {"[]", NULL, NULL, "tokenizer_config.json"},
        {"{'added_tokens_decoder':null}", NULL, NULL, "added_tokens_decoder: is no object"},
        {"{'added_tokens_decoder':{'x':{'content':'<p>'}}}", NULL, NULL, "\"x\" is no id"},
        {"{'added_tokens_decoder':{'99999999999999999999':{'content':'<p>'}}}", NULL, NULL,
         "no id"},
        {"{'added_tokens_decoder':{'7':'<p>'}}", NULL, NULL, "token 7 is no object"},
        {"{'added_tokens_decoder':{'7':{'special':true}}}", NULL, NULL, "\"content\" is no string"},
        {"{'added_tokens_decoder':{'7':{'content':'<p>','lstrip':'no'}}}", NULL, NULL,
         "\"lstrip\""},
        {"{'bos_token':3}", NULL, NULL, "bos_token: is neither a text nor a token"},
        {"{'extra_special_tokens':'<p>'}", NULL, NULL, "extra_special_tokens: is no array"},
        {"{'extra_special_tokens':[['<p>']]}", NULL, NULL, "extra_special_tokens"},
        {"{'split_special_tokens':1}", NULL, NULL, "split_special_tokens"},
        {"{'fast_tokenizer_files':['tokenizer.json','tokenizer.4.0.0.json']}", NULL, NULL,
         "tokenizer.4.0.0.json"},
        {NULL, "[]", NULL, "special_tokens_map.json"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wane_error err = {0};
        wane_tokenizer *tokenizer = NULL;
        wane_status st =
            open_folder(&tokenizer, cases[i].config, cases[i].map, cases[i].older, &err);
        if (st == WANE_OK || !strstr(err.message, cases[i].named))
            print_error("case %zu: %s\n", i, st == WANE_OK ? "accepted" : err.message);
        assert_int_equal(st, WANE_EFORMAT);
        assert_non_null(strstr(err.message, cases[i].named));
        assert_null(tokenizer);
    }
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    for (long n = 0;; n++) {
        wane_error err;
        wane_tokenizer *tokenizer = NULL;
        folder_put("tokenizer.json", tokenizer_json);
        folder_put("tokenizer_config.json", "{'pad_token':'<p>','turn_token':'<t>',"
                                            "'extra_special_tokens':['<q>','<q>']}");
        folder_put("special_tokens_map.json", "{'bos_token':{'content':'<s>'}}");
        folder_put("added_tokens.json", "{'<r>':7}");
        wane_memory_fail_after(n);
        wane_status st = wane_tokenizer_load(&tokenizer, scratch_folder(), &err);
        wane_memory_fail_after(-1);
        wane_tokenizer_free(tokenizer);
        if (st == WANE_OK) break;
        assert_int_equal(st, WANE_ENOMEM);
        assert_true(n < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tokens_beside_are_added_as_in_transformers, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(the_first_and_last_token_may_be_new, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(the_hash_follows_what_is_read, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(contradictions_are_named, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(every_failed_allocation_is_survived, scratch_make,
                                        scratch_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
