/* SPDX-License-Identifier: Apache-2.0
 * Tokenizers of a few tokens, whose results can be worked out by hand.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/text.h"
#include "store/base/threads.h"
#include "tasks/text/tokenizer.h"
#include "tests/support/support.h"

/* JSON is written with ' for ". "_" plays the part of SentencePiece's mark. */
#define BPE(options)                                                                               \
    "'model':{'type':'BPE'," options                                                               \
    "'vocab':{'?':0,'a':1,'b':2,'ab':3,'_':4,'_a':5,'aab':6,'c':7,'<0xC3>':8,'<0xA9>':9,"          \
    "'\xc3\xa9':10},'merges':['a b','_ a',['a','ab']]}"
#define WORDS(vocab)                                                                               \
    "'model':{'type':'WordLevel','unk_token':'?','vocab':{'?':0," vocab "}},"                      \
    "'pre_tokenizer':{'type':'WhitespaceSplit'}"
#define ADDED(id, content, options)                                                                \
    "{'id':" id ",'content':'" content "','single_word':false,'lstrip':false,'rstrip':false,"      \
    "'normalized':false,'special':" options "}"

static wane_tokenizer *make(const char *parts)
{
    wane_error err;
    wane_text json = {0};
    wane_tokenizer *tokenizer = NULL;
    wane_text_printf(&json, "{%s}", parts);
    assert_false(json.failed);
    for (char *c = json.data; *c; c++)
        if (*c == '\'') *c = '"';
    CHECK_OK(wane_tokenizer_parse(&tokenizer, json.data, json.length, "t.json", &err));
    wane_text_free(&json);
    return tokenizer;
}

static void expect(const wane_tokenizer *tokenizer, const char *bytes, size_t count, bool special,
                   const char *ids)
{
    wane_error err;
    wane_tokens tokens = {0};
    char got[512] = "";
    size_t length = 0;
    CHECK_OK(wane_tokenizer_encode(tokenizer, bytes, count, special, &tokens, &err));
    for (size_t i = 0; i < tokens.count; i++)
        length +=
            (size_t)snprintf(got + length, sizeof got - length, i ? " %d" : "%d", tokens.ids[i]);
    assert_string_equal(got, ids);
    wane_tokens_free(&tokens);
}

static void check(const char *parts, const char *text, const char *ids)
{
    wane_tokenizer *tokenizer = make(parts);
    expect(tokenizer, text, strlen(text), true, ids);
    wane_tokenizer_free(tokenizer);
}

static void check_decoded(const wane_tokenizer *tokenizer, const int32_t *ids, size_t count,
                          bool skip_special, const char *text)
{
    wane_error err;
    wane_text out = {0};
    CHECK_OK(wane_tokenizer_decode(tokenizer, ids, count, skip_special, &out, &err));
    assert_string_equal(out.data, text);
    wane_text_free(&out);
}

static void merges_go_by_rank(void **state)
{
    (void)state;
    check(BPE(""), "aab", "6"); /* a b -> ab, then a ab -> aab */
    check(BPE(""), "abab", "3 3");
    check(BPE(""), "aaab", "1 6");
    check(BPE(""), "", "");
    check(BPE("'dropout':0.0,"), "ab", "3");
    /* Of a pair named twice the later rank counts. */
    check("'model':{'type':'BPE','vocab':{'a':0,'b':1,'c':2,'ab':3,'bc':4},"
          "'merges':['a b','b c','a b']}",
          "abc", "0 4");
    /* A word that is a token is that token, whatever merges would make of it. */
    check("'model':{'type':'BPE','vocab':{'a':0,'b':1,'ab':2},'merges':[],'ignore_merges':true}",
          "ab", "2");
    check("'model':{'type':'BPE','vocab':{'a':0,'b':1,'ab':2},'merges':[]}", "ab", "0 1");
}

