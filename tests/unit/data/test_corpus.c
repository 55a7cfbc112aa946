/* SPDX-License-Identifier: Apache-2.0
 * Corpora and their windows.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "store/base/memory.h"
#include "store/base/random.h"
#include "store/base/text.h"
#include "store/files/file.h"
#include "tasks/data/corpus.h"
#include "tests/support/support.h"

static const char *put(const char *name, const char *text)
{
    const char *path = scratch_path(name);
    write_file(path, text, strlen(text));
    return path;
}

static void documents_are(const wane_corpus_spec *spec, const char *const *expected, size_t count)
{
    wane_error err;
    wane_corpus corpus;
    CHECK_OK(wane_corpus_open(&corpus, spec, &err));
    assert_int_equal(corpus.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(corpus.documents[i].text, expected[i]);
        assert_int_equal(corpus.documents[i].bytes, strlen(expected[i]));
    }
    wane_corpus_free(&corpus);
    wane_corpus_free(&corpus);
}
#define DOCUMENTS(spec, ...)                                                                       \
    documents_are(spec, (const char *const[]){__VA_ARGS__},                                        \
                  sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void plain_text(void **state)
{
    (void)state;
    wane_corpus_spec spec = {.path = put("a.txt", "\xef\xbb\xbf\n\none\n two\n \t\n\r\nthree\r\n"
                                                  "\xc2\xa0\nfour")};
    DOCUMENTS(&spec, "one\n two", "three", "four");
    spec.documents = "whole";
    DOCUMENTS(&spec, "\n\none\n two\n \t\n\r\nthree\r\n\xc2\xa0\nfour");
    spec.documents = NULL;
    spec.path = put("mac.txt", "one\rtwo\r\rthree\r \r\rfour");
    DOCUMENTS(&spec, "one\rtwo", "three", "four");
    spec.path = put("stray.txt", "one\r\rtwo\n\nthree");
    DOCUMENTS(&spec, "one\r\rtwo", "three");
    spec.documents = "whole";
    spec.path = put("plain", "no ending\n");
    DOCUMENTS(&spec, "no ending");
}

static void json_lists_and_lines(void **state)
{
    (void)state;
    wane_corpus_spec spec = {.path = put("b.json", "[\"x y\", \"\", \" \\n\", \"\\u00e9\"]")};
    DOCUMENTS(&spec, "x y", "\xc3\xa9");
    spec.path = put("c.json", "[{\"text\": \"x\"}, {\"text\": \"y\"}]");
    DOCUMENTS(&spec, "x", "y");
    spec.path = put("d.jsonl", "{\"body\": \"x\"}\n\"bare\"\n{\"body\": \"y\"}\n");
    spec.field = "body";
    DOCUMENTS(&spec, "x", "bare", "y");
}

/* Rows are documents by their field, in the four forms alike; a table is never plain text. */
static void tables(void **state)
{
    (void)state;
    wane_error err;
    wane_corpus corpus;
    static const char csv[] = "text,label\n\"He said, \"\"good\"\"\",1\n,0\n\"two\n\nlines\",0\n";
    wane_corpus_spec spec = {.path = put("t.csv", csv)};
    DOCUMENTS(&spec, "He said, \"good\"", "two\n\nlines");
    spec.path = put("t.txt", csv); /* the way round it */
    DOCUMENTS(&spec, "text,label\n\"He said, \"\"good\"\"\",1\n,0\n\"two", "lines\",0");
    spec.path = put("T.TSV", "id\ttext\r\n1\ta \"b\" c\r\n2\t\"x\ty\"\r\n");
    DOCUMENTS(&spec, "a \"b\" c", "x\ty");
    spec.field = "body";
    spec.path = put("u.csv", "label,body\r1,old\r2,Mac\r");
    DOCUMENTS(&spec, "old", "Mac");
    spec.path = put("v.jsonl", "{\"label\": 1, \"body\": \"x\"}\n");
    DOCUMENTS(&spec, "x");
    spec.path = put("w.json", "{\"label\": [1, 2], \"body\": [\"x\", \"y\"]}");
    DOCUMENTS(&spec, "x", "y");
    static const char *const without[] = {"t.csv", "T.TSV", "v.jsonl", "w.json"};
    spec.field = "sentence";
    for (size_t i = 0; i < 4; i++) {
        spec.path = scratch_path(without[i]);
        CHECK_FAILS(wane_corpus_open(&corpus, &spec, &err), WANE_EFORMAT,
                    "no column \"sentence\" (columns: ");
        assert_non_null(strstr(err.message, "--field NAME, or 'field' of the corpus"));
        assert_int_equal(
            strstr(err.message, "name the file .txt to measure it as plain text") != NULL, i < 2);
    }
    spec.field = NULL;
    spec.path = put("semicolons.csv", "text;label\nx;1\n");
    CHECK_FAILS(wane_corpus_open(&corpus, &spec, &err), WANE_EFORMAT,
                "no column \"text\" (columns: text;label)");
    spec.path = put("open.csv", "text,label\n\"x,1\ny,2\n");
    CHECK_FAILS(wane_corpus_open(&corpus, &spec, &err), WANE_EFORMAT, "(line 2, column 1)");
}

