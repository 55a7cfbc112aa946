/* SPDX-License-Identifier: Apache-2.0
 * Files that are wrong, or of a kind this reader does not know: one clear line each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/clock.h"
#include "store/base/memory.h"
#include "store/base/text.h"
#include "tasks/text/tokenizer.h"
#include "tests/support/support.h"

/* JSON is written with ' for ". */
#define MODEL(rest) "{'model':{'type':'BPE'," rest "}}"
#define UNIGRAM(vocab) "{'model':{'type':'Unigram','vocab':" vocab "}}"
#define PIECES(rest)                                                                               \
    "{'model':{'type':'WordPiece','unk_token':'a','continuing_subword_prefix':'##'," rest "}}"
#define WITH(part) "{'model':{'type':'BPE','vocab':{'a':0,'b':1},'merges':[]}," part "}"
#define CHARSMAP(base64)                                                                           \
    WITH("'normalizer':{'type':'Precompiled','precompiled_charsmap':" base64 "}")
#define ADDED(rest) WITH("'added_tokens':[{'content':'<s>','id':2}," rest "]")
#define SPLIT(expression)                                                                          \
    WITH("'pre_tokenizer':{'type':'Split','behavior':'Isolated','pattern':{'Regex':'" expression   \
         "'}}")

static wane_status parse(wane_tokenizer **out, const char *json, wane_error *err)
{
    char *copy = strdup(json);
    assert_non_null(copy);
    for (char *c = copy; *c; c++)
        if (*c == '\'') *c = '"';
    wane_status st = wane_tokenizer_parse(out, copy, strlen(copy), "t.json", err);
    free(copy);
    return st;
}