static void unknown_is_marked_fused_or_dropped(void **state)
{
    (void)state;
    check(BPE("'unk_token':'?',"), "axyb", "1 0 0 2");
    check(BPE("'unk_token':'?','fuse_unk':true,"), "axyb", "1 0 2");
    check(BPE(""), "axyb", "3"); /* what has no token is not there at all */
    check(WORDS("'a':1"), "a b a", "1 0 1");
    wane_tokenizer *tokenizer = make(BPE("'unk_token':'?',"));
    assert_int_equal(wane_tokenizer_unknown(tokenizer), 0);
    wane_tokenizer_free(tokenizer);
    tokenizer = make(BPE("'unk_token':'nowhere',"));
    wane_error err;
    wane_tokens out = {0};
    int32_t before = 77;
    assert_int_equal(wane_tokenizer_unknown(tokenizer), -1);
    CHECK_OK(wane_tokens_append(&out, &before, 1, &err));
    CHECK_FAILS(wane_tokenizer_encode(tokenizer, "abx", 3, true, &out, &err), WANE_EFORMAT,
                "nowhere");
    assert_int_equal(out.count, 1);
    wane_tokens_free(&out);
    wane_tokenizer_free(tokenizer);
}

static void bytes_stand_in_for_unknown(void **state)
{
    (void)state;
    /* U+0269 is C9 A9, of which one byte has no token; U+00C3.. is not asked for. */
    check(BPE("'byte_fallback':true,'unk_token':'?',"), "\xc3\xa9", "10");
    check(BPE("'byte_fallback':true,'unk_token':'?',"), "a\xc9\xa9", "1 0");
    check("'model':{'type':'BPE','vocab':{'<0xC3>':0,'<0xA9>':1},'merges':[],"
          "'byte_fallback':true}",
          "\xc3\xa9", "0 1");
}

static void affixes_mark_inner_and_last_characters(void **state)
{
    (void)state;
    check("'model':{'type':'BPE','continuing_subword_prefix':'#','end_of_word_suffix':'/',"
          "'vocab':{'a':0,'#b':1,'#c/':2,'a/':3,'ab':4,'abc/':5},'merges':['a #b','ab #c/']}",
          "abc", "5");
    check("'model':{'type':'BPE','end_of_word_suffix':'/','vocab':{'a':0,'a/':1},'merges':[]}",
          "aa", "0 1");
}

#define UNIGRAM(options)                                                                           \
    "'model':{'type':'Unigram','unk_id':0" options ",'vocab':[['?',0.0],['a',-1],['b',-1],"        \
    "['ab',-2],['abc',-9],['<0xC3>',0],['<0xA9>',0]]}"

static void unigram_takes_the_best_way(void **state)
{
    (void)state;
    check(UNIGRAM(""), "ab", "3"); /* as good as "a b", and it begins earlier */
    check(UNIGRAM(""), "bab", "2 3");
    check(UNIGRAM(""), "abc", "4");       /* the unknown "c" would cost 19 */
    check(UNIGRAM(""), "xyabz", "0 3 0"); /* unknown ones side by side are one */
    check(UNIGRAM(""), "x?y", "0");       /* and so is the text of the unknown token */
    check(UNIGRAM(",'byte_fallback':true"),
          "\xc3\xa9"
          "a\xc3\xa9x",
          "5 6 1 0");
    check("'model':{'type':'Unigram','vocab':[['a',-1],['ab',-2]]}", "aab", "0 1");
    /* Scores are what the library's parser makes of them, next to the nearest double: one token
     * and three of two are added in either order, and the last bits decide. */
    check("'model':{'type':'Unigram','unk_id':0,'vocab':[['u',0.0],['a',-2.8119845390319824],"
          "['aa',-1.5874310731887817]]}",
          "aaaaaaa", "2 2 2 1");
}

