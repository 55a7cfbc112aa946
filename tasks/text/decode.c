/* SPDX-License-Identifier: Apache-2.0
 * Each decoder is a step over a list of strings: bytes joined from their stand-ins, <0xNN> put
 * together again, texts replaced, spaces stripped.
 */
#include "tasks/text/decode.h"

#include <string.h>

#include "store/base/memory.h"
#include "tasks/text/normalize.h"
#include "tasks/text/pattern.h"
#include "tasks/text/unicode.h"

typedef enum kind { BYTES, FALLBACK, FUSE, REPLACE, STRIP, METASPACE, SUFFIX, PIECES, CTC } kind;

struct wane_decoder_step {
    kind kind;
    wane_pattern *pattern; /* REPLACE */
    /* REPLACE: content; STRIP, METASPACE: the character; SUFFIX; PIECES: the prefix; CTC: padding
     */
    const char *text;
    size_t bytes;
    const char *delimiter; /* CTC */
    size_t delimiter_bytes;
    int64_t start, stop; /* STRIP: how many at most */
    bool prepended;      /* METASPACE */
    bool cleanup;        /* PIECES, CTC */
};
typedef struct wane_decoder_step decoder_step;

static wane_status read_metaspace(decoder_step *out, const wane_json *json,
                                  const wane_json_part *part, wane_error *err)
{
    static const char *const keys[] = {"replacement", "add_prefix_space", "prepend_scheme",
                                       "split",       "str_rep",          NULL};
    wane_status st = WANE_OK;
    out->kind = METASPACE;
    WANE_TRY(wane_json_part_keys(json, keys, part, err));
    WANE_TRY(wane_json_part_character(&out->text, &out->bytes, json, "replacement", part, err));
    WANE_TRY(wane_json_part_bool(&out->prepended, json, "add_prefix_space", true, part, err));
    const wane_json *value = wane_json_get(json, "prepend_scheme");
    const char *scheme = wane_json_string(value, NULL);
    if (wane_json_kind_of(value) != WANE_JSON_NULL)
        out->prepended = !scheme || strcmp(scheme, "never") != 0;
    if (wane_json_kind_of(value) != WANE_JSON_NULL &&
        (!scheme || (strcmp(scheme, "never") != 0 && strcmp(scheme, "always") != 0 &&
                     strcmp(scheme, "first") != 0)))
        st = wane_json_part_fail(part, err, "unknown \"prepend_scheme\"");
done:
    return st;
}

static wane_status read_cleanup(decoder_step *out, const wane_json *json,
                                const wane_json_part *part, wane_error *err)
{
    const wane_json *value = wane_json_get(json, "cleanup");
    if (wane_json_kind_of(value) != WANE_JSON_BOOL)
        return wane_json_part_fail(part, err, "\"cleanup\" is neither true nor false");
    out->cleanup = wane_json_bool(value, false);
    return WANE_OK;
}

static wane_status read_pieces(decoder_step *out, const wane_json *json, const wane_json_part *part,
                               wane_error *err)
{
    static const char *const keys[] = {"prefix", "cleanup", NULL};
    wane_status st = WANE_OK;
    out->kind = PIECES;
    WANE_TRY(wane_json_part_keys(json, keys, part, err));
    WANE_TRY(wane_json_part_string(&out->text, &out->bytes, json, "prefix", false, part, err));
    WANE_TRY(read_cleanup(out, json, part, err));
done:
    return st;
}

static wane_status read_ctc(decoder_step *out, const wane_json *json, const wane_json_part *part,
                            wane_error *err)
{
    static const char *const keys[] = {"pad_token", "word_delimiter_token", "cleanup", NULL};
    wane_status st = WANE_OK;
    out->kind = CTC;
    WANE_TRY(wane_json_part_keys(json, keys, part, err));
    WANE_TRY(wane_json_part_string(&out->text, &out->bytes, json, "pad_token", false, part, err));
    WANE_TRY(wane_json_part_string(&out->delimiter, &out->delimiter_bytes, json,
                                   "word_delimiter_token", false, part, err));
    if (!out->bytes || !out->delimiter_bytes)
        return wane_json_part_fail(part, err, "\"pad_token\" or \"word_delimiter_token\" is empty");
    WANE_TRY(read_cleanup(out, json, part, err));
done:
    return st;
}