/* Files that are no tokenizers, and what is said of them. */
static const char *const wrong_files[][2] = {
    {"", "t.json"},
    {"[]", "not an object"},
    {"{'model':{'type':'BPE'", "line 1"},
    {"{}", "model: not an object"},
    {"{'model':{'type':'Odd','vocab':[]}}", "model: type \"Odd\" is not supported"},
    {UNIGRAM("{}"), "\"vocab\" is no array"},
    {UNIGRAM("[['a']]"), "vocab[0] is not a token and its score"},
    {UNIGRAM("[['a',0,0]]"), "vocab[0] is not a token and its score"},
    {UNIGRAM("[['a','0']]"), "vocab[0] is not a token and its score"},
    {UNIGRAM("[['a',1e400]]"), "vocab[0] is not a token and its score"},
    {UNIGRAM("[['a',0],['a',1]]"), "vocab[1]: \"a\" is there twice"},
    {UNIGRAM("[['a',0]],'unk_id':1"), "\"unk_id\" is no id of the vocabulary"},
    {UNIGRAM("[['a',0]],'unk_id':-1"), "\"unk_id\" is no id of the vocabulary"},
    {UNIGRAM("[['a',0]],'alpha':0.1"), "unknown member \"alpha\""},
    {PIECES("'vocab':{'a':0},'max_input_chars_per_word':-1"), "\"max_input_chars_per_word\" is no"},
    {PIECES("'vocab':{'a':0}"), "\"max_input_chars_per_word\" is no integer"},
    {PIECES("'vocab':[],'max_input_chars_per_word':100"), "\"vocab\" is no object"},
    {"{'model':{'type':'WordPiece','unk_token':'a','vocab':{'a':0},'max_input_chars_per_word':9}}",
     "\"continuing_subword_prefix\" is no string"},
    {"{'model':{'vocab':{}}}", "model: type"},
    {WITH("'extra':1"), "unknown member \"extra\""},
    {MODEL("'vocab':[],'merges':[]"), "\"vocab\" is no object"},
    {MODEL("'vocab':{'a':0}"), "\"merges\" is no array"},
    {MODEL("'vocab':{'a':-1},'merges':[]"), "token \"a\" has no id"},
    {MODEL("'vocab':{'a':4194304},'merges':[]"), "token \"a\" has no id"},
    {MODEL("'vocab':{'a':9223372036854775807},'merges':[]"), "token \"a\" has no id"},
    {MODEL("'vocab':{'a':1.5},'merges':[]"), "token \"a\" has no id"},
    {MODEL("'vocab':{'a':'0'},'merges':[]"), "token \"a\" has no id"},
    {MODEL("'vocab':{'a':0,'b':0},'merges':[]"), "id 0 is both \"a\" and \"b\""},
    {MODEL("'vocab':{'a':0,'a':1},'merges':[]"), "duplicate"},
    {MODEL("'vocab':{'a':0},'merges':['a b']"), "merges[0]: \"b\" is not in the vocabulary"},
    {MODEL("'vocab':{'a':0,'b':1},'merges':['a b']"), "merges[0]: \"ab\" is not"},
    {MODEL("'vocab':{'a':0},'merges':['aa']"), "merges[0] \"aa\" is not two tokens"},
    {MODEL("'vocab':{'a':0},'merges':['a a a']"), "is not two tokens"},
    {MODEL("'vocab':{'a':0},'merges':[['a']]"), "merges[0] is not two tokens"},
    {MODEL("'vocab':{'a':0},'merges':[['a',1]]"), "merges[0] is not two tokens"},
    {MODEL("'vocab':{'a':0},'merges':[{'a':'a'}]"), "merges[0] is not two tokens"},
    {MODEL("'vocab':{'a':0,'':1},'merges':[['a','']]"), "merges[0] holds an empty token"},
    {MODEL("'vocab':{'a':0},'merges':[],'dropout':0.1"), "\"dropout\""},
    {MODEL("'vocab':{'a':0},'merges':[],'fuse_unk':1"), "\"fuse_unk\" is neither"},
    {MODEL("'vocab':{'a':0},'merges':[],'unk_token':0"), "\"unk_token\" is no string"},
    {MODEL("'vocab':{'a':0},'merges':[],'cache':0"), "unknown member \"cache\""},
    {"{'model':{'type':'WordLevel','vocab':{'a':0}}}", "\"unk_token\" is no string"},
    {WITH("'normalizer':{'type':'Odd'}"), "normalizer: type \"Odd\" is not supported"},
    {WITH("'normalizer':{'type':'Nmt','x':1}"), "unknown member \"x\""},
    {WITH("'normalizer':{'type':'BertNormalizer','lowercase':true}"), "\"clean_text\" is neither"},
    {WITH("'normalizer':{'type':'BertNormalizer','clean_text':true,'handle_chinese_chars':true,"
          "'lowercase':true,'strip_accents':1}"),
     "\"strip_accents\" is neither"},
    {CHARSMAP("0"), "\"precompiled_charsmap\" is no string"},
    {CHARSMAP("''"), "\"precompiled_charsmap\" holds no trie"},
    {CHARSMAP("'AAA'"), "is no base64"},
    {CHARSMAP("'AAAAAA=A'"), "is no base64"},
    {CHARSMAP("'AAAAAB=='"), "is no base64"},
    {CHARSMAP("'AAAA*AAA'"), "is no base64"},
    {CHARSMAP("'BAAAAAAAAA=='"), "holds no trie"}, /* of 4 bytes, where 3 follow */
    {CHARSMAP("'AgAAAAAAAAA='"), "holds no trie"}, /* of 2 bytes */
    {CHARSMAP("'BAAAAAAAAAD/'"), "holds texts in no UTF-8"},
    {WITH("'normalizer':{'type':'NFC','x':1}"), "unknown member \"x\""},
    {WITH("'normalizer':{'type':'Replace','pattern':{'String':''},'content':'x'}"), "empty"},
    {WITH("'normalizer':{'type':'Replace','pattern':'x','content':'x'}"), "neither"},
    {WITH("'normalizer':{'type':'Sequence'}"), "Sequence without an array"},
    {WITH("'pre_tokenizer':{'type':'Odd'}"), "pre_tokenizer: type \"Odd\" is not supported"},
    {WITH("'pre_tokenizer':{'type':'BertPreTokenizer','x':1}"), "unknown member \"x\""},
    {WITH("'pre_tokenizer':{'type':'FixedLength','length':0}"), "\"length\" is 0"},
    {WITH("'pre_tokenizer':{'type':'FixedLength','length':-1}"), "\"length\" is no integer"},
    {WITH("'pre_tokenizer':{'type':'CharDelimiterSplit','delimiter':''}"), "one character"},
    {WITH("'pre_tokenizer':{'type':'Metaspace','replacement':'ab'}"), "one character"},
    {WITH("'pre_tokenizer':{'type':'Metaspace','replacement':'_','prepend_scheme':'no'}"),
     "prepend_scheme"},
    {WITH("'pre_tokenizer':{'type':'Metaspace','replacement':'_','prepend_scheme':'always',"
          "'add_prefix_space':false}"),
     "disagree"},
    {WITH("'pre_tokenizer':{'type':'Split','pattern':{'String':'a'},'behavior':'Odd'}"),
     "behavior"},
    {WITH("'pre_tokenizer':{'type':'Split','pattern':{'String':'a'}}"), "behavior"},
    {WITH("'decoder':{'type':'Odd'}"), "decoder: type \"Odd\" is not supported"},
    {WITH("'decoder':{'type':'WordPiece','prefix':'##'}"), "\"cleanup\" is neither true nor false"},
    {WITH("'decoder':{'type':'WordPiece','cleanup':true}"), "\"prefix\" is no string"},
    {WITH("'decoder':{'type':'CTC','pad_token':'','word_delimiter_token':'|','cleanup':true}"),
     "is empty"},
    {WITH("'decoder':{'type':'CTC','pad_token':'p','word_delimiter_token':'|'}"), "\"cleanup\""},
    {WITH("'decoder':{'type':'Strip','content':' ','start':-1,'stop':0}"), "\"start\""},
    {WITH("'post_processor':{'type':'Odd'}"), "post_processor: type \"Odd\""},
    {WITH("'post_processor':{'type':'TemplateProcessing','single':[],'pair':[],"
          "'special_tokens':{}}"),
     "sequence A once"},
    {WITH("'post_processor':{'type':'TemplateProcessing','single':[{'SpecialToken':"
          "{'id':'x','type_id':0}}],'pair':[],'special_tokens':{}}"),
     "special token \"x\" has no \"ids\""},
    {WITH("'post_processor':{'type':'RobertaProcessing','cls':['a',7],'sep':['b',1]}"),
     "id 7 is not in the vocabulary"},
    {ADDED("{'content':'<s>','id':2,'lstrip':true}"), "\"<s>\" is there twice, differently"},
    {ADDED("{'content':'<t>','id':7}"), "\"<t>\" has id 7 where the vocabulary gives 3"},
    {ADDED("{'content':'a','id':3}"), "\"a\" has id 3 where the vocabulary gives 0"},
    {ADDED("{'content':'<t>','id':-3}"), "\"id\" is no integer"},
    {ADDED("{'id':3}"), "\"content\" is no string"},
    {ADDED("3"), "an element is no object"},
    {WITH("'added_tokens':{}"), "added_tokens: not an array"},
};