static void word_piece_takes_the_longest_token(void **state)
{
    (void)state;
    static const char model[] =
        "'model':{'type':'WordPiece','unk_token':'?','continuing_subword_prefix':'##',"
        "'max_input_chars_per_word':5,'vocab':{'?':0,'a':1,'ab':2,'##b':3,'##bc':4,'c':5}}";
    check(model, "abbc", "2 4");
    check(model, "abbbb", "2 3 3 3");
    check(model, "abbbbb", "0"); /* six characters */
    check(model, "abcb", "0");   /* "c" goes on no word, and no part is kept */
    check("'model':{'unk_token':'?','continuing_subword_prefix':'##','max_input_chars_per_word':9,"
          "'vocab':{'?':0,'a':1,'##b':2}}",
          "ab", "1 2"); /* a file of old, without a type */
}

static void bert_splits_marks_and_ideographs(void **state)
{
    (void)state;
    check("'normalizer':{'type':'BertNormalizer','clean_text':true,'handle_chinese_chars':true,"
          "'strip_accents':null,'lowercase':true},'pre_tokenizer':{'type':'BertPreTokenizer'},"
          "'model':{'type':'WordLevel','unk_token':'?','vocab':{'?':0,'ab':1,'.':2,'\xe4\xb8\xad':"
          "3}}",
          "A\xcc\x81\x01"
          "B\t.\xe4\xb8\xad\xe4\xb8\xad..",
          "1 2 3 3 2 2");
    check("'pre_tokenizer':{'type':'UnicodeScripts'},'model':{'type':'WordLevel','unk_token':'?',"
          "'vocab':{'?':0,'ab c ':1,'\xe3\x81\x82\xe3\x83\xbc\xe4\xb8\xad':2,'1':3}}",
          "  ab c \xe3\x81\x82\xe3\x83\xbc\xe4\xb8\xad"
          "1",
          "1 2 3"); /* spaces at the start are lost, as in the library */
}

/* A table that says b for a: a trie of 192 units, all but three of which are 0. */
static void charsmap_goes_by_graphemes(void **state)
{
    (void)state;
    char table[1033], parts[2048];
    memset(table, 'A', sizeof table);
    memcpy(table, "AAMAAACAAQBhDQAAAAAAgAAA", 24);
    memcpy(table + sizeof table - 5, "AGIA", 5);
    (void)snprintf(
        parts, sizeof parts,
        "'normalizer':{'type':'Precompiled','precompiled_charsmap':'%s'}," BPE("'unk_token':'?',"),
        table);
    check(parts, "ab", "2 2");
    check(parts, "a\xcc\x81\xcc\x81", "2");         /* the marks of five bytes go along */
    check(parts, "a\xcc\x81\xe0\xa4\x83", "2 0 0"); /* those of six do not */
}

static void broken_utf8_is_replaced(void **state)
{
    (void)state;
    /* Each maximal broken part is one U+FFFD; as Python's errors="replace". */
    const struct {
        const char *bytes, *ids;
    } cases[] = {{"a\xff"
                  "b",
                  "1 3 2"},
                 {"\xe2\x96", "3"},
                 {"\xe2\x96"
                  "a",
                  "3 1"},
                 {"\xed\xa0\x80", "3 3 3"},
                 {"\xf0\x9f\x98\xf0\x9f\x98\x80", "3 4"},
                 {"\xc0\x80", "3 3"},
                 {"\xf4\x90\x80\x80", "3 3 3 3"},
                 {"\xe0\xa0\xe0\xa0\x80", "3 5"}};
    wane_tokenizer *tokenizer =
        make("'model':{'type':'BPE','unk_token':'?','merges':[],"
             "'vocab':{'?':0,'a':1,'b':2,'\xef\xbf\xbd':3,'\xf0\x9f\x98\x80':4,'\xe0\xa0\x80':5}}");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect(tokenizer, cases[i].bytes, strlen(cases[i].bytes), true, cases[i].ids);
    expect(tokenizer, "a\0b", 3, true, "1 0 2");
    wane_tokenizer_free(tokenizer);
}