static wane_status read_step(void *step, const wane_json *json, const wane_json_part *part,
                             wane_error *err)
{
    decoder_step *out = step;
    static const char *const none[] = {NULL}, *const replace[] = {"pattern", "content", NULL},
                             *const strip[] = {"content", "start", "stop", NULL},
                             *const suffix[] = {"suffix", NULL},
                             *const bytes[] = {"add_prefix_space", "trim_offsets", "use_regex",
                                               NULL};
    wane_status st = WANE_OK;
    const char *type = NULL;
    const char *const *keys = none;
    WANE_TRY(wane_json_part_type(&type, json, part, err));
    if (!strcmp(type, "Metaspace")) return read_metaspace(out, json, part, err);
    if (!strcmp(type, "WordPiece")) return read_pieces(out, json, part, err);
    if (!strcmp(type, "CTC")) return read_ctc(out, json, part, err);
    if (!strcmp(type, "ByteLevel")) {
        keys = bytes;
        out->kind = BYTES;
    } else if (!strcmp(type, "ByteFallback")) {
        out->kind = FALLBACK;
    } else if (!strcmp(type, "Fuse")) {
        out->kind = FUSE;
    } else if (!strcmp(type, "Replace")) {
        keys = replace;
        out->kind = REPLACE;
        WANE_TRY(wane_json_part_string(&out->text, &out->bytes, json, "content", false, part, err));
        WANE_TRY(wane_pattern_read(&out->pattern, wane_json_get(json, "pattern"), part, err));
    } else if (!strcmp(type, "Strip")) {
        keys = strip;
        out->kind = STRIP;
        WANE_TRY(wane_json_part_character(&out->text, &out->bytes, json, "content", part, err));
        WANE_TRY(wane_json_part_count(&out->start, json, "start", INT32_MAX, part, err));
        WANE_TRY(wane_json_part_count(&out->stop, json, "stop", INT32_MAX, part, err));
    } else if (!strcmp(type, "BPEDecoder")) {
        keys = suffix;
        out->kind = SUFFIX;
        WANE_TRY(wane_json_part_string(&out->text, &out->bytes, json, "suffix", false, part, err));
        if (!out->bytes) return wane_json_part_fail(part, err, "\"suffix\" is empty");
    } else {
        return wane_json_part_fail(part, err, "type \"%.64s\" is not supported", type);
    }
    WANE_TRY(wane_json_part_keys(json, keys, part, err));
done:
    return st;
}

wane_status wane_decoder_read(wane_decoder *out, const wane_json *json, const wane_json_part *part,
                              wane_error *err)
{
    wane_decoder made = {.given = wane_json_kind_of(json) != WANE_JSON_NULL};
    void *steps = NULL;
    wane_status st = wane_json_part_steps(&steps, &made.count, sizeof *made.steps, read_step, json,
                                          "decoders", part, err);
    made.steps = steps;
    if (st == WANE_OK) *out = made;
    else wane_decoder_free(&made);
    return st;
}

void wane_decoder_free(wane_decoder *decoder)
{
    for (size_t i = 0; i < decoder->count; i++) wane_pattern_free(decoder->steps[i].pattern);
    wane_free(decoder->steps);
    *decoder = (wane_decoder){0};
}

wane_status wane_strings_end(wane_strings *strings, wane_error *err)
{
    if (strings->text.failed) return wane_fail_memory(err, "tokenizer", "decoding");
    if (!WANE_GROW(strings->ends, strings->capacity, strings->count + 1))
        return wane_fail_memory(err, "tokenizer", "decoding");
    strings->ends[strings->count++] = strings->text.length;
    return WANE_OK;
}

void wane_strings_free(wane_strings *strings)
{
    wane_text_free(&strings->text);
    wane_free(strings->ends);
    *strings = (wane_strings){0};
}

/* One string of a list; `text` is not NUL-terminated. */
typedef struct view {
    const char *text;
    size_t bytes;
} view;

static view string_at(const wane_strings *strings, size_t index)
{
    size_t start = index ? strings->ends[index - 1] : 0;
    return (view){strings->text.data ? strings->text.data + start : "",
                  strings->ends[index] - start};
}

/* All the tokens as bytes: stand-ins where all of a token is, else the token itself. */
static wane_status join_bytes(wane_strings *out, const wane_strings *in, wane_error *err)
{
    wane_text bytes = {0};
    for (size_t i = 0; i < in->count; i++) {
        view token = string_at(in, i);
        size_t before = bytes.length;
        bool shown = true;
        for (size_t at = 0; at < token.bytes && shown;
             at += wane_utf8_size((unsigned char)token.text[at])) {
            int byte = wane_bytes_hide(wane_utf8_decode(token.text + at));
            char value = (char)byte;
            shown = byte >= 0;
            if (shown) wane_text_append(&bytes, &value, 1);
        }
        if (!shown && !bytes.failed) {
            bytes.length = before;
            wane_text_append(&bytes, token.text, token.bytes);
        }
    }
    if (bytes.length) wane_utf8_repair(&out->text, bytes.data, bytes.length);
    if (bytes.failed) out->text.failed = true;
    wane_text_free(&bytes);
    return wane_strings_end(out, err);
}