static void wrong_files_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong_files / sizeof *wrong_files; i++) {
        wane_error err = {0};
        wane_tokenizer *tokenizer = NULL;
        CHECK_FAILS(parse(&tokenizer, wrong_files[i][0], &err), WANE_EFORMAT, wrong_files[i][1]);
        assert_null(tokenizer);
    }
}

static void expressions_are_rewritten_or_refused(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "[a&&b]", "[a[^b]]",  "[[:punct:]]", "(?~ab)",     "(?x) a", "a(?i)b|c", "\\\\p{Alnum}",
        "\\\\K",  "[a",       "a)",          "(",          "*",      "\\\\xff",  "\\\\p{Nothing}",
        "\\\\pL", "(?<=a+)b", "\\\\g<1>",    "(*ACCEPT)a", "\\\\"};
    static const char *const taken[] = {"[a[bc]]", "(?i)a|b",   "\\\\p{Letter}+", "{",
                                        "a{,2}",   "\\\\u4e00", "(?m:.)",         "\\\\p{^L}"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        wane_error err = {0};
        char json[512];
        wane_tokenizer *tokenizer = NULL;
        (void)snprintf(json, sizeof json, SPLIT("%s"), refused[i]);
        CHECK_FAILS(parse(&tokenizer, json, &err), WANE_EFORMAT, "pre_tokenizer: expression");
    }
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        wane_error err = {0};
        char json[512];
        wane_tokenizer *tokenizer = NULL;
        (void)snprintf(json, sizeof json, SPLIT("%s"), taken[i]);
        CHECK_OK(parse(&tokenizer, json, &err));
        wane_tokenizer_free(tokenizer);
    }
}