static void added_tokens_are_cut_out(void **state)
{
    (void)state;
    const char *parts = BPE("'unk_token':'?',") ",'added_tokens':[" ADDED(
        "11", "<s>", "true") "," ADDED("12", "<s>x", "false") "]";
    check(parts, "ab<s>ab", "3 11 3");
    check(parts, "<s>x<s>", "12 11"); /* the longest one there counts */
    check(parts, "<s", "0 0");
    wane_tokenizer *tokenizer = make(parts);
    assert_int_equal(wane_tokenizer_size(tokenizer), 13);
    assert_int_equal(wane_tokenizer_id(tokenizer, "<s>x"), 12);
    assert_int_equal(wane_tokenizer_id(tokenizer, "aab"), 6);
    assert_int_equal(wane_tokenizer_id(tokenizer, "zz"), -1);
    assert_string_equal(wane_tokenizer_token(tokenizer, 11), "<s>");
    assert_string_equal(wane_tokenizer_token(tokenizer, 3), "ab");
    assert_null(wane_tokenizer_token(tokenizer, 13));
    assert_null(wane_tokenizer_token(tokenizer, -1));
    const int32_t ids[] = {3, 11, 12, 1};
    check_decoded(tokenizer, ids, 4, true, "ab <s>x a");
    check_decoded(tokenizer, ids, 4, false, "ab <s> <s>x a");
    const int32_t none[] = {13};
    wane_error err;
    wane_text out = {0};
    CHECK_FAILS(wane_tokenizer_decode(tokenizer, none, 1, true, &out, &err), WANE_EINVAL, "13");
    wane_text_free(&out);
    wane_tokenizer_free(tokenizer);
}

static void added_tokens_take_spaces_and_stand_alone(void **state)
{
    (void)state;
#define TOKEN(options)                                                                             \
    WORDS("'a':1,'b':2")                                                                           \
    ",'added_tokens':[{'id':3,'content':'<m>','special':false,'normalized':false," options "}]"
    check(TOKEN("'single_word':true,'lstrip':false,'rstrip':false"), "<m> a<m> <m>b .<m>.",
          "3 0 0 0 3 0");
    wane_tokenizer *tokenizer =
        make("'model':{'type':'BPE','unk_token':'?','vocab':{'?':0,' ':1,'x':2},'merges':[]},"
             "'added_tokens':[{'id':3,'content':'<m>','special':false,'normalized':false,"
             "'single_word':false,'lstrip':true,'rstrip':true}]");
    expect(tokenizer, "x  <m> \t x <m><m>", 17, true, "2 3 2 3 3");
    wane_tokenizer_free(tokenizer);
}

static void processors_put_tokens_around(void **state)
{
    (void)state;
    const char *parts = BPE("") ",'post_processor':{'type':'Sequence','processors':["
                                "{'type':'ByteLevel'},{'type':'TemplateProcessing','single':["
                                "{'SpecialToken':{'id':'B','type_id':0}},"
                                "{'Sequence':{'id':'A','type_id':0}},"
                                "{'SpecialToken':{'id':'E','type_id':0}}],'pair':[],"
                                "'special_tokens':{'B':{'id':'B','ids':[7,1],'tokens':['c','a']},"
                                "'E':{'id':'E','ids':[2],'tokens':['b']}}}]}";
    wane_tokenizer *tokenizer = make(parts);
    expect(tokenizer, "ab", 2, true, "7 1 3 2");
    expect(tokenizer, "ab", 2, false, "3");
    expect(tokenizer, "", 0, true, "7 1 2");
    assert_int_equal(wane_tokenizer_bos(tokenizer), 7);
    assert_int_equal(wane_tokenizer_eos(tokenizer), 2);
    assert_int_equal(strlen(wane_tokenizer_sha256(tokenizer)), 64);
    wane_tokenizer_free(tokenizer);
    check(BPE("") ",'post_processor':{'type':'RobertaProcessing','cls':['a',1],'sep':['b',2],"
                  "'trim_offsets':true,'add_prefix_space':false}",
          "c", "1 7 2");
}