/* The byte of "<0xNN>", or -1. The library's parser of two digits takes "+N" too. */
static int fallback_byte(view token)
{
    if (token.bytes != 6 || memcmp(token.text, "<0x", 3) != 0 || token.text[5] != '>') return -1;
    int value = 0;
    for (int i = 3; i < 5; i++) {
        char c = token.text[i];
        if (i == 3 && c == '+') continue;
        if (c >= '0' && c <= '9') value = value * 16 + (c - '0');
        else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
            value = value * 16 + ((c | 32) - 'a' + 10);
        else return -1;
    }
    return value;
}

static wane_status end_fallback(wane_strings *out, wane_text *bytes, wane_error *err)
{
    wane_status st = WANE_OK;
    if (!bytes->length) return WANE_OK;
    if (wane_utf8_valid(bytes->data, bytes->length, NULL)) {
        wane_text_append(&out->text, bytes->data, bytes->length);
        WANE_TRY(wane_strings_end(out, err));
    } else { /* the whole run is broken then, a mark for each byte */
        for (size_t i = 0; i < bytes->length; i++) {
            wane_text_append(&out->text, "\xef\xbf\xbd", 3);
            WANE_TRY(wane_strings_end(out, err));
        }
    }
    wane_text_clear(bytes);
done:
    return st;
}

static wane_status join_fallback(wane_strings *out, const wane_strings *in, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_text bytes = {0};
    for (size_t i = 0; i < in->count; i++) {
        view token = string_at(in, i);
        int byte = fallback_byte(token);
        if (byte >= 0) {
            char value = (char)byte;
            wane_text_append(&bytes, &value, 1);
            continue;
        }
        if (bytes.failed) break;
        WANE_TRY(end_fallback(out, &bytes, err));
        wane_text_append(&out->text, token.text, token.bytes);
        WANE_TRY(wane_strings_end(out, err));
    }
    WANE_TRY(wane_text_check(&bytes, "tokenizer", "decoding", err));
    WANE_TRY(end_fallback(out, &bytes, err));
done:
    wane_text_free(&bytes);
    return st;
}

static wane_status replace(const decoder_step *step, wane_strings *out, const wane_strings *in,
                           wane_error *err)
{
    wane_status st = WANE_OK;
    wane_search search = {0};
    WANE_TRY(wane_search_open(&search, step->pattern, err));
    for (size_t i = 0; i < in->count; i++) {
        view token = string_at(in, i);
        size_t from = 0, start = 0, stop = 0;
        WANE_TRY(wane_search_set(&search, token.text, token.bytes, err));
        while ((st = wane_search_next(&search, &start, &stop, err)) == WANE_OK) {
            wane_text_append(&out->text, token.text + from, start - from);
            wane_text_append(&out->text, step->text, step->bytes);
            from = stop;
        }
        if (st != WANE_DONE) goto done;
        wane_text_append(&out->text, token.text + from, token.bytes - from);
        WANE_TRY(wane_strings_end(out, err));
    }
done:
    wane_search_close(&search);
    return st;
}

/* Up to start and stop of the character, off the ends of each token. */
static void strip(const decoder_step *step, wane_text *out, view token)
{
    for (int64_t n = 0; n < step->start && token.bytes >= step->bytes &&
                        !memcmp(token.text, step->text, step->bytes);
         n++) {
        token.text += step->bytes;
        token.bytes -= step->bytes;
    }
    for (int64_t n = 0; n < step->stop && token.bytes >= step->bytes &&
                        !memcmp(token.text + token.bytes - step->bytes, step->text, step->bytes);
         n++)
        token.bytes -= step->bytes;
    wane_text_append(out, token.text, token.bytes);
}

/* Every `mark` in the token becomes `with`. */
static void exchange(wane_text *out, view token, const char *mark, size_t bytes, const char *with)
{
    while (token.bytes) {
        const char *found = memmem(token.text, token.bytes, mark, bytes);
        size_t before = found ? (size_t)(found - token.text) : token.bytes;
        wane_text_append(out, token.text, before);
        if (!found) break;
        wane_text_string(out, with);
        token.text += before + bytes;
        token.bytes -= before + bytes;
    }
}