/* Copies, caches and what a system puts beside the files are no text of anyone's. */
static void hidden_files_are_passed_over(void **state)
{
    (void)state;
    wane_error err;
    wane_corpus corpus;
    char path[600];
    const char *folder = scratch_path("hidden");
    static const char *const names[] = {"one.txt",
                                        ".ipynb_checkpoints/one-checkpoint.txt",
                                        ".git/description.txt",
                                        "sub/__MACOSX/._one.txt",
                                        "sub/._one.txt",
                                        "sub/.DS_Store",
                                        "sub/two.csv"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        *strrchr(path, '/') = '\0';
        CHECK_OK(wane_folder_make(path, &err));
        path[strlen(path)] = '/';
        const char *text = i == 0 ? "seen" : i == 6 ? "text\nrow\n" : "hid\xff";
        write_file(path, text, strlen(text));
    }
    wane_corpus_spec spec = {.path = folder};
    DOCUMENTS(&spec, "seen", "row");
    CHECK_OK(wane_corpus_open(&corpus, &spec, &err));
    assert_int_equal(corpus.hidden.count, 5);
    assert_string_equal(corpus.hidden.first, ".git/description.txt");
    wane_corpus_free(&corpus);
    spec.path = put(".named.txt", "read"); /* for it was named */
    DOCUMENTS(&spec, "read");
    (void)snprintf(path, sizeof path, "%s/sub/__MACOSX", folder);
    write_file(scratch_path("hidden/sub/__MACOSX/a.txt"), "named", 5);
    remove_tree(scratch_path("hidden/sub/__MACOSX/._one.txt"));
    spec.path = path;
    DOCUMENTS(&spec, "named");
    (void)snprintf(path, sizeof path, "%s/one.txt", folder);
    remove_tree(path);
    remove_tree(scratch_path("hidden/sub/two.csv"));
    spec.path = folder;
    CHECK_FAILS(wane_corpus_open(&corpus, &spec, &err), WANE_EFORMAT,
                "no document is in it (5 hidden files are passed over)");
}

static void folder_of_files(void **state)
{
    (void)state;
    char path[600];
    const char *folder = scratch_path("many");
    assert_int_equal(mkdir(folder, 0777), 0);
    static const char *const names[] = {"b.txt", "a.jsonl", "skip.md"};
    static const char *const texts[] = {"B one\n\nB two", "{\"text\": \"A\"}", "no"};
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        write_file(path, texts[i], strlen(texts[i]));
    }
    wane_corpus_spec spec = {.path = folder};
    DOCUMENTS(&spec, "A", "B one", "B two");
}