static void folder_tells_first_token(void **state)
{
    (void)state;
    wane_error err;
    wane_tokenizer *tokenizer = NULL;
    const char *model = "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1},\"merges\":[]}}";
    const char *config = "{\"bos_token\":{\"content\":\"b\"},\"eos_token\":\"a\","
                         "\"add_bos_token\":true,\"chat_template\":\"x\"}";
    write_file(scratch_path("tokenizer.json"), model, strlen(model));
    CHECK_OK(wane_tokenizer_load(&tokenizer, scratch_folder(), &err));
    expect(tokenizer, "a", 1, true, "0");
    assert_int_equal(wane_tokenizer_bos(tokenizer), -1);
    wane_tokenizer_free(tokenizer);
    write_file(scratch_path("tokenizer_config.json"), config, strlen(config));
    CHECK_OK(wane_tokenizer_load(&tokenizer, scratch_folder(), &err));
    expect(tokenizer, "a", 1, true, "1 0");
    assert_int_equal(wane_tokenizer_bos(tokenizer), 1);
    assert_int_equal(wane_tokenizer_eos(tokenizer), 0);
    wane_tokenizer_free(tokenizer);
    CHECK_FAILS(wane_tokenizer_load(&tokenizer, scratch_path("absent"), &err), WANE_ENOTFOUND,
                "absent");
}

static void decoders_undo(void **state)
{
    (void)state;
    wane_tokenizer *tokenizer =
        make("'model':{'type':'BPE','vocab':{'_a':0,'b_':1,'<0xC3>':2,'<0xA9>':3,'__':4},"
             "'merges':[]},'decoder':{'type':'Sequence','decoders':[{'type':'Replace',"
             "'pattern':{'String':'_'},'content':' '},{'type':'ByteFallback'},{'type':'Fuse'},"
             "{'type':'Strip','content':' ','start':1,'stop':0}]}");
    const int32_t ids[] = {0, 1, 2, 3, 4}, half[] = {4, 2, 0, 3, 3};
    check_decoded(tokenizer, ids, 5, true, "ab \xc3\xa9  ");
    check_decoded(tokenizer, half, 5, true, " \xef\xbf\xbd a\xef\xbf\xbd\xef\xbf\xbd");
    check_decoded(tokenizer, ids, 0, true, "");
    wane_tokenizer_free(tokenizer);
    tokenizer = make("'model':{'type':'BPE','vocab':{'\xc4\xa0"
                     "a':0,'\xc3\x83':1,'\xc2\xa9':2,'\xe2\x96\x81':3},'merges':[]},"
                     "'decoder':{'type':'ByteLevel'}");
    const int32_t bytes[] = {0, 1, 2, 1, 3};
    check_decoded(tokenizer, bytes, 5, true, " a\xc3\xa9\xef\xbf\xbd\xe2\x96\x81");
    wane_tokenizer_free(tokenizer);
    tokenizer = make("'model':{'type':'BPE','vocab':{'p':0,'h':1,'i':2,'|':3,' do not':4},"
                     "'merges':[]},'decoder':{'type':'CTC','pad_token':'p',"
                     "'word_delimiter_token':'|','cleanup':true}");
    const int32_t heard[] = {0, 1, 1, 0, 1, 2, 3, 3, 4};
    check_decoded(tokenizer, heard, 9, true, "hhi  don't");
    wane_tokenizer_free(tokenizer);
    tokenizer = make("'model':{'type':'BPE','vocab':{'it':0,'##s':1,'.':2,'##':3},'merges':[]},"
                     "'decoder':{'type':'WordPiece','prefix':'##','cleanup':true}");
    const int32_t pieces[] = {1, 1, 3, 0, 2, 0};
    check_decoded(tokenizer, pieces, 6, true, "##ss it. it");
    wane_tokenizer_free(tokenizer);
}