/* An expression that would try for ever ends in an error, and leaves the ids as they were. */
static void endless_search_is_stopped(void **state)
{
    (void)state;
    wane_error err = {0};
    wane_tokenizer *tokenizer = NULL;
    wane_tokens out = {0};
    char text[64];
    memset(text, 'a', sizeof text);
    CHECK_OK(parse(&tokenizer, SPLIT("(a+)+(?=b)"), &err));
    CHECK_FAILS(wane_tokenizer_encode(tokenizer, text, sizeof text, true, &out, &err), WANE_EFORMAT,
                "match limit");
    assert_int_equal(out.count, 0);
    wane_tokens_free(&out);
    wane_tokenizer_free(tokenizer);
}

static void deep_nesting_is_refused(void **state)
{
    (void)state;
    wane_error err = {0};
    wane_tokenizer *tokenizer = NULL;
    wane_text json = {0};
    wane_text_string(&json, "{\"normalizer\":");
    for (int i = 0; i < 100; i++)
        wane_text_string(&json, "{\"type\":\"Sequence\",\"normalizers\":[");
    for (int i = 0; i < 100; i++) wane_text_string(&json, "]}");
    wane_text_string(&json, ",\"model\":{\"type\":\"BPE\",\"vocab\":{},\"merges\":[]}}");
    CHECK_FAILS(wane_tokenizer_parse(&tokenizer, json.data, json.length, "t.json", &err),
                WANE_EFORMAT, "nested");
    wane_text_free(&json);
}

/* Combining marks in the worst order, a hundred thousand of them: not quadratic, and sorted. */
static void long_runs_of_marks_are_quick(void **state)
{
    (void)state;
    enum { RUN = 100000 };
    wane_error err = {0};
    wane_tokenizer *tokenizer = NULL;
    wane_tokens out = {0};
    char *text = malloc(4 * RUN + 1);
    assert_non_null(text);
    text[0] = 'x';
    for (size_t i = 0; i < RUN; i++) memcpy(text + 1 + 4 * i, "\xcc\x81\xcc\xa3", 4);
    CHECK_OK(parse(&tokenizer,
                   "{'normalizer':{'type':'NFD'},'model':{'type':'BPE','merges':[],"
                   "'vocab':{'x':0,'\xcc\x81':1,'\xcc\xa3':2}}}",
                   &err));
    CHECK_OK(wane_tokenizer_encode(tokenizer, text, 4 * RUN + 1, true, &out, &err));
    assert_int_equal(out.count, 2 * RUN + 1);
    for (size_t i = 1; i < out.count; i++) assert_int_equal(out.ids[i], i <= RUN ? 2 : 1);
    wane_tokens_free(&out);
    wane_tokenizer_free(tokenizer);
    free(text);
}

/* A table of characters whose trie leads out of it is told of when a text leads there. */
static void broken_charsmap_is_told_of(void **state)
{
    (void)state;
    static const char *const maps[] = {"'BAAAAAAAAAA='",  /* one unit: no children */
                                       "'BAAAAAD///8='"}; /* they are far away */
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
        wane_error err = {0};
        wane_tokenizer *tokenizer = NULL;
        wane_tokens out = {0};
        char json[512];
        (void)snprintf(json, sizeof json, CHARSMAP("%s"), maps[i]);
        CHECK_OK(parse(&tokenizer, json, &err));
        CHECK_FAILS(wane_tokenizer_encode(tokenizer, "ab", 2, true, &out, &err), WANE_EFORMAT,
                    "leads out of it");
        assert_int_equal(out.count, 0);
        wane_tokens_free(&out);
        wane_tokenizer_free(tokenizer);
    }
}

