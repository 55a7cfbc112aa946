/* SPDX-License-Identifier: Apache-2.0
 * Reads each normalizer as a step and runs the steps over one text between two buffers, keeping
 * count of what they put before it; and GPT-2's alphabet for bytes.
 */
#include "tasks/text/normalize.h"

#include <string.h>

#include "tasks/text/charsmap.h"
#include "tasks/text/pattern.h"
#include "tasks/text/unicode.h"

typedef enum kind {
    PREPEND,
    REPLACE,
    FORM,
    LOWER,
    STRIP,
    MAP,
    CHINESE,
    BERT,
    CHARSMAP,
    BYTES
} kind;
enum { DROPPED = 0x110000 }; /* for a code point that a map takes out */

struct wane_normalizer_step {
    kind kind;
    const char *text; /* PREPEND, REPLACE */
    size_t bytes;
    wane_pattern *pattern;
    wane_charsmap *charsmap;
    wane_form form;
    uint32_t (*map)(uint32_t code);      /* MAP */
    bool left, right;                    /* STRIP */
    bool longest;                        /* CHARSMAP: as SentencePiece's library applies it */
    bool clean, chinese, accents, lower; /* BERT */
};
typedef struct wane_normalizer_step normalizer_step;

static uint32_t without_marks(uint32_t code)
{
    return wane_unicode_mark(code) ? DROPPED : code;
}

static uint32_t without_accents(uint32_t code)
{
    return wane_unicode_accent(code) ? DROPPED : code;
}

static uint32_t cleaned(uint32_t code)
{
    if (wane_unicode_other(code)) return DROPPED;
    return wane_unicode_space(code) ? ' ' : code;
}

static uint32_t nmt(uint32_t code)
{
    static const uint32_t spaces[] = {0x09,   0x0a,   0x0c,   0x0d,   0x1680,
                                      0x200b, 0x200c, 0x200d, 0x200e, 0x200f,
                                      0x2028, 0x2029, 0x2581, 0xfeff, 0xfffd};
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++)
        if (code == spaces[i]) return ' ';
    if ((code < 0x20 && code) || code == 0x7f || code == 0x8f || code == 0x9f) return DROPPED;
    return code;
}

/* The characters that BertNormalizer puts between spaces, as the library has their blocks. */
static bool chinese(uint32_t code)
{
    return (code >= 0x4e00 && code <= 0x9fff) || (code >= 0x3400 && code <= 0x4dbf) ||
           (code >= 0x20000 && code <= 0x2a6df) || (code >= 0x2a700 && code <= 0x2b81f) ||
           (code >= 0x2b920 && code <= 0x2ceaf) || (code >= 0xf900 && code <= 0xfaff) ||
           (code >= 0x2f800 && code <= 0x2fa1f);
}

static wane_status read_bert(normalizer_step *out, const wane_json *json,
                             const wane_json_part *part, wane_error *err)
{
    static const char *const keys[] = {"clean_text", "handle_chinese_chars", "strip_accents",
                                       "lowercase", NULL};
    wane_status st = WANE_OK;
    out->kind = BERT;
    WANE_TRY(wane_json_part_keys(json, keys, part, err));
    for (size_t i = 0; keys[i]; i++)
        if (i != 2 && wane_json_kind_of(wane_json_get(json, keys[i])) != WANE_JSON_BOOL)
            return wane_json_part_fail(part, err, "\"%s\" is neither true nor false", keys[i]);
    WANE_TRY(wane_json_part_bool(&out->clean, json, keys[0], false, part, err));
    WANE_TRY(wane_json_part_bool(&out->chinese, json, keys[1], false, part, err));
    WANE_TRY(wane_json_part_bool(&out->lower, json, keys[3], false, part, err));
    WANE_TRY(wane_json_part_bool(&out->accents, json, keys[2], out->lower, part, err));
done:
    return st;
}

