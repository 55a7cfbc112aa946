/* SPDX-License-Identifier: Apache-2.0
 * lm-eval-wikitext: a page begins at a line that, with "= = =" and "= =" joined and white space
 * taken off, starts with "= " and ends with " ="; pages of white space alone are none, but for the
 * last. Each page is detokenised and encoded without special tokens. Behind one prefix token (BOS,
 * else EOS) windows of at most `window` inputs predict every token once: the first predicts from
 * its first token on, each later one begins with the last token of the one before, and the last is
 * filled up with context to the left. Units are those of the page before detokenising: words = runs
 * of white space + 1, bytes of UTF-8.
 *
 * gptq: the lines of the file, blank ones as nothing, joined by two line ends; encoded as a whole
 * with special tokens; cut into windows of `window` tokens without overlap, each of which predicts
 * all but its first token; what is left at the end is dropped.
 *
 * llama.cpp: the file without its last line end, encoded with special tokens; cut likewise; where
 * the tokenizer puts BOS first, it stands in place of the first token of every window; a window
 * predicts the tokens behind its middle, window - window / 2 - 1 of them. At least two windows.
 */
#include "tasks/data/like.h"

#include <string.h>

#include "store/base/memory.h"
#include "store/files/file.h"
#include "tasks/data/source.h"
#include "tasks/data/words.h"

const char *const wane_like_names[WANE_LIKES] = {"lm-eval-wikitext", "gptq", "llama.cpp"};

enum { LARGEST_FILE = 1 << 30, GPTQ_WINDOW = 2048, LLAMA_CPP_WINDOW = 512 };

/* ---------------------------------------------------------------------------------- text to text
 */

/* The character at `at` of valid UTF-8; *bytes its length. */
static int32_t character(const char *text, size_t at, size_t *bytes)
{
    const unsigned char *s = (const unsigned char *)text + at;
    *bytes = *s < 0x80 ? 1 : *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : 4;
    if (*bytes == 1) return *s;
    int32_t value = *s & (0xff >> (*bytes + 1));
    for (size_t i = 1; i < *bytes; i++) value = value << 6 | (s[i] & 0x3f);
    return value;
}

/* Python's \s: Unicode's white space and the four separators of ASCII. */
static bool is_space(int32_t c)
{
    return wane_is_white_space(c) || (c >= 0x1c && c <= 0x1f);
}

static size_t skip_spaces(const char *text, size_t at, size_t end)
{
    for (size_t bytes = 0; at < end && is_space(character(text, at, &bytes)); at += bytes) {
    }
    return at;
}

/* The end without the white space before it. */
static size_t trim_spaces(const char *text, size_t start, size_t end)
{
    while (end > start) {
        size_t at = end - 1, bytes = 0;
        while (at > start && ((unsigned char)text[at] & 0xc0) == 0x80) at--;
        if (!is_space(character(text, at, &bytes))) break;
        end = at;
    }
    return end;
}

/* Every `from` of the text by `to`, from left to right. */
static wane_status replace(wane_text *text, const char *from, const char *to, wane_error *err)
{
    size_t length = strlen(from), put = strlen(to), at = 0;
    wane_text out = {0};
    if (!text->data || !strstr(text->data, from)) return WANE_OK;
    for (const char *hit; (hit = strstr(text->data + at, from)) != NULL;) {
        size_t next = (size_t)(hit - text->data);
        wane_text_append(&out, text->data + at, next - at);
        wane_text_append(&out, to, put);
        at = next + length;
    }
    wane_text_append(&out, text->data + at, text->length - at);
    wane_text_free(text);
    *text = out;
    return wane_text_check(text, "like", "text", err);
}

/* White space inside a pair of brackets or quotes, at both ends. */
static wane_status tighten(wane_text *text, char open, char close, wane_error *err)
{
    wane_text out = {0};
    size_t at = 0;
    for (const char *first; text->data && (first = strchr(text->data + at, open)) != NULL;) {
        const char *last = strchr(first + 1, close);
        if (!last) break;
        size_t start = (size_t)(first - text->data) + 1, end = (size_t)(last - text->data);
        wane_text_append(&out, text->data + at, start - at);
        start = skip_spaces(text->data, start, end);
        wane_text_append(&out, text->data + start, trim_spaces(text->data, start, end) - start);
        wane_text_append(&out, &close, 1);
        at = end + 1;
    }
    if (at > 0) {
        wane_text_append(&out, text->data + at, text->length - at);
        wane_text_free(text);
        *text = out;
    }
    return text->data ? wane_text_check(text, "like", "text", err) : WANE_OK;
}