static void filter_words_and_fingerprint(void **state)
{
    (void)state;
    wane_error err;
    wane_corpus all, some, made;
    wane_corpus_spec spec = {.path = put("e.txt", "plain text here\n\nna\xc3\xafve\n\nx\xc2\xa0y")};
    CHECK_OK(wane_corpus_open(&all, &spec, &err));
    assert_string_equal(all.name, "e");
    assert_int_equal(all.documents[0].words, 3);
    assert_int_equal(all.documents[1].words, 1);
    assert_int_equal(all.documents[2].words, 2);
    assert_int_equal(all.filtered_out, 0);
    spec.filter = "ascii";
    spec.name = "named";
    CHECK_OK(wane_corpus_open(&some, &spec, &err));
    assert_string_equal(some.name, "named");
    assert_int_equal(some.count, 1);
    assert_int_equal(some.filtered_out, 2);
    assert_string_not_equal(all.sha256, some.sha256);
    const char *texts[] = {"plain text here"};
    const size_t bytes[] = {15};
    CHECK_OK(wane_corpus_make(&made, "made", texts, bytes, 1, &err));
    assert_string_equal(made.sha256, some.sha256);
    assert_int_equal(made.documents[0].words, 3);
    wane_corpus_free(&all);
    wane_corpus_free(&some);
    wane_corpus_free(&made);
}

static void errors_of_corpora(void **state)
{
    (void)state;
    wane_error err;
    wane_corpus corpus;
    wane_corpus_spec spec = {.path = put("f.txt", "caf\xc3\xa9\n\nx\xff\n")};
    CHECK_FAILS(wane_corpus_open(&corpus, &spec, &err), WANE_EFORMAT,
                "read: f.txt: broken UTF-8 (convert the file to UTF-8) (line 3, column 2)");
    spec.path = put("g.txt", "caf\xc3\xa9\n");
    spec.filter = "ascii";
    CHECK_FAILS(wane_corpus_open(&corpus, &spec, &err), WANE_EFORMAT,
                "no document is in it (1 is not ASCII)");
    spec.filter = "latin";
    CHECK_FAILS(wane_corpus_open(&corpus, &spec, &err), WANE_EINVAL, "\"latin\" is not ascii");
    spec.filter = NULL;
    spec.documents = "page";
    CHECK_FAILS(wane_corpus_open(&corpus, &spec, &err), WANE_EINVAL, "neither blank nor whole");
    spec.documents = NULL;
    spec.path = put("h.jsonl", "{\"txt\": \"x\"}\n");
    CHECK_FAILS(
        wane_corpus_open(&corpus, &spec, &err), WANE_EFORMAT,
        "no column \"text\"; did you mean \"txt\"? (columns: txt); name the key of the text "
        "(--field NAME, or 'field' of the corpus), or leave the file out (line 1, column 1)");
    spec.path = put("i.json", "[1]");
    CHECK_FAILS(wane_corpus_open(&corpus, &spec, &err), WANE_EFORMAT, "an object or a string");
    spec.path = "/no/such/file";
    CHECK_FAILS(wane_corpus_open(&corpus, &spec, &err), WANE_ENOTFOUND, "/no/such/file");
    spec.path = NULL;
    CHECK_FAILS(wane_corpus_open(&corpus, &spec, &err), WANE_EINVAL, "no path");
}