/* Spaces before punctuation and English short forms go, one exchange after the other. */
static void clean_up(wane_text *out, view token)
{
    static const char *const exchanges[][2] = {
        {" .", "."},   {" ?", "?"},     {" !", "!"},     {" ,", ","},
        {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},   {" do not", " don't"},
        {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
    };
    wane_text text[2] = {{0}, {0}};
    wane_text_append(text, token.text, token.bytes);
    for (size_t i = 0; i < sizeof exchanges / sizeof *exchanges; i++) {
        const char *from = exchanges[i][0];
        view whole = {text[0].data ? text[0].data : "", text[0].length};
        if (!memmem(whole.text, whole.bytes, from, strlen(from))) continue;
        wane_text_clear(text + 1);
        exchange(text + 1, whole, from, strlen(from), exchanges[i][1]);
        wane_text swap = text[0];
        text[0] = text[1];
        text[1] = swap;
    }
    wane_text_append(out, text[0].data ? text[0].data : "", text[0].length);
    out->failed = out->failed || text[0].failed || text[1].failed;
    wane_text_free(text);
    wane_text_free(text + 1);
}

static wane_status join_pieces(const decoder_step *step, wane_strings *out, const wane_strings *in,
                               wane_error *err)
{
    wane_status st = WANE_OK;
    wane_text piece = {0};
    for (size_t i = 0; i < in->count; i++) {
        view token = string_at(in, i);
        bool inside = token.bytes >= step->bytes && !memcmp(token.text, step->text, step->bytes);
        wane_text_clear(&piece);
        if (i && !inside) wane_text_append(&piece, " ", 1);
        if (i && inside) token = (view){token.text + step->bytes, token.bytes - step->bytes};
        wane_text_append(&piece, token.text, token.bytes);
        WANE_TRY(wane_text_check(&piece, "tokenizer", "decoding", err));
        if (step->cleanup) clean_up(&out->text, (view){piece.data, piece.length});
        else wane_text_append(&out->text, piece.data, piece.length);
        WANE_TRY(wane_strings_end(out, err));
    }
done:
    wane_text_free(&piece);
    return st;
}

/* Of equal tokens side by side one; without padding; what is then empty is left out. */
static wane_status join_ctc(const decoder_step *step, wane_strings *out, const wane_strings *in,
                            wane_error *err)
{
    wane_status st = WANE_OK;
    wane_text piece = {0}, clean = {0};
    for (size_t i = 0; i < in->count; i++) {
        view token = string_at(in, i), before = string_at(in, i ? i - 1 : 0);
        if (i && token.bytes == before.bytes && !memcmp(token.text, before.text, token.bytes))
            continue;
        wane_text_clear(&piece);
        wane_text_clear(&clean);
        size_t start = out->text.length;
        exchange(step->cleanup ? &piece : &out->text, token, step->text, step->bytes, "");
        if (step->cleanup) {
            clean_up(&clean, (view){piece.data ? piece.data : "", piece.length});
            exchange(&out->text, (view){clean.data ? clean.data : "", clean.length},
                     step->delimiter, step->delimiter_bytes, " ");
        }
        WANE_TRY(wane_text_check(&piece, "tokenizer", "decoding", err));
        WANE_TRY(wane_text_check(&clean, "tokenizer", "decoding", err));
        if (out->text.length > start) WANE_TRY(wane_strings_end(out, err));
    }
done:
    wane_text_free(&piece);
    wane_text_free(&clean);
    return st;
}

static wane_status each_token(const decoder_step *step, wane_strings *out, const wane_strings *in,
                              wane_error *err)
{
    wane_status st = WANE_OK;
    for (size_t i = 0; i < in->count; i++) {
        view token = string_at(in, i);
        if (step->kind == STRIP) strip(step, &out->text, token);
        else if (step->kind == METASPACE)
            exchange(&out->text, token, step->text, step->bytes,
                     i == 0 && step->prepended ? "" : " ");
        else exchange(&out->text, token, step->text, step->bytes, i + 1 == in->count ? "" : " ");
        WANE_TRY(wane_strings_end(out, err));
    }
done:
    return st;
}

static wane_status apply(const decoder_step *step, wane_strings *out, const wane_strings *in,
                         wane_error *err)
{
    switch (step->kind) {
    case BYTES: return join_bytes(out, in, err);
    case FALLBACK: return join_fallback(out, in, err);
    case REPLACE: return replace(step, out, in, err);
    case PIECES: return join_pieces(step, out, in, err);
    case CTC: return join_ctc(step, out, in, err);
    case FUSE:
        if (in->text.length) wane_text_append(&out->text, in->text.data, in->text.length);
        return wane_strings_end(out, err);
    default: return each_token(step, out, in, err);
    }
}

wane_status wane_decoder_apply(const wane_decoder *decoder, wane_strings *tokens, wane_text *out,
                               wane_error *err)
{
    wane_status st = WANE_OK;
    wane_strings next = {0};
    for (size_t i = 0; i < decoder->count; i++) {
        next.count = 0;
        wane_text_clear(&next.text);
        WANE_TRY(apply(decoder->steps + i, &next, tokens, err));
        wane_strings swap = *tokens;
        *tokens = next;
        next = swap;
    }
    for (size_t i = 0; i < tokens->count; i++) {
        view token = string_at(tokens, i);
        if (i && !decoder->given) wane_text_append(out, " ", 1);
        wane_text_append(out, token.text, token.bytes);
    }
    st = wane_text_check(out, "tokenizer", "decoding", err);
done:
    wane_strings_free(&next);
    return st;
}