/* A digit between "/' " and "/" (a pattern whose slashes were not meant to be part of it). */
static wane_status slashed_digits(wane_text *text, wane_error *err)
{
    char digit[] = "/' 0/";
    wane_status st = WANE_OK;
    for (char c = '0'; c <= '9' && st == WANE_OK; c++) {
        digit[3] = c;
        st = replace(text, digit, "/'[0-9]/", err);
    }
    return st;
}

wane_status wane_wikitext_detokenise(wane_text *out, const char *text, size_t bytes,
                                     wane_error *err)
{
    static const char *const first[][2] = {{" @-@ ", "-"}, {" @,@ ", ","}, {" @.@ ", "."},
                                           {" : ", ": "},  {" ; ", "; "},  {" . ", ". "},
                                           {" ! ", "! "},  {" ? ", "? "},  {" , ", ", "}};
    static const char pairs[][2] = {{'(', ')'}, {'[', ']'}, {'{', '}'}, {'"', '"'}, {'\'', '\''}};
    static const char *const last[][2] = {
        {"= = = =", "===="}, {"= = =", "==="}, {"= =", "=="},  {" \xc2\xb0 ", "\xc2\xb0"},
        {" \n", "\n"},       {"\n ", "\n"},    {" N ", " 1 "}, {" 's", "'s"}};
    wane_status st = WANE_OK;
    wane_text work = {0};
    wane_text_append(&work, text, bytes);
    WANE_TRY(replace(&work, "s '", "s'", err));
    WANE_TRY(slashed_digits(&work, err));
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        WANE_TRY(replace(&work, first[i][0], first[i][1], err));
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        WANE_TRY(tighten(&work, pairs[i][0], pairs[i][1], err));
    for (size_t i = 0; i < sizeof last / sizeof *last; i++)
        WANE_TRY(replace(&work, last[i][0], last[i][1], err));
    wane_text_append(out, work.data ? work.data : "", work.length);
    st = wane_text_check(out, "like", "text", err);
done:
    wane_text_free(&work);
    return st;
}

/* ------------------------------------------------------------------------------------ documents */

/* What was read, and what the tool makes of it. */
typedef struct reading {
    char *bytes;
    size_t size;
    wane_text *documents; /* as the tokenizer gets them */
    size_t count, room;
    size_t words, units; /* units: bytes of the pages as they were */
} reading;

static void reading_free(reading *r)
{
    for (size_t i = 0; i < r->count; i++) wane_text_free(&r->documents[i]);
    wane_free(r->documents);
    wane_free(r->bytes);
}

static wane_status new_document(wane_text **out, reading *r, wane_error *err)
{
    if (!WANE_GROW(r->documents, r->room, r->count + 1))
        return wane_fail_memory(err, "like", "documents");
    r->documents[r->count] = (wane_text){0};
    *out = &r->documents[r->count++];
    return WANE_OK;
}

static bool is_heading(const char *line, size_t length, wane_error *err)
{
    wane_text joined = {0};
    wane_text_append(&joined, line, length);
    bool heading = false;
    if (replace(&joined, "= = =", "===", err) == WANE_OK &&
        replace(&joined, "= =", "==", err) == WANE_OK && joined.data) {
        size_t start = skip_spaces(joined.data, 0, joined.length);
        size_t end = trim_spaces(joined.data, start, joined.length);
        heading = end - start >= 2 && memcmp(joined.data + start, "= ", 2) == 0 &&
                  memcmp(joined.data + end - 2, " =", 2) == 0;
    }
    wane_text_free(&joined);
    return heading;
}

static wane_status add_page(reading *r, size_t start, size_t end, bool last, wane_error *err)
{
    wane_text *document = NULL;
    const char *page = r->bytes + start;
    size_t bytes = end - start, runs = 0;
    bool blank = skip_spaces(page, 0, bytes) == bytes;
    if (blank && !last) return WANE_OK;
    for (size_t at = 0, length = 0; at < bytes; at += length) {
        if (!is_space(character(page, at, &length))) continue;
        length = skip_spaces(page, at, bytes) - at;
        runs++;
    }
    r->words += runs + 1;
    r->units += bytes;
    wane_status st = new_document(&document, r, err);
    return st == WANE_OK ? wane_wikitext_detokenise(document, page, bytes, err) : st;
}

static wane_status read_pages(reading *r, wane_error *err)
{
    size_t start = 0, page = 0;
    while (start <= r->size) {
        const char *end = memchr(r->bytes + start, '\n', r->size - start);
        size_t next = end ? (size_t)(end - r->bytes) : r->size;
        if (start > page && is_heading(r->bytes + start, next - start, err)) {
            wane_status st = add_page(r, page, start - 1, false, err);
            if (st != WANE_OK) return st;
            page = start;
        }
        start = next + 1;
    }
    return add_page(r, page, r->size, true, err);
}