/* Words "w0".."w99" by spaces, with or without a BOS before every text. */
static wane_tokenizer *word_tokenizer(bool bos)
{
    wane_error err;
    wane_text json = {0};
    wane_tokenizer *tokenizer = NULL;
    wane_text_string(&json, "{\"added_tokens\": [{\"id\": 1, \"content\": \"<s>\", \"special\": "
                            "true, \"single_word\": false, \"lstrip\": false, \"rstrip\": false, "
                            "\"normalized\": false}], \"normalizer\": null, \"pre_tokenizer\": "
                            "{\"type\": \"WhitespaceSplit\"}, \"post_processor\": ");
    wane_text_string(
        &json, bos ? "{\"type\": \"TemplateProcessing\", \"single\": [{\"SpecialToken\": {\"id\": "
                     "\"<s>\", \"type_id\": 0}}, {\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}], "
                     "\"pair\": [], \"special_tokens\": {\"<s>\": {\"id\": \"<s>\", \"ids\": [1], "
                     "\"tokens\": [\"<s>\"]}}}"
                   : "null");
    wane_text_string(&json, ", \"decoder\": null, \"model\": {\"type\": \"WordLevel\", "
                            "\"unk_token\": \"<unk>\", \"vocab\": {\"<unk>\": 0, \"<s>\": 1");
    for (int i = 0; i < 100; i++) wane_text_printf(&json, ", \"w%d\": %d", i, i + 2);
    wane_text_string(&json, "}}}");
    CHECK_OK(wane_text_check(&json, "test", "json", &err));
    CHECK_OK(wane_tokenizer_parse(&tokenizer, json.data, json.length, "words", &err));
    wane_text_free(&json);
    return tokenizer;
}

/* Random documents of known ids: lengths[d] words, word k of document d has id ids[d][k]. */
enum { DOCUMENTS_MOST = 6, WORDS_MOST = 30 };
typedef struct sample {
    size_t documents, lengths[DOCUMENTS_MOST];
    int32_t ids[DOCUMENTS_MOST][WORDS_MOST];
    wane_corpus corpus;
} sample;

static void sample_make(sample *s, const wane_random *where)
{
    wane_error err;
    uint64_t element = 0;
    char texts[DOCUMENTS_MOST][WORDS_MOST * 5] = {0};
    const char *pointers[DOCUMENTS_MOST];
    size_t bytes[DOCUMENTS_MOST];
    s->documents = 1 + wane_random_below(where, element++, DOCUMENTS_MOST);
    for (size_t d = 0; d < s->documents; d++) {
        s->lengths[d] = 1 + wane_random_below(where, element++, WORDS_MOST);
        for (size_t k = 0; k < s->lengths[d]; k++) {
            int word = (int)wane_random_below(where, element++, 110); /* some unknown */
            s->ids[d][k] = word < 100 ? word + 2 : 0;
            char *end = texts[d] + strlen(texts[d]);
            (void)snprintf(end, 6, "%sw%d", k ? " " : "", word);
        }
        pointers[d] = texts[d];
        bytes[d] = strlen(texts[d]);
    }
    CHECK_OK(wane_corpus_make(&s->corpus, "sample", pointers, bytes, s->documents, &err));
}

/* What corpus.h promises, checked from the windows alone. */
static void check_windows(const wane_windows *w, const sample *s, const wane_window_rule *rule,
                          bool bos)
{
    size_t scored[DOCUMENTS_MOST][WORDS_MOST + 1] = {0};
    size_t tokens = 0, unknown = 0, words = 0, used = 0, last = SIZE_MAX;
    for (size_t k = 0; k < w->windows; k++) {
        size_t d = w->document[k], length = w->starts[k + 1] - w->starts[k];
        assert_in_range(length, 2, rule->window);
        assert_in_range(w->first[k], 1, length - 1);
        bool begins = d != last;
        if (begins) {
            used++;
            words += s->lengths[d];
            assert_int_equal(w->position[k], 0);
            assert_int_equal(w->first[k], 1);
        } else {
            size_t step = w->position[k] - w->position[k - 1];
            assert_int_equal(step, rule->stride ? rule->stride : rule->window - 1);
        }
        last = d;
        size_t m = s->lengths[d] + bos;
        for (size_t i = 0; i < length; i++) {
            size_t at = w->position[k] + i;
            assert_true(at < m); /* never crosses the document */
            int32_t wanted = bos ? (at ? s->ids[d][at - 1] : 1) : s->ids[d][at];
            assert_int_equal(w->ids[w->starts[k] + i], wanted);
            if (i < w->first[k]) continue;
            scored[d][at]++;
            tokens++;
            unknown += wanted == 0;
        }
    }
    for (size_t d = 0; d < s->documents; d++)
        for (size_t at = 0; at < s->lengths[d] + bos; at++) {
            bool in = d <= last && s->lengths[d] + bos > 1;
            assert_int_equal(scored[d][at], in && at > 0);
        }
    assert_int_equal(w->tokens, tokens);
    assert_int_equal(w->unknown_tokens, unknown);
    assert_int_equal(w->documents, used);
    assert_int_equal(w->words, words);
    assert_int_equal(w->bos, bos ? 1 : -1);
}