/* Merging is not quadratic: a quarter of a million characters in one word. */
static void long_words_are_quick(void **state)
{
    (void)state;
    enum { LENGTH = 1 << 18 };
    wane_error err;
    wane_tokens out = {0};
    char *text = malloc(LENGTH);
    assert_non_null(text);
    memset(text, 'a', LENGTH);
    wane_tokenizer *tokenizer = make("'model':{'type':'BPE','vocab':{'a':0,'aa':1,'aaaa':2,"
                                     "'aaaaaaaa':3},'merges':['a a','aa aa','aaaa aaaa']}");
    CHECK_OK(wane_tokenizer_encode(tokenizer, text, LENGTH, true, &out, &err));
    assert_int_equal(out.count, LENGTH / 8);
    for (size_t i = 0; i < out.count; i++) assert_int_equal(out.ids[i], 3);
    wane_tokens_free(&out);
    wane_tokenizer_free(tokenizer);
    free(text);
}

/* One tokenizer, many threads: the ids are those of one thread. */
typedef struct crowd {
    const wane_tokenizer *tokenizer;
    const char *text;
    size_t bytes, failures[64];
    wane_tokens alone;
} crowd;

static void encode_in_crowd(void *context, size_t tile, int thread)
{
    (void)thread;
    crowd *c = context;
    wane_error err;
    for (int i = 0; i < 20; i++) {
        wane_tokens out = {0};
        wane_status st = wane_tokenizer_encode(c->tokenizer, c->text, c->bytes, true, &out, &err);
        if (st != WANE_OK || out.count != c->alone.count ||
            memcmp(out.ids, c->alone.ids, out.count * sizeof *out.ids) != 0)
            c->failures[tile]++;
        wane_tokens_free(&out);
    }
}

static void threads_share_a_tokenizer(void **state)
{
    (void)state;
    wane_error err;
    wane_tokenizer *tokenizer = NULL;
    wane_pool *pool = NULL;
    size_t bytes = 0;
    char *text = read_file("reference/text/words.json", &bytes);
    CHECK_OK(wane_tokenizer_load(&tokenizer, "reference/text/llama3.json", &err));
    crowd c = {.tokenizer = tokenizer, .text = text, .bytes = bytes};
    CHECK_OK(wane_tokenizer_encode(tokenizer, text, bytes, true, &c.alone, &err));
    assert_true(c.alone.count > 500);
    CHECK_OK(wane_pool_new(&pool, 4, &err));
    wane_pool_run(pool, 64, encode_in_crowd, &c);
    for (size_t i = 0; i < 64; i++) assert_int_equal(c.failures[i], 0);
    wane_pool_free(pool);
    wane_tokens_free(&c.alone);
    wane_tokenizer_free(tokenizer);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_go_by_rank),
        cmocka_unit_test(unknown_is_marked_fused_or_dropped),
        cmocka_unit_test(bytes_stand_in_for_unknown),
        cmocka_unit_test(affixes_mark_inner_and_last_characters),
        cmocka_unit_test(unigram_takes_the_best_way),
        cmocka_unit_test(word_piece_takes_the_longest_token),
        cmocka_unit_test(bert_splits_marks_and_ideographs),
        cmocka_unit_test(charsmap_goes_by_graphemes),
        cmocka_unit_test(broken_utf8_is_replaced),
        cmocka_unit_test(added_tokens_are_cut_out),
        cmocka_unit_test(added_tokens_take_spaces_and_stand_alone),
        cmocka_unit_test(processors_put_tokens_around),
        cmocka_unit_test_setup_teardown(folder_tells_first_token, scratch_make, scratch_remove),
        cmocka_unit_test(decoders_undo),
        cmocka_unit_test(long_words_are_quick),
        cmocka_unit_test(threads_share_a_tokenizer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