static wane_status read_lines(reading *r, wane_error *err)
{
    wane_text *document = NULL;
    wane_status st = new_document(&document, r, err);
    for (size_t start = 0; st == WANE_OK && start < r->size;) {
        const char *end = memchr(r->bytes + start, '\n', r->size - start);
        size_t next = end ? (size_t)(end - r->bytes) + 1 : r->size;
        if (start) wane_text_string(document, "\n\n");
        if (skip_spaces(r->bytes, start, next) < next)
            wane_text_append(document, r->bytes + start, next - start);
        start = next;
    }
    return st == WANE_OK ? wane_text_check(document, "like", "text", err) : st;
}

static wane_status read_whole(reading *r, wane_error *err)
{
    wane_text *document = NULL;
    wane_status st = new_document(&document, r, err);
    if (st != WANE_OK) return st;
    wane_text_append(document, r->bytes, r->size - (r->size && r->bytes[r->size - 1] == '\n'));
    return wane_text_check(document, "like", "text", err);
}

/* -------------------------------------------------------------------------------------- windows */

/* Windows in the making. */
typedef struct cutting {
    wane_windows w;
    size_t room;
    wane_tokens ids;
} cutting;

/* `count` ids from `position` of the document on, behind `lead` where there is one. */
static wane_status add_window(cutting *c, size_t document, const int32_t *lead, const int32_t *text,
                              size_t position, size_t count, size_t first, wane_error *err)
{
    wane_windows *w = &c->w;
    if (!wane_windows_grow(w, &c->room)) return wane_fail_memory(err, "like", "windows");
    wane_status st = WANE_OK;
    if (w->windows == 0) w->starts[0] = 0;
    if (lead) st = wane_tokens_append(&c->ids, lead, 1, err);
    if (st == WANE_OK) st = wane_tokens_append(&c->ids, text + position, count, err);
    if (st != WANE_OK) return st;
    w->starts[w->windows + 1] = c->ids.count;
    w->first[w->windows] = first;
    w->document[w->windows] = document;
    w->position[w->windows++] = position;
    w->tokens += count + (lead != NULL) - first;
    return WANE_OK;
}

/* A window's last token is never an input here, so that it may hold one more than `window`. */
static wane_status roll(cutting *c, const wane_tokens *page, size_t document, size_t window,
                        int32_t prefix, wane_error *err)
{
    size_t done = page->count < window ? page->count : window;
    if (page->count == 0) return WANE_OK;
    wane_status st = add_window(c, document, &prefix, page->ids, 0, done, 1, err);
    while (st == WANE_OK && done < page->count) {
        size_t left = page->count - done, predicted = left < window ? left : window;
        size_t end = done + predicted, start = end - window - 1; /* filled up to the left */
        st = add_window(c, document, NULL, page->ids, start, end - start, done - start, err);
        done = end;
    }
    return st;
}

/* Pieces of `window` ids that predict from `first` on; bos >= 0 stands in place of their first. */
static wane_status chop(cutting *c, const wane_tokens *text, size_t window, size_t first,
                        int32_t bos, wane_error *err)
{
    wane_status st = WANE_OK;
    for (size_t k = 0; st == WANE_OK && k < text->count / window; k++) {
        st = add_window(c, 0, NULL, text->ids, k * window, window, first, err);
        if (st == WANE_OK && bos >= 0) c->ids.ids[k * window] = bos;
    }
    return st;
}

static wane_status cut_pages(cutting *c, const reading *r, size_t window,
                             const wane_tokenizer *tokenizer, const char *path, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_tokens page = {0};
    int32_t prefix = wane_tokenizer_bos(tokenizer);
    if (prefix < 0) prefix = wane_tokenizer_eos(tokenizer);
    if (prefix < 0)
        return wane_fail(err, WANE_EINVAL, "like: %s: the tokenizer has neither BOS nor EOS", path);
    WANE_TRY(wane_tokenizer_check_rows(tokenizer, &prefix, 1, err, "like: %s", path));
    for (size_t d = 0; d < r->count; d++) {
        const wane_text *document = &r->documents[d];
        page.count = 0;
        if (document->length)
            WANE_TRY(wane_tokenizer_encode(tokenizer, document->data, document->length, false,
                                           &page, err));
        WANE_TRY(wane_tokenizer_check_rows(tokenizer, page.ids, page.count, err,
                                           "like: %s: document %zu, counted from 0", path, d));
        WANE_TRY(roll(c, &page, d, window, prefix, err));
    }
    c->w.bos = prefix;
    c->w.ahead = true;
done:
    wane_tokens_free(&page);
    return st;
}