/* The normalizers that are a word alone. */
static bool read_plain(normalizer_step *out, const char *type)
{
    static const struct {
        const char *type;
        normalizer_step step;
    } plain[] = {{"NFC", {.kind = FORM, .form = WANE_NFC}},
                 {"NFD", {.kind = FORM, .form = WANE_NFD}},
                 {"NFKC", {.kind = FORM, .form = WANE_NFKC}},
                 {"NFKD", {.kind = FORM, .form = WANE_NFKD}},
                 {"Lowercase", {.kind = LOWER}},
                 {"ByteLevel", {.kind = BYTES}},
                 {"Nmt", {.kind = MAP, .map = nmt}},
                 {"StripAccents", {.kind = MAP, .map = without_marks}}};
    size_t i = 0;
    while (i < sizeof plain / sizeof *plain && strcmp(plain[i].type, type) != 0) i++;
    if (i == sizeof plain / sizeof *plain) return false;
    *out = plain[i].step;
    return true;
}

static wane_status read_step(void *step, const wane_json *json, const wane_json_part *part,
                             wane_error *err)
{
    normalizer_step *out = step;
    static const char *const none[] = {NULL}, *const prepend[] = {"prepend", NULL},
                             *const replace[] = {"pattern", "content", NULL},
                             *const strip[] = {"strip_left", "strip_right", NULL},
                             *const charsmap[] = {"precompiled_charsmap", "longest", NULL};
    wane_status st = WANE_OK;
    const char *type = NULL;
    const char *const *keys = none;
    WANE_TRY(wane_json_part_type(&type, json, part, err));
    if (!strcmp(type, "BertNormalizer")) return read_bert(out, json, part, err);
    if (!strcmp(type, "Prepend")) {
        keys = prepend;
        out->kind = PREPEND;
        WANE_TRY(wane_json_part_string(&out->text, &out->bytes, json, "prepend", false, part, err));
    } else if (!strcmp(type, "Replace")) {
        keys = replace;
        out->kind = REPLACE;
        WANE_TRY(wane_json_part_string(&out->text, &out->bytes, json, "content", false, part, err));
        WANE_TRY(wane_pattern_read(&out->pattern, wane_json_get(json, "pattern"), part, err));
    } else if (!strcmp(type, "Strip")) {
        keys = strip;
        out->kind = STRIP;
        WANE_TRY(wane_json_part_bool(&out->left, json, "strip_left", true, part, err));
        WANE_TRY(wane_json_part_bool(&out->right, json, "strip_right", true, part, err));
    } else if (!strcmp(type, "Precompiled")) {
        keys = charsmap;
        out->kind = CHARSMAP;
        WANE_TRY(wane_charsmap_read(&out->charsmap, wane_json_get(json, *charsmap), part, err));
        WANE_TRY(wane_json_part_bool(&out->longest, json, "longest", false, part, err));
    } else if (!read_plain(out, type)) {
        return wane_json_part_fail(part, err, "type \"%.64s\" is not supported", type);
    }
    WANE_TRY(wane_json_part_keys(json, keys, part, err));
done:
    return st;
}

wane_status wane_normalizer_read(wane_normalizer *out, const wane_json *json,
                                 const wane_json_part *part, wane_error *err)
{
    wane_normalizer made = {0};
    void *steps = NULL;
    wane_status st = wane_json_part_steps(&steps, &made.count, sizeof *made.steps, read_step, json,
                                          "normalizers", part, err);
    made.steps = steps;
    if (st == WANE_OK) *out = made;
    else wane_normalizer_free(&made);
    return st;
}

void wane_normalizer_free(wane_normalizer *normalizer)
{
    for (size_t i = 0; i < normalizer->count; i++) {
        wane_pattern_free(normalizer->steps[i].pattern);
        wane_charsmap_free(normalizer->steps[i].charsmap);
    }
    wane_free(normalizer->steps);
    *normalizer = (wane_normalizer){0};
}

