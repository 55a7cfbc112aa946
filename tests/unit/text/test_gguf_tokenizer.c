/* SPDX-License-Identifier: Apache-2.0
 * Tokenizers in the metadata of GGUF files: special tokens, what holds where a key is not there,
 * and what is refused. What texts become is compared in numeric/text.
 */
#include <stdio.h>
#include <string.h>

#include "store/base/memory.h"
#include "tasks/text/tokenizer.h"
#include "tests/support/support.h"
#include "tests/unit/text/folders.h"

enum { BOOL = 7, STRING = 8, ARRAY = 9, INT = 5, FLOAT = 6 };

/* A file that is being written: its pairs, counted. */
typedef struct file {
    unsigned char bytes[4096];
    size_t count, pairs;
} file;

static void put(file *f, const void *bytes, size_t count)
{
    assert_true(f->count + count <= sizeof f->bytes);
    memcpy(f->bytes + f->count, bytes, count);
    f->count += count;
}

static void put_u32(file *f, uint32_t value)
{
    put(f, &value, sizeof value);
}

static void put_string(file *f, const char *text)
{
    uint64_t length = strlen(text);
    put(f, &length, sizeof length);
    put(f, text, length);
}

static void put_key(file *f, const char *key, uint32_t type)
{
    char whole[80];
    (void)snprintf(whole, sizeof whole, "tokenizer.ggml.%s", key);
    put_string(f, whole);
    put_u32(f, type);
    f->pairs++;
}

static void put_text(file *f, const char *key, const char *text)
{
    put_key(f, key, STRING);
    put_string(f, text);
}

static void put_number(file *f, const char *key, uint32_t value)
{
    put_key(f, key, INT);
    put_u32(f, value);
}

static void put_flag(file *f, const char *key, bool value)
{
    const unsigned char byte = value;
    put_key(f, key, BOOL);
    put(f, &byte, 1);
}

/* Texts with a comma between. */
static void put_texts(file *f, const char *key, const char *texts)
{
    uint64_t count = 1;
    for (const char *c = texts; *c; c++) count += *c == ',';
    put_key(f, key, ARRAY);
    put_u32(f, STRING);
    put(f, &count, sizeof count);
    for (const char *at = texts; count--; at += strcspn(at, ",") + 1) {
        char one[64];
        (void)snprintf(one, sizeof one, "%.*s", (int)strcspn(at, ","), at);
        put_string(f, one);
    }
}

/* A digit for each number. */
static void put_digits(file *f, const char *key, uint32_t type, const char *digits)
{
    uint64_t count = strlen(digits);
    put_key(f, key, ARRAY);
    put_u32(f, type);
    put(f, &count, sizeof count);
    for (; *digits; digits++) {
        float real = (float)(*digits - '0');
        if (type == FLOAT) put(f, &real, sizeof real);
        else put_u32(f, (uint32_t)(*digits - '0'));
    }
}

/* "GGUF", the version, no tensors, the pairs. */
static const char *written(const file *f)
{
    file whole = {0};
    const uint64_t tensors = 0, pairs = f->pairs;
    put(&whole, "GGUF", 4);
    put_u32(&whole, 3);
    put(&whole, &tensors, sizeof tensors);
    put(&whole, &pairs, sizeof pairs);
    put(&whole, f->bytes, f->count);
    write_file(scratch_path("model.gguf"), whole.bytes, whole.count);
    return scratch_path("model.gguf");
}

/* A member of a case: what is written after the model's name. */
typedef void fill(file *f);

static void pieces(file *f)
{
    put_texts(f, "tokens", "<unk>,<s>,</s>,a,b,ab,\xe2\x96\x81,<x y>");
    put_digits(f, "scores", FLOAT, "00000100");
    put_digits(f, "token_type", INT, "23311114");
}

static void pieces_without_type(file *f)
{
    put_texts(f, "tokens", "<unk>,<s>,</s>,a,b,ab,\xe2\x96\x81,c");
    put_digits(f, "scores", FLOAT, "00000100");
    put_number(f, "bos_token_id", 1);
    put_flag(f, "add_space_prefix", false);
}