static wane_status cut_text(cutting *c, const reading *r, bool second_halves, size_t window,
                            const wane_tokenizer *tokenizer, const char *path, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_tokens text = {0};
    const wane_text *all = &r->documents[0];
    int32_t bos = wane_tokenizer_bos(tokenizer);
    if (all->length)
        WANE_TRY(wane_tokenizer_encode(tokenizer, all->data, all->length, true, &text, err));
    WANE_TRY(wane_tokenizer_check_rows(tokenizer, text.ids, text.count, err, "like: %s", path));
    c->w.bos = text.count && text.ids[0] == bos ? bos : -1;
    WANE_TRY(chop(c, &text, window, second_halves ? window / 2 + 1 : 1,
                  second_halves ? c->w.bos : -1, err));
    if (c->w.windows < (second_halves ? 2 : 1))
        st = wane_fail(err, WANE_EINVAL, "like: %s: %zu tokens are too few for windows of %zu",
                       path, text.count, window);
done:
    wane_tokens_free(&text);
    return st;
}

static wane_status encode(wane_windows *out, const reading *r, wane_like like, size_t window,
                          const wane_tokenizer *tokenizer, const char *path, wane_error *err)
{
    int32_t unknown = wane_tokenizer_unknown(tokenizer);
    cutting c = {.w = {.documents = r->count, .words = r->words, .bytes = r->units}};
    wane_windows *w = &c.w;
    wane_status st =
        like == WANE_LIKE_LM_EVAL_WIKITEXT
            ? cut_pages(&c, r, window, tokenizer, path, err)
            : cut_text(&c, r, like == WANE_LIKE_LLAMA_CPP, window, tokenizer, path, err);
    if (st == WANE_OK && w->tokens == 0)
        st = wane_fail(err, WANE_EINVAL, "like: %s: no token to score", path);
    for (size_t k = 0; st == WANE_OK && unknown >= 0 && k < w->windows; k++)
        for (size_t t = w->starts[k] + w->first[k]; t < w->starts[k + 1]; t++)
            w->unknown_tokens += c.ids.ids[t] == unknown;
    if (st == WANE_OK) {
        w->ids = c.ids.ids;
        *out = *w;
        return WANE_OK;
    }
    wane_tokens_free(&c.ids);
    wane_windows_free(w);
    return st;
}

static wane_status make_corpus(wane_corpus *out, const reading *r, const char *path,
                               wane_error *err)
{
    const char **texts = wane_alloc(r->count, sizeof *texts);
    size_t *bytes = wane_alloc(r->count, sizeof *bytes), count = 0;
    wane_status st = texts && bytes ? WANE_OK : wane_fail_memory(err, "like", path);
    for (size_t i = 0; st == WANE_OK && i < r->count; i++) {
        if (!r->documents[i].length) continue;
        texts[count] = r->documents[i].data;
        bytes[count++] = r->documents[i].length;
    }
    if (st == WANE_OK) st = wane_corpus_make(out, wane_path_base(path), texts, bytes, count, err);
    wane_free(texts);
    wane_free(bytes);
    return st;
}

wane_status wane_like_open(wane_corpus *corpus, wane_windows *windows, wane_window_rule *rule,
                           wane_like like, const char *path, const wane_tokenizer *tokenizer,
                           size_t window, size_t context, wane_error *err)
{
    wane_status st = WANE_OK;
    reading r = {0};
    wane_corpus made = {0};
    const size_t usual[WANE_LIKES] = {context, GPTQ_WINDOW, LLAMA_CPP_WINDOW};
    size_t used = window ? window : usual[like] < context ? usual[like] : context;
    if (used < 4 || used > context)
        return wane_fail(err, WANE_EINVAL, "like: %s: a window of %zu tokens (4 to %zu)",
                         wane_like_names[like], used, context);
    if (wane_format_of(&(wane_format){0}, path))
        return wane_fail(err, WANE_EFORMAT,
                         "like: %s: rows; the rule of %s is for one plain text file", path,
                         wane_like_names[like]);
    WANE_TRY(wane_file_read(&r.bytes, &r.size, path, LARGEST_FILE, err));
    WANE_TRY(wane_source_check_text(r.bytes, r.size, path, err));
    st = like == WANE_LIKE_GPTQ        ? read_lines(&r, err)
         : like == WANE_LIKE_LLAMA_CPP ? read_whole(&r, err)
                                       : read_pages(&r, err);
    if (st != WANE_OK) goto done;
    WANE_TRY(make_corpus(&made, &r, path, err));
    WANE_TRY(encode(windows, &r, like, used, tokenizer, path, err));
    *rule = (wane_window_rule){.window = used, .stride = used};
    *corpus = made;
    made = (wane_corpus){0};
done:
    wane_corpus_free(&made);
    reading_free(&r);
    return st;
}