/* What replaces a match comes from the last character of the match, as the library has it. */
static wane_status replace(const normalizer_step *step, wane_text *out, const wane_text *in,
                           size_t *lead, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_search search = {0};
    size_t from = 0, start = 0, stop = 0, new_lead = 0;
    WANE_TRY(wane_search_open(&search, step->pattern, err));
    WANE_TRY(wane_search_set(&search, in->data, in->length, err));
    while ((st = wane_search_next(&search, &start, &stop, err)) == WANE_OK) {
        wane_text_append(out, in->data + from, start - from);
        if (from < *lead) new_lead = out->length - (start > *lead ? start - *lead : 0);
        wane_text_append(out, step->text, step->bytes);
        if (start < *lead && stop <= *lead) new_lead = out->length;
        from = stop;
    }
    if (st != WANE_DONE) goto done;
    st = WANE_OK;
    wane_text_append(out, in->data + from, in->length - from);
    if (from < *lead) new_lead = out->length - (in->length - *lead);
    *lead = new_lead;
done:
    wane_search_close(&search);
    return st;
}

static void strip(const normalizer_step *step, wane_text *out, const wane_text *in, size_t *lead)
{
    size_t start = 0, stop = in->length;
    while (step->left && start < stop && wane_unicode_space(wane_utf8_decode(in->data + start)))
        start += wane_utf8_size((unsigned char)in->data[start]);
    while (step->right && stop > start) {
        size_t before = stop - 1;
        while (((unsigned char)in->data[before] & 0xc0) == 0x80) before--;
        if (!wane_unicode_space(wane_utf8_decode(in->data + before))) break;
        stop = before;
    }
    wane_text_append(out, in->data + start, stop - start);
    *lead = *lead > start ? *lead - start : 0;
}

/* Code point by code point. */
static void map(uint32_t (*to)(uint32_t), wane_text *out, const wane_text *in, size_t *lead)
{
    size_t old_lead = *lead, start = out->length;
    *lead = 0;
    for (size_t at = 0; at < in->length;) {
        size_t size = wane_utf8_size((unsigned char)in->data[at]);
        uint32_t code = wane_utf8_decode(in->data + at), mapped = to(code);
        char written[4];
        if (mapped == code) wane_text_append(out, in->data + at, size);
        else if (mapped != DROPPED)
            wane_text_append(out, written, wane_utf8_encode(written, mapped));
        if (at < old_lead) *lead = out->length - start;
        at += size;
    }
}

static void space_chinese(wane_text *out, const wane_text *in, size_t *lead)
{
    size_t old_lead = *lead, start = out->length;
    *lead = 0;
    for (size_t at = 0; at < in->length;) {
        size_t size = wane_utf8_size((unsigned char)in->data[at]);
        bool apart = chinese(wane_utf8_decode(in->data + at));
        if (apart) wane_text_append(out, " ", 1);
        wane_text_append(out, in->data + at, size);
        if (apart) wane_text_append(out, " ", 1);
        if (at < old_lead) *lead = out->length - start;
        at += size;
    }
}

/* BertNormalizer is these, one after the other. */
static wane_status apply_bert(const normalizer_step *step, wane_text *out, const wane_text *in,
                              size_t *lead, wane_error *err)
{
    normalizer_step parts[5];
    wane_normalizer all = {.steps = parts};
    wane_text spare = {0};
    if (step->clean) parts[all.count++] = (normalizer_step){.kind = MAP, .map = cleaned};
    if (step->chinese) parts[all.count++] = (normalizer_step){.kind = CHINESE};
    if (step->accents) {
        parts[all.count++] = (normalizer_step){.kind = FORM, .form = WANE_NFD};
        parts[all.count++] = (normalizer_step){.kind = MAP, .map = without_accents};
    }
    if (step->lower) parts[all.count++] = (normalizer_step){.kind = LOWER};
    wane_text_append(out, in->data, in->length);
    wane_status st = wane_text_check(out, "tokenizer", "normalisation", err);
    if (st == WANE_OK) st = wane_normalizer_apply(&all, out, &spare, lead, err);
    wane_text_free(&spare);
    return st;
}