static void words(file *f)
{
    put_texts(f, "tokens", "a,b,ab,\xc4\xa0,<end>,<of it>");
    put_digits(f, "token_type", INT, "111134");
    put_texts(f, "merges", "a b");
}

static void llama3_words(file *f)
{
    words(f);
    put_text(f, "pre", "llama-bpe");
    put_number(f, "bos_token_id", 4);
}

static void bert(file *f)
{
    put_texts(f, "tokens",
              "[UNK],[CLS],[SEP],\xe2\x96\x81"
              "ab,c,\xe2\x96\x81!");
    put_digits(f, "token_type", INT, "333111");
    put_number(f, "unknown_token_id", 0);
    put_number(f, "bos_token_id", 1);
    put_number(f, "seperator_token_id", 2);
}

static void metadata_say_what_a_text_becomes(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        fill *fill;
        const char *text, *ids;
    } cases[] = {
        {"llama", pieces, "ab</s>a b", "6 5 2 6 3 6 4"},
        {"llama", pieces, "<x y>", "6 7"},
        {"llama", pieces_without_type, "abc ba", "1 5 7 6 4 3"},
        {"llama", pieces_without_type, "zz", "1 0"},
        {"gpt2", words, "ab<end>a", "2 4 0"},
        {"gpt2", words, "<of it> b", "5 3 1"},
        {"gpt2", llama3_words, "ab", "4 2"},
        {"bert", bert, "ABC! \xc3\xa9 ab", "1 3 4 5 0 3 2"},
        {"bert", bert, "[SEP]ab", "1 2 3 2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wane_error err;
        wane_tokenizer *tokenizer = NULL;
        file f = {0};
        char ids[512];
        put_text(&f, "model", cases[i].model);
        cases[i].fill(&f);
        CHECK_OK(wane_tokenizer_load(&tokenizer, written(&f), &err));
        folder_ids(ids, tokenizer, cases[i].text);
        if (strcmp(ids, cases[i].ids) != 0) print_error("case %zu\n", i);
        assert_string_equal(ids, cases[i].ids);
        wane_tokenizer_free(tokenizer);
    }
}

static void no_scores(file *f)
{
    put_texts(f, "tokens", "<unk>,a");
}

static void few_types(file *f)
{
    put_texts(f, "tokens", "<unk>,a");
    put_digits(f, "scores", FLOAT, "00");
    put_digits(f, "token_type", INT, "2");
}

static void wrong_type(file *f)
{
    put_texts(f, "tokens", "<unk>,a");
    put_digits(f, "scores", FLOAT, "00");
    put_digits(f, "token_type", INT, "27");
}

static void twice(file *f)
{
    put_texts(f, "tokens", "<unk>,a,a");
    put_digits(f, "scores", FLOAT, "000");
}

static void numbers(file *f)
{
    put_digits(f, "tokens", INT, "12");
    put_digits(f, "scores", FLOAT, "00");
}

static void far_id(file *f)
{
    words(f);
    put_number(f, "bos_token_id", 6);
}

static void flag_of_text(file *f)
{
    words(f);
    put_text(f, "add_bos_token", "yes");
}

static void new_words(file *f)
{
    words(f);
    put_text(f, "pre", "novel-bpe");
}

static void two_names(file *f)
{
    words(f);
    put_text(f, "pre", "gpt-2 phi-2");
}

/* A NUL, which ends names in C, and what is read behind it. */
static void name_with_nul(file *f)
{
    static const char name[300] = {'\0', 'x'};
    const uint64_t length = sizeof name;
    words(f);
    put_key(f, "pre", STRING);
    put(f, &length, sizeof length);
    put(f, name, sizeof name);
}

static void number_of_words(file *f)
{
    words(f);
    put_number(f, "pre", 1);
}

static void no_merges(file *f)
{
    put_texts(f, "tokens", "a,b");
}

static void one_token(file *f)
{
    put_texts(f, "tokens", "a,b");
    put_texts(f, "merges", "ab");
}

static void no_utf8(file *f)
{
    put_texts(f, "tokens", "a,\xff");
    put_texts(f, "merges", "a b");
}

