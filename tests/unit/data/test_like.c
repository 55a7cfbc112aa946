/* SPDX-License-Identifier: Apache-2.0
 * Windows as other tools cut them.
 */
#include <string.h>

#include "tasks/data/like.h"
#include "tests/support/support.h"

static void detokenised(const char *text, const char *wanted)
{
    wane_error err;
    wane_text out = {0};
    CHECK_OK(wane_wikitext_detokenise(&out, text, strlen(text), &err));
    assert_string_equal(out.data, wanted);
    wane_text_free(&out);
}

static void wikitext_is_detokenised(void **state)
{
    (void)state;
    detokenised("the dogs ' bowl , well @-@ made ; 1 @,@ 000 . Yes ! No ? a : b",
                "the dogs' bowl, well-made; 1,000. Yes! No? a: b");
    detokenised("( 24 in ) [ x ] { y } \" red \" ' q '", "(24 in) [x] {y} \"red\" 'q'");
    detokenised(" = = = = H = = = = \n = = A = =\n = B = \n", " ==== H ====\n== A ==\n= B =\n");
    detokenised("60 \xc2"
                "\xb0"
                " C N m ; N 's",
                "60\xc2"
                "\xb0"
                "C 1 m; 1's");
    detokenised("( open ( twice ) and ( never", "(open ( twice) and ( never");
    detokenised("(\xc2"
                "\xa0"
                " wide\xe2"
                "\x80"
                "\x83"
                ") \"\" (  )",
                "(wide) \"\" ()");
    detokenised("/' 7/ s ' s '", "/'[0-9]/ s' s'");
    detokenised("", "");
}

typedef struct cut {
    wane_corpus corpus;
    wane_windows windows;
    wane_window_rule rule;
} cut;

static wane_status cut_up(cut *c, wane_like like, const char *text, size_t bytes, size_t window,
                          wane_error *err)
{
    wane_tokenizer *tokenizer = NULL;
    assert_int_equal(wane_tokenizer_load(&tokenizer, "reference/text/llama2.json", err), WANE_OK);
    write_file(scratch_path("text"), text, bytes);
    wane_status st = wane_like_open(&c->corpus, &c->windows, &c->rule, like, scratch_path("text"),
                                    tokenizer, window, 64, err);
    wane_tokenizer_free(tokenizer);
    return st;
}

static void drop(cut *c)
{
    wane_corpus_free(&c->corpus);
    wane_windows_free(&c->windows);
}

static const char pages[] = "\n = One = \n\nfirst page of a few words .\n = = part = = \nmore\n"
                            " = Two = \n\nthe second , with a ( b ) in it\n";

/* Every token of a page once; windows one longer than their inputs; the last filled up. */
static void pages_roll(void **state)
{
    (void)state;
    wane_error err;
    cut c;
    CHECK_OK(cut_up(&c, WANE_LIKE_LM_EVAL_WIKITEXT, pages, sizeof pages - 1, 7, &err));
    const wane_windows *w = &c.windows;
    assert_int_equal(w->documents, 2);
    assert_string_equal(c.corpus.documents[1].text, " = Two =\n\nthe second, with a (b) in it\n");
    assert_int_equal(w->bytes, sizeof pages - 3); /* without the line ends before both */
    assert_int_equal(w->words, 17 + 15);
    assert_true(w->ahead && w->windows > 4);
    size_t scored = 0;
    for (size_t k = 0; k < w->windows; k++) {
        size_t length = w->starts[k + 1] - w->starts[k];
        bool first = k == 0 || w->document[k] != w->document[k - 1];
        bool last = k + 1 == w->windows || w->document[k + 1] != w->document[k];
        assert_true(length == 8 || (first && last));
        if (first) assert_int_equal(w->ids[w->starts[k]], w->bos);
        if (!last) assert_int_equal(w->first[k], 1);
        scored += length - w->first[k];
    }
    assert_int_equal(scored, w->tokens);
    drop(&c);
}

/* The same text in pieces: all but their first token, or those behind the middle. */
static void texts_are_chopped(void **state)
{
    (void)state;
    wane_error err;
    cut a, b;
    CHECK_OK(cut_up(&a, WANE_LIKE_GPTQ, pages, sizeof pages - 1, 9, &err));
    CHECK_OK(cut_up(&b, WANE_LIKE_LLAMA_CPP, pages, sizeof pages - 1, 9, &err));
    assert_int_equal(a.windows.tokens, a.windows.windows * 8);
    assert_int_equal(b.windows.tokens, b.windows.windows * (9 - 9 / 2 - 1));
    assert_int_equal(a.windows.ids[0], a.windows.bos);
    assert_int_not_equal(a.windows.ids[9], a.windows.bos);
    for (size_t k = 0; k < b.windows.windows; k++)
        assert_int_equal(b.windows.ids[9 * k], b.windows.bos);
    assert_true(!a.windows.ahead && a.windows.words == 0);
    assert_int_equal(memcmp(a.corpus.documents[0].text, "\n\n = One = \n\n\n\n\nfirst", 20), 0);
    size_t length = a.corpus.documents[0].bytes;
    assert_int_equal(a.corpus.documents[0].text[length - 1], '\n');
    assert_int_equal(b.corpus.documents[0].bytes, sizeof pages - 2);
    drop(&a);
    drop(&b);
}

static void bad_texts_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t bytes;
        const char *says;
    } cases[] = {{"", 0, ""},
                 {" \n\n ", 4, ""},
                 {"a \xff b", 5, "UTF-8"},
                 {"a\0b", 3, ""},
                 {"short", 5, ""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int like = 0; like < WANE_LIKES; like++) {
            wane_error err;
            cut c = {0};
            wane_status st = cut_up(&c, (wane_like)like, cases[i].text, cases[i].bytes, 50, &err);
            if (st == WANE_OK) { /* one page of one word is enough for lm-eval */
                assert_int_equal(like, WANE_LIKE_LM_EVAL_WIKITEXT);
                assert_int_equal(i, 4);
                drop(&c);
                continue;
            }
            assert_true(st == WANE_EINVAL || st == WANE_EFORMAT);
            assert_non_null(strstr(err.message, cases[i].says));
        }
    wane_error err;
    cut c;
    CHECK_FAILS(cut_up(&c, WANE_LIKE_GPTQ, pages, sizeof pages - 1, 65, &err), WANE_EINVAL, "64");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wikitext_is_detokenised),
        cmocka_unit_test(pages_roll),
        cmocka_unit_test(texts_are_chopped),
        cmocka_unit_test(bad_texts_are_refused),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