/* A megabyte of one character, which is one word: no model takes the square of its length. */
static void a_megabyte_of_one_character_is_quick(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        size_t ids;
    } cases[] = {
        {"{'model':{'type':'BPE','merges':['a a','aa aa'],'vocab':{'a':0,'aa':1,'aaaa':2}}}",
         250000},
        {"{'model':{'type':'BPE','merges':['a a','aa a','aaa a'],"
         "'vocab':{'a':0,'aa':1,'aaa':2,'aaaa':3}}}",
         500000},
        {"{'model':{'type':'BPE','byte_fallback':true,'merges':[],'vocab':{'<0x61>':0}}}", 1000000},
        {"{'model':{'type':'Unigram','unk_id':0,'vocab':[['u',0],['a',-2],['aa',-3],['aaaa',-4]]}}",
         250000},
        {"{'model':{'type':'Unigram','unk_id':0,'vocab':[['u',0],['b',-2]]}}", 1},
        {"{'model':{'type':'WordPiece','unk_token':'u','continuing_subword_prefix':'##',"
         "'max_input_chars_per_word':100,'vocab':{'u':0,'a':1,'##a':2}}}",
         1},
        {"{'model':{'type':'WordPiece','unk_token':'u','continuing_subword_prefix':'##',"
         "'max_input_chars_per_word':9999999,'vocab':{'u':0,'a':1,'##aaa':2}}}",
         333334},
        {"{'model':{'type':'WordLevel','unk_token':'u','vocab':{'u':0}}}", 1},
    };
    enum { BYTES = 1000000 };
    char *text = malloc(BYTES);
    assert_non_null(text);
    memset(text, 'a', BYTES);
    double start = wane_clock_cpu();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wane_error err = {0};
        wane_tokenizer *tokenizer = NULL;
        wane_tokens out = {0};
        CHECK_OK(parse(&tokenizer, cases[i].json, &err));
        CHECK_OK(wane_tokenizer_encode(tokenizer, text, BYTES, true, &out, &err));
        assert_int_equal(out.count, cases[i].ids);
        wane_tokens_free(&out);
        wane_tokenizer_free(tokenizer);
    }
    assert_true(wane_clock_cpu() - start < 60); /* less than 1 without sanitizers */
    free(text);
}

/* Load, encode and decode with every allocation failing in its turn. */
static wane_status whole_life(const char *bytes, size_t count, wane_error *err)
{
    static const char text[] = "It's <|im_start|> caf\xc3\xa9 \xff 123 <tool_call>";
    wane_status st = WANE_OK;
    wane_tokenizer *tokenizer = NULL;
    wane_tokens ids = {0};
    wane_text back = {0};
    WANE_TRY(wane_tokenizer_parse(&tokenizer, bytes, count, "t.json", err));
    WANE_TRY(wane_tokenizer_encode(tokenizer, text, sizeof text - 1, true, &ids, err));
    WANE_TRY(wane_tokenizer_decode(tokenizer, ids.ids, ids.count, true, &back, err));
done:
    wane_text_free(&back);
    wane_tokens_free(&ids);
    wane_tokenizer_free(tokenizer);
    return st;
}

static void memory_running_out_is_reported(void **state)
{
    (void)state;
    static const char *const names[] = {"qwen2", "llama2", "words", "t5", "bert", "scripts"};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        char path[64];
        size_t count = 0;
        (void)snprintf(path, sizeof path, "reference/text/%s.json", names[n]);
        char *bytes = read_file(path, &count);
        wane_status st = WANE_ENOMEM;
        long failures = 0;
        for (long i = 0; st != WANE_OK && i < 5000; i++) {
            wane_error err = {0};
            wane_memory_fail_after(i);
            st = whole_life(bytes, count, &err);
            wane_memory_fail_after(-1);
            if (st == WANE_OK) break;
            CHECK_FAILS(st, WANE_ENOMEM, "out of memory");
            failures++;
        }
        assert_int_equal(st, WANE_OK);
        assert_true(failures > 20);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(wrong_files_are_named),
                                       cmocka_unit_test(expressions_are_rewritten_or_refused),
                                       cmocka_unit_test(endless_search_is_stopped),
                                       cmocka_unit_test(deep_nesting_is_refused),
                                       cmocka_unit_test(long_runs_of_marks_are_quick),
                                       cmocka_unit_test(broken_charsmap_is_told_of),
                                       cmocka_unit_test(a_megabyte_of_one_character_is_quick),
                                       cmocka_unit_test(memory_running_out_is_reported)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
