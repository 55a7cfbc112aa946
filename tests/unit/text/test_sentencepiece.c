/* SPDX-License-Identifier: Apache-2.0
 * Models of SentencePiece: what stands beside them, what is refused, and damage. What texts become
 * is compared in numeric/text; reference/make_sentencepiece_fixtures.py made the models.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/memory.h"
#include "tasks/text/tokenizer.h"
#include "tests/support/support.h"
#include "tests/unit/text/folders.h"

static const char model_path[] = "reference/text/spm-llama.model";

static char *copy_model(size_t *bytes)
{
    char *model = read_file(model_path, bytes);
    assert_non_null(model);
    return model;
}

static void files_beside_say_what_stands_around(void **state)
{
    (void)state;
    static const struct {
        const char *model, *config, *text, *ids;
    } cases[] = {
        {NULL, NULL, "", ""},
        {NULL, NULL, "<s></s><pad>", "1 2 3"},
        {"{'model_type':'llama'}", "{'add_bos_token':true,'add_eos_token':true}", "<pad>", "1 3 2"},
        {NULL, "{'tokenizer_class':'LlamaTokenizer','add_bos_token':true,'bos_token':'<pad>'}", "",
         "3"},
        {NULL, "{'tokenizer_class':'GemmaTokenizer'}", "<bos>", "620"},
        {"{'model_type':'novel'}", "{'tokenizer_class':'PreTrainedTokenizerFast'}", "</s>", "2"},
    };
    size_t bytes = 0;
    char *model = copy_model(&bytes);
    write_file(scratch_path("tokenizer.model"), model, bytes);
    free(model);
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

/* The model begins with <unk>, <s>, </s> and has 127 pieces. */
static void classes_arrange_pieces(void **state)
{
    (void)state;
    static const struct {
        const char *config, *text, *ids;
    } cases[] = {
        {"{'tokenizer_class':'XLMRobertaTokenizer'}", "<mask><unk><pad>", "0 128 3 1 2"},
        {"{'tokenizer_class':'T5Tokenizer'}", "<extra_id_0><extra_id_99><s>", "226 127 1 2"},
        {"{'tokenizer_class':'T5TokenizerFast','extra_ids':2}", "<extra_id_1>", "127 2"},
        {"{'tokenizer_class':'AlbertTokenizer'}", "[MASK]", "127 130 128"},
    };
    size_t bytes = 0;
    char *model = read_file("reference/text/spm-unigram.model", &bytes);
    assert_non_null(model);
    write_file(scratch_path("spiece.model"), model, bytes);
    free(model);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wane_error err;
        wane_tokenizer *tokenizer = NULL;
        char ids[512];
        folder_put("tokenizer_config.json", cases[i].config);
        CHECK_OK(wane_tokenizer_load(&tokenizer, scratch_folder(), &err));
        folder_ids(ids, tokenizer, cases[i].text);
        if (strcmp(ids, cases[i].ids) != 0) print_error("case %zu\n", i);
        assert_string_equal(ids, cases[i].ids);
        wane_tokenizer_free(tokenizer);
    }
}

static void albert_takes_case_and_accents_away(void **state)
{
    (void)state;
    wane_error err;
    size_t bytes = 0;
    char ids[3][512], *model = read_file("reference/text/spm-unigram.model", &bytes);
    assert_non_null(model);
    write_file(scratch_path("spiece.model"), model, bytes);
    free(model);
    static const char *const configs[] = {
        "{'tokenizer_class':'AlbertTokenizer'}",
        "{'tokenizer_class':'AlbertTokenizer','keep_accents':true}",
        "{'tokenizer_class':'AlbertTokenizer','do_lower_case':false}"};
    for (int i = 0; i < 3; i++) {
        wane_tokenizer *tokenizer = NULL;
        folder_put("tokenizer_config.json", configs[i]);
        CHECK_OK(wane_tokenizer_load(&tokenizer, scratch_folder(), &err));
        folder_ids(ids[i], tokenizer, "L\xc3\xa9");
        if (!i) {
            char plain[512];
            folder_ids(plain, tokenizer, "le");
            assert_string_equal(plain, ids[0]);
        }
        wane_tokenizer_free(tokenizer);
    }
    assert_string_not_equal(ids[0], ids[1]);
    assert_string_not_equal(ids[0], ids[2]);
}

/* A prefix after a special token, or at the start of the text alone. */
static void legacy_says_what_gets_a_prefix(void **state)
{
    (void)state;
    wane_error err;
    wane_tokenizer *tokenizer = NULL;
    size_t bytes = 0;
    char ids[2][512], *model = copy_model(&bytes);
    write_file(scratch_path("tokenizer.model"), model, bytes);
    free(model);
    for (int legacy = 0; legacy < 2; legacy++) {
        folder_put("tokenizer_config.json", legacy ? "{'legacy':true}" : "{'legacy':false}");
        CHECK_OK(wane_tokenizer_load(&tokenizer, scratch_folder(), &err));
        folder_ids(ids[legacy], tokenizer, "<s>x");
        assert_int_equal(strncmp(ids[legacy], "1 ", 2), 0);
        wane_tokenizer_free(tokenizer);
    }
    assert_string_not_equal(ids[0], ids[1]);
}

/* One field of a message: its tag, its length, its bytes. */
static size_t field(unsigned char *out, unsigned number, const void *bytes, size_t count)
{
    out[0] = (unsigned char)(number << 3 | 2);
    out[1] = (unsigned char)count;
    memcpy(out + 2, bytes, count);
    return 2 + count;
}