/* From the sample's own words: each is scored once, but for the first of a document without BOS. */
static void check_entropy(const wane_windows *w, const sample *s, bool bos)
{
    wane_error err;
    double count[128] = {0}, total = 0, wanted = 0, entropy = NAN;
    size_t last = w->document[w->windows - 1];
    for (size_t d = 0; d <= last; d++)
        for (size_t at = !bos; at < s->lengths[d]; at++) {
            assert_in_range(s->ids[d][at], 0, 127);
            count[s->ids[d][at]]++;
            total++;
        }
    for (size_t t = 0; t < 128; t++)
        if (count[t] > 0) wanted -= count[t] / total * log(count[t] / total);
    CHECK_OK(wane_windows_unigram_entropy(&entropy, w, &err));
    CHECK_NEAR(entropy, wanted, 1e-14, 1e-13);
}

static void windows_score_each_token_once(void **state)
{
    (void)state;
    wane_error err;
    wane_tokenizer *tokenizers[] = {word_tokenizer(false), word_tokenizer(true)};
    for (uint64_t trial = 0; trial < 400; trial++) {
        wane_random where = {.seed = 9, .purpose = WANE_RANDOM_TEST, .step = trial};
        wane_random more = {.seed = 10, .purpose = WANE_RANDOM_TEST, .step = trial};
        bool bos = trial % 2;
        sample s;
        sample_make(&s, &where);
        wane_window_rule rule = {.window = 2 + wane_random_below(&more, 0, 12)};
        if (trial % 3) rule.stride = 1 + wane_random_below(&more, 1, rule.window - 1);
        if (trial % 5 == 0) rule.tokens = 1 + wane_random_below(&more, 2, 60);
        wane_windows windows;
        wane_status st = wane_corpus_encode(&windows, &s.corpus, tokenizers[bos], &rule, &err);
        size_t all = 0;
        for (size_t d = 0; d < s.documents; d++) all += s.lengths[d] - !bos;
        if (all == 0) {
            assert_int_equal(st, WANE_EINVAL);
        } else {
            assert_int_equal(st, WANE_OK);
            check_windows(&windows, &s, &rule, bos);
            check_entropy(&windows, &s, bos);
            if (!rule.tokens) assert_int_equal(windows.tokens, all);
            if (rule.tokens) {
                assert_true(windows.tokens >= rule.tokens || windows.tokens == all);
                size_t last = windows.document[windows.windows - 1];
                size_t before = 0;
                for (size_t d = 0; d < last; d++) before += s.lengths[d] - !bos;
                assert_true(before < rule.tokens); /* no document more than needed */
            }
            wane_windows_free(&windows);
        }
        wane_corpus_free(&s.corpus);
    }
    wane_tokenizer_free(tokenizers[0]);
    wane_tokenizer_free(tokenizers[1]);
}