static void nothing(file *f)
{
    (void)f;
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        fill *fill;
        const char *named;
    } cases[] = {
        {"rwkv", nothing, "tokenizer.ggml.model: \"rwkv\" is not supported"},
        {"gpt2", nothing, "tokenizer.ggml.tokens"},
        {"llama", no_scores, "tokenizer.ggml.scores: has not one for each token"},
        {"llama", few_types, "tokenizer.ggml.token_type: has not one for each token"},
        {"llama", wrong_type, "tokenizer.ggml.token_type: holds what is no type"},
        {"llama", twice, "\"a\""},
        {"llama", numbers, "tokenizer.ggml.tokens: holds what is no text"},
        {"gpt2", far_id, "tokenizer.ggml.bos_token_id: is no id of a token"},
        {"gpt2", flag_of_text, "tokenizer.ggml.add_bos_token: is neither true nor false"},
        {"gpt2", new_words, "tokenizer.ggml.pre: \"novel-bpe\" is not known"},
        {"gpt2", two_names, "tokenizer.ggml.pre: \"gpt-2 phi-2\" is not known"},
        {"gpt2", name_with_nul, "tokenizer.ggml.pre: \"\" is not known"},
        {"gpt2", number_of_words, "tokenizer.ggml.pre: is no text"},
        {"gpt2", no_merges, "tokenizer.ggml.merges: is no list of texts"},
        {"gpt2", one_token, "merge 0 is not two tokens"},
        {"gpt2", no_utf8, "token 1 is empty or no UTF-8"},
        {"bert", words, "tokenizer.ggml.unknown_token_id: is not there"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wane_error err = {0};
        wane_tokenizer *tokenizer = NULL;
        file f = {0};
        put_text(&f, "model", cases[i].model);
        cases[i].fill(&f);
        wane_status st = wane_tokenizer_load(&tokenizer, written(&f), &err);
        if (st == WANE_OK || !strstr(err.message, cases[i].named))
            print_error("case %zu: %s\n", i, st == WANE_OK ? "accepted" : err.message);
        assert_int_equal(st, WANE_EFORMAT);
        assert_non_null(strstr(err.message, cases[i].named));
        assert_non_null(strstr(err.message, "model.gguf"));
        assert_null(tokenizer);
    }
}

/* Where two tokenizers are held against each other, what file they come from makes no difference.
 */
static void ids_stand_for_the_same_tokens(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"gpt2.json", "gpt2.gguf"},
                                           {"llama3.json", "llama3.gguf"},
                                           {"spm-llama.model", "spm-llama.gguf"},
                                           {"spm-gemma.model", "spm-gemma.gguf"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        wane_error err;
        wane_tokenizer *side[2] = {NULL, NULL};
        for (size_t s = 0; s < 2; s++) {
            char path[256];
            (void)snprintf(path, sizeof path, "reference/text/%s", pairs[i][s]);
            CHECK_OK(wane_tokenizer_load(&side[s], path, &err));
        }
        size_t size = wane_tokenizer_size(side[0]);
        assert_int_equal(wane_tokenizer_size(side[1]), size);
        for (int32_t id = 0; id < (int32_t)size; id++)
            assert_string_equal(wane_tokenizer_token(side[0], id),
                                wane_tokenizer_token(side[1], id));
        for (size_t s = 0; s < 2; s++) wane_tokenizer_free(side[s]);
    }
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    static fill *const fills[] = {pieces, words};
    for (size_t i = 0; i < 2; i++)
        for (long n = 0;; n++) {
            wane_error err;
            wane_tokenizer *tokenizer = NULL;
            file f = {0};
            put_text(&f, "model", i ? "gpt2" : "llama");
            fills[i](&f);
            const char *path = written(&f);
            wane_memory_fail_after(n);
            wane_status st = wane_tokenizer_load(&tokenizer, path, &err);
            wane_memory_fail_after(-1);
            wane_tokenizer_free(tokenizer);
            if (st == WANE_OK) break;
            assert_int_equal(st, WANE_ENOMEM);
            assert_true(n < 2000);
        }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(metadata_say_what_a_text_becomes), CASE(what_is_wrong_is_named),
        CASE(ids_stand_for_the_same_tokens), CASE(every_failed_allocation_is_survived)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