/* A piece with a text and a kind, its score 0. */
static size_t piece(unsigned char *out, const char *text, unsigned char kind)
{
    unsigned char inside[64];
    size_t length = field(inside, 1, text, strlen(text));
    inside[length++] = 3 << 3;
    inside[length++] = kind;
    return field(out, 1, inside, length);
}

static void what_the_library_refuses_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text[3];
        unsigned char kind[3];
        unsigned char trainer[4]; /* fields of numbers: tag, value */
        const char *named;
    } cases[] = {
        {{"<unk>", "a", "a"}, {2, 1, 1}, {0}, "\"a\""},
        {{NULL, NULL, NULL}, {0}, {0}, "it holds 0 pieces"},
        {{"<unk>", "", NULL}, {2, 1, 0}, {0}, "piece 1 \"\": is empty"},
        {{"<unk>", "?", NULL}, {2, 2, 0}, {0}, "piece 1 \"?\": is unknown's second"},
        {{"a", NULL, NULL}, {1, 0, 0}, {0}, "no piece is the unknown one"},
        {{"<unk>", "<0x41>", NULL}, {2, 6, 0}, {0}, "byte_fallback is off"},
        {{"<unk>", "\xff", NULL}, {2, 1, 0}, {0}, "piece 1 \"\": is no UTF-8"},
        {{"<unk>", "a", NULL}, {2, 7, 0}, {0}, "its type is not known"},
        {{"<unk>", "a", NULL}, {2, 1, 0}, {3 << 3, 3}, "model_type 3"},
        {{"<unk>", "a", NULL}, {2, 1, 0}, {0xc0, 0x01, 1}, "treat_whitespace_as_suffix"},
        {{"<unk>", "a", NULL}, {2, 1, 0}, {0x98, 0x02, 1}, "0 of 256 bytes"},
        {{"<unk>", "a", NULL}, {2, 1, 0}, {3 << 3 | 5, 0, 0, 0}, "cut off"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wane_error err = {0};
        wane_tokenizer *tokenizer = NULL;
        unsigned char bytes[256];
        size_t count = 0, spec = 4;
        for (size_t p = 0; p < 3 && cases[i].text[p]; p++)
            count += piece(bytes + count, cases[i].text[p], cases[i].kind[p]);
        while (spec && !cases[i].trainer[spec - 1]) spec--;
        count += field(bytes + count, 2, cases[i].trainer, spec);
        write_file(scratch_path("a.model"), bytes, count);
        wane_status st = wane_tokenizer_load(&tokenizer, scratch_path("a.model"), &err);
        if (st == WANE_OK || !strstr(err.message, cases[i].named))
            print_error("case %zu: %s\n", i, st == WANE_OK ? "accepted" : err.message);
        assert_int_equal(st, WANE_EFORMAT);
        assert_non_null(strstr(err.message, cases[i].named));
        assert_non_null(strstr(err.message, "a.model"));
        assert_null(tokenizer);
    }
}

static void a_file_that_is_cut_off_is_no_model(void **state)
{
    (void)state;
    size_t bytes = 0;
    char *model = copy_model(&bytes);
    for (size_t count = 0; count < bytes; count += 1 + bytes / 97) {
        wane_error err;
        wane_tokenizer *tokenizer = NULL;
        write_file(scratch_path("cut.model"), model, count);
        wane_status st = wane_tokenizer_load(&tokenizer, scratch_path("cut.model"), &err);
        assert_int_equal(st, WANE_EFORMAT); /* bytes come last, and all of them must be there */
    }
    free(model);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    for (long n = 0;; n++) {
        wane_error err;
        wane_tokenizer *tokenizer = NULL;
        wane_memory_fail_after(n);
        wane_status st = wane_tokenizer_load(&tokenizer, "reference/text/spm-unigram.model", &err);
        wane_memory_fail_after(-1);
        wane_tokenizer_free(tokenizer);
        if (st == WANE_OK) break;
        assert_int_equal(st, WANE_ENOMEM);
        assert_true(n < 1000);
    }
}

/* A character after another, merged as far as goes: no more than n log n of it. */
static void long_texts_are_quick(void **state)
{
    (void)state;
    static const char *const models[] = {"reference/text/spm-llama.model",
                                         "reference/text/spm-unigram-bytes.model"};
    enum { BYTES = 1 << 20 };
    char *text = malloc(BYTES);
    assert_non_null(text);
    memset(text, 'e', BYTES);
    for (size_t i = 0; i < 2; i++) {
        wane_error err;
        wane_tokenizer *tokenizer = NULL;
        wane_tokens ids = {0};
        CHECK_OK(wane_tokenizer_load(&tokenizer, models[i], &err));
        CHECK_OK(wane_tokenizer_encode(tokenizer, text, BYTES, true, &ids, &err));
        assert_true(ids.count > 1000);
        wane_tokens_free(&ids);
        wane_tokenizer_free(tokenizer);
    }
    free(text);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(files_beside_say_what_stands_around), CASE(classes_arrange_pieces),
        CASE(albert_takes_case_and_accents_away),  CASE(legacy_says_what_gets_a_prefix),
        CASE(what_the_library_refuses_is_refused), CASE(a_file_that_is_cut_off_is_no_model),
        CASE(every_failed_allocation_is_survived), CASE(long_texts_are_quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