static wane_status apply(const normalizer_step *step, wane_text *out, const wane_text *in,
                         size_t *lead, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t before = *lead < in->length ? *lead : in->length;
    wane_text alone = {0}; /* what the lead becomes by itself tells how long it is afterwards */
    *lead = before;
    switch (step->kind) {
    case PREPEND:
        wane_text_append(out, step->text, step->bytes);
        wane_text_append(out, in->data, in->length);
        if (before) *lead = before + step->bytes;
        break;
    case REPLACE: WANE_TRY(replace(step, out, in, lead, err)); break;
    case STRIP: strip(step, out, in, lead); break;
    case MAP: map(step->map, out, in, lead); break;
    case CHINESE: space_chinese(out, in, lead); break;
    case BERT: WANE_TRY(apply_bert(step, out, in, lead, err)); break;
    case CHARSMAP:
        WANE_TRY((step->longest ? wane_charsmap_apply_longest : wane_charsmap_apply)(
            step->charsmap, out, in->data, in->length, lead, err));
        break;
    case FORM:
        WANE_TRY(wane_unicode_normalize(out, in->data, in->length, step->form, err));
        if (before) WANE_TRY(wane_unicode_normalize(&alone, in->data, before, step->form, err));
        *lead = alone.length;
        break;
    case LOWER:
        wane_unicode_lower(out, in->data, in->length);
        wane_unicode_lower(&alone, in->data, before);
        *lead = alone.length;
        break;
    case BYTES:
        wane_bytes_show(out, in->data, in->length);
        wane_bytes_show(&alone, in->data, before);
        *lead = alone.length;
        break;
    }
    WANE_TRY(wane_text_check(out, "tokenizer", "normalisation", err));
    WANE_TRY(wane_text_check(&alone, "tokenizer", "normalisation", err));
done:
    wane_text_free(&alone);
    return st;
}

wane_status wane_normalizer_apply(const wane_normalizer *normalizer, wane_text *text,
                                  wane_text *spare, size_t *lead, wane_error *err)
{
    for (size_t i = 0; i < normalizer->count && text->length; i++) {
        wane_text_clear(spare);
        wane_status st = apply(normalizer->steps + i, spare, text, lead, err);
        if (st != WANE_OK) return st;
        wane_text swap = *text;
        *text = *spare;
        *spare = swap;
    }
    return WANE_OK;
}

/* GPT-2's alphabet: printable Latin-1 bytes stand for themselves, the 68 others for U+0100 on. */
static bool shown_as_itself(unsigned byte)
{
    return (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

static unsigned stand_in(unsigned byte)
{
    if (shown_as_itself(byte)) return byte;
    if (byte <= ' ') return 0x100 + byte;
    return byte == 0xad ? 0x143 : 0x100 + byte - 0x7f + 33;
}

void wane_bytes_show(wane_text *out, const char *bytes, size_t count)
{
    char *to = count <= SIZE_MAX / 2 ? wane_text_room(out, count * 2) : NULL;
    if (!to) {
        out->failed = true;
        return;
    }
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned byte = (unsigned char)bytes[i];
        if (byte > ' ' && byte < 0x7f) to[length++] = (char)byte;
        else length += wane_utf8_encode(to + length, stand_in(byte));
    }
    out->length += length;
}

int wane_bytes_hide(uint32_t code)
{
    if (code < 0x100) return shown_as_itself(code) ? (int)code : -1;
    if (code <= 0x120) return (int)code - 0x100;
    if (code == 0x143) return 0xad;
    return code <= 0x142 ? (int)code - 0x121 + 0x7f : -1;
}