/* One token in two is w1, one in four w2, w3 and w4 one in eight: 1.75 bits. */
static void entropy_of_what_is_scored(void **state)
{
    (void)state;
    wane_error err;
    wane_tokenizer *tokenizer = word_tokenizer(true);
    static const struct {
        const char *text;
        double bits;
    } cases[] = {{"w1 w2 w1 w3 w1 w2 w1 w4", 1.75}, {"w1 w2", 1}, {"w2 w2 w2", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t window = 2; window < 10; window++) {
            const size_t bytes = strlen(cases[i].text);
            const wane_window_rule rule = {.window = window, .stride = window / 2};
            wane_corpus corpus;
            wane_windows windows;
            double entropy = -1;
            CHECK_OK(wane_corpus_make(&corpus, "c", &cases[i].text, &bytes, 1, &err));
            CHECK_OK(wane_corpus_encode(&windows, &corpus, tokenizer, &rule, &err));
            CHECK_OK(wane_windows_unigram_entropy(&entropy, &windows, &err));
            CHECK_NEAR(entropy, cases[i].bits * log(2), 1e-15, 1e-15);
            assert_false(signbit(entropy));
            wane_windows_free(&windows);
            wane_corpus_free(&corpus);
        }
    wane_tokenizer_free(tokenizer);
}

static void window_rules_are_checked(void **state)
{
    (void)state;
    wane_error err;
    wane_tokenizer *tokenizer = word_tokenizer(true);
    wane_corpus corpus;
    wane_windows windows;
    const char *texts[] = {"w1 w2 w3"};
    const size_t bytes[] = {8};
    CHECK_OK(wane_corpus_make(&corpus, "c", texts, bytes, 1, &err));
    const wane_window_rule bad[] = {{0, 0, 0}, {1, 0, 0}, {4, 4, 0}, {2, 2, 0}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_FAILS(wane_corpus_encode(&windows, &corpus, tokenizer, &bad[i], &err), WANE_EINVAL,
                    "encode corpus: c: window");
    wane_window_rule two = {2, 1, 0};
    CHECK_OK(wane_corpus_encode(&windows, &corpus, tokenizer, &two, &err));
    assert_int_equal(windows.windows, 3);
    wane_windows_free(&windows);
    wane_corpus_free(&corpus);
    wane_tokenizer_free(tokenizer);
}

static void memory_runs_out_anywhere(void **state)
{
    (void)state;
    wane_tokenizer *tokenizer = word_tokenizer(true);
    wane_error err;
    CHECK_OK(wane_folder_make(scratch_path("memory/.git/a"), &err));
    put("memory/.git/a/HEAD", "x");
    put("memory/m.txt", "w1 w2\n\nw3 w4 w5\n");
    put("memory/t.csv", "id,text\n1,\"w6 w7\"\n");
    wane_corpus_spec spec = {.path = scratch_path("memory"), .name = "m"};
    wane_window_rule rule = {.window = 3};
    wane_status st = WANE_ENOMEM;
    for (long n = 0; n < 500 && st != WANE_OK; n++) {
        wane_corpus corpus = {0};
        wane_windows windows = {0};
        wane_memory_fail_after(n);
        st = wane_corpus_open(&corpus, &spec, &err);
        if (st == WANE_OK) st = wane_corpus_encode(&windows, &corpus, tokenizer, &rule, &err);
        if (st == WANE_OK) st = wane_windows_unigram_entropy(&(double){0}, &windows, &err);
        wane_memory_fail_after(-1);
        assert_true(st == WANE_OK || st == WANE_ENOMEM);
        if (st == WANE_OK) assert_true(corpus.count == 3 && corpus.hidden.count == 1);
        wane_windows_free(&windows);
        wane_corpus_free(&corpus);
    }
    assert_int_equal(st, WANE_OK);
    wane_tokenizer_free(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text),
        cmocka_unit_test(json_lists_and_lines),
        cmocka_unit_test(folder_of_files),
        cmocka_unit_test(tables),
        cmocka_unit_test(hidden_files_are_passed_over),
        cmocka_unit_test(filter_words_and_fingerprint),
        cmocka_unit_test(errors_of_corpora),
        cmocka_unit_test(windows_score_each_token_once),
        cmocka_unit_test(entropy_of_what_is_scored),
        cmocka_unit_test(window_rules_are_checked),
        cmocka_unit_test(memory_runs_out_anywhere),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
