/* SPDX-License-Identifier: Apache-2.0
 * Reads each pre-tokenizer as a step and cuts every piece by its pattern or class of characters,
 * with the five behaviours of a match, or writes it anew.
 */
#include "tasks/text/split.h"

#include <string.h>

#include "store/base/memory.h"
#include "tasks/text/normalize.h"
#include "tasks/text/pattern.h"
#include "tasks/text/unicode.h"

typedef enum kind { PATTERN, CLASS, SCRIPTS, FIXED, METASPACE, BERT, BYTES } kind;
typedef enum behaviour { ISOLATED, REMOVED, WITH_PREVIOUS, WITH_NEXT, CONTIGUOUS } behaviour;
typedef enum prepend { ALWAYS, FIRST, NEVER } prepend;

struct wane_splitter_step {
    kind kind;
    behaviour behaviour;
    bool invert;
    wane_pattern *pattern;        /* PATTERN; BYTES with its expression */
    bool (*class)(uint32_t code); /* CLASS: each such character is a match */
    prepend prepend;              /* METASPACE; BYTES: always a space, or never */
    bool split;                   /* METASPACE */
    const char *mark;             /* METASPACE: what stands for a space; CLASS: one character */
    size_t mark_bytes;
    int64_t length; /* FIXED: code points of a piece */
};
typedef struct wane_splitter_step splitter_step;

#define GPT2_WORDS                                                                                 \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
/* Words as the library's Whitespace has them. */
#define PLAIN_WORDS WANE_WORD_CLASS "+|[^" WANE_WORD_CHARACTERS "\\p{White_Space}]+"

static wane_status read_behaviour(behaviour *out, const wane_json *json, const wane_json_part *part,
                                  wane_error *err)
{
    static const char *const names[] = {"Isolated", "Removed", "MergedWithPrevious",
                                        "MergedWithNext", "Contiguous"};
    const wane_json *value = wane_json_get(json, "behavior");
    const char *name = wane_json_string(value, NULL);
    if (wane_json_kind_of(value) == WANE_JSON_NULL) return WANE_OK; /* as it was */
    for (size_t i = 0; name && i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i])) {
            *out = (behaviour)i;
            return WANE_OK;
        }
    return wane_json_part_fail(part, err, "unknown \"behavior\"");
}

static wane_status read_metaspace(splitter_step *out, const wane_json *json,
                                  const wane_json_part *part, wane_error *err)
{
    static const char *const keys[] = {"replacement", "add_prefix_space", "prepend_scheme",
                                       "split",       "str_rep",          NULL};
    wane_status st = WANE_OK;
    bool add = true;
    out->kind = METASPACE;
    out->behaviour = WITH_NEXT;
    WANE_TRY(wane_json_part_keys(json, keys, part, err));
    WANE_TRY(
        wane_json_part_character(&out->mark, &out->mark_bytes, json, "replacement", part, err));
    WANE_TRY(wane_json_part_bool(&out->split, json, "split", true, part, err));
    WANE_TRY(wane_json_part_bool(&add, json, "add_prefix_space", true, part, err));
    const wane_json *value = wane_json_get(json, "prepend_scheme");
    const char *scheme = wane_json_string(value, NULL);
    if (wane_json_kind_of(value) == WANE_JSON_NULL) out->prepend = add ? ALWAYS : NEVER;
    else if (scheme && !strcmp(scheme, "always")) out->prepend = ALWAYS;
    else if (scheme && !strcmp(scheme, "first")) out->prepend = FIRST;
    else if (scheme && !strcmp(scheme, "never")) out->prepend = NEVER;
    else st = wane_json_part_fail(part, err, "unknown \"prepend_scheme\"");
    if (st == WANE_OK && !add && out->prepend != NEVER)
        st = wane_json_part_fail(part, err, "\"add_prefix_space\" and \"prepend_scheme\" disagree");
done:
    return st;
}

static wane_status read_bytes(splitter_step *out, const wane_json *json, const wane_json_part *part,
                              wane_error *err)
{
    static const char *const keys[] = {"add_prefix_space", "trim_offsets", "use_regex", NULL};
    wane_status st = WANE_OK;
    bool add = false, regex = true;
    out->kind = BYTES;
    WANE_TRY(wane_json_part_keys(json, keys, part, err));
    WANE_TRY(wane_json_part_bool(&add, json, "add_prefix_space", true, part, err));
    WANE_TRY(wane_json_part_bool(&regex, json, "use_regex", true, part, err));
    out->prepend = add ? ALWAYS : NEVER;
    if (regex)
        WANE_TRY(wane_pattern_compile(&out->pattern, GPT2_WORDS, strlen(GPT2_WORDS), WANE_ONIGURUMA,
                                      part, err));
done:
    return st;
}

static wane_status read_split(splitter_step *out, const wane_json *json, const wane_json_part *part,
                              wane_error *err)
{
    static const char *const keys[] = {"pattern", "behavior", "invert", NULL};
    wane_status st = WANE_OK;
    out->kind = PATTERN;
    WANE_TRY(wane_json_part_keys(json, keys, part, err));
    if (!wane_json_string(wane_json_get(json, "behavior"), NULL))
        return wane_json_part_fail(part, err, "Split without a \"behavior\"");
    WANE_TRY(read_behaviour(&out->behaviour, json, part, err));
    WANE_TRY(wane_json_part_bool(&out->invert, json, "invert", false, part, err));
    WANE_TRY(wane_pattern_read(&out->pattern, wane_json_get(json, "pattern"), part, err));
done:
    return st;
}

/* The pre-tokenizers that are one class of characters with a behaviour. */
static wane_status read_class(splitter_step *out, const char *type, const wane_json *json,
                              const wane_json_part *part, wane_error *err)
{
    static const char *const none[] = {NULL}, *const digits[] = {"individual_digits", NULL},
                             *const punctuation[] = {"behavior", NULL},
                             *const delimiter[] = {"delimiter", NULL};
    wane_status st = WANE_OK;
    const char *const *keys = none;
    out->kind = CLASS;
    if (!strcmp(type, "WhitespaceSplit")) {
        out->class = wane_unicode_space;
        out->behaviour = REMOVED;
    } else if (!strcmp(type, "Digits")) {
        bool alone = false;
        keys = digits;
        WANE_TRY(wane_json_part_bool(&alone, json, "individual_digits", false, part, err));
        out->class = wane_unicode_number;
        out->behaviour = alone ? ISOLATED : CONTIGUOUS;
    } else if (!strcmp(type, "Punctuation")) {
        keys = punctuation;
        out->class = wane_unicode_punctuation;
        WANE_TRY(read_behaviour(&out->behaviour, json, part, err));
    } else if (!strcmp(type, "CharDelimiterSplit")) {
        keys = delimiter;
        out->behaviour = REMOVED;
        WANE_TRY(
            wane_json_part_character(&out->mark, &out->mark_bytes, json, "delimiter", part, err));
    } else {
        return wane_json_part_fail(part, err, "type \"%.64s\" is not supported", type);
    }
    WANE_TRY(wane_json_part_keys(json, keys, part, err));
done:
    return st;
}

static wane_status read_fixed(splitter_step *out, const wane_json *json, const wane_json_part *part,
                              wane_error *err)
{
    static const char *const keys[] = {"length", NULL};
    wane_status st = WANE_OK;
    out->kind = FIXED;
    out->length = 5;
    WANE_TRY(wane_json_part_keys(json, keys, part, err));
    if (wane_json_get(json, "length"))
        WANE_TRY(wane_json_part_count(&out->length, json, "length", INT32_MAX, part, err));
    if (!out->length) st = wane_json_part_fail(part, err, "\"length\" is 0");
done:
    return st;
}

static wane_status read_step(void *step, const wane_json *json, const wane_json_part *part,
                             wane_error *err)
{
    splitter_step *out = step;
    static const char *const none[] = {NULL};
    wane_status st = WANE_OK;
    const char *type = NULL;
    WANE_TRY(wane_json_part_type(&type, json, part, err));
    if (!strcmp(type, "ByteLevel")) return read_bytes(out, json, part, err);
    if (!strcmp(type, "Split")) return read_split(out, json, part, err);
    if (!strcmp(type, "Metaspace")) return read_metaspace(out, json, part, err);
    if (!strcmp(type, "FixedLength")) return read_fixed(out, json, part, err);
    if (!strcmp(type, "BertPreTokenizer") || !strcmp(type, "UnicodeScripts")) {
        out->kind = *type == 'B' ? BERT : SCRIPTS;
        return wane_json_part_keys(json, none, part, err);
    }
    if (strcmp(type, "Whitespace") != 0) return read_class(out, type, json, part, err);
    out->behaviour = REMOVED;
    out->invert = true;
    WANE_TRY(wane_json_part_keys(json, none, part, err));
    WANE_TRY(wane_pattern_compile(&out->pattern, PLAIN_WORDS, strlen(PLAIN_WORDS), WANE_PCRE2, part,
                                  err));
done:
    return st;
}

wane_status wane_splitter_read(wane_splitter *out, const wane_json *json,
                               const wane_json_part *part, wane_error *err)
{
    wane_splitter made = {0};
    void *steps = NULL;
    wane_status st = wane_json_part_steps(&steps, &made.count, sizeof *made.steps, read_step, json,
                                          "pretokenizers", part, err);
    made.steps = steps;
    if (st == WANE_OK) *out = made;
    else wane_splitter_free(&made);
    return st;
}

void wane_splitter_free(wane_splitter *splitter)
{
    for (size_t i = 0; i < splitter->count; i++) wane_pattern_free(splitter->steps[i].pattern);
    wane_free(splitter->steps);
    *splitter = (wane_splitter){0};
}

/* Cuts one piece where its matches are, part by part in order: [start, stop), match or not. */
typedef struct cutter {
    const splitter_step *step;
    wane_pieces *pieces;
    const wane_piece *piece;
    size_t start, stop; /* the part that is not emitted yet; none when start == SIZE_MAX */
    bool pending_match; /* what the last part was */
} cutter;

static wane_status cut_flush(cutter *c, wane_error *err)
{
    if (c->start == SIZE_MAX) return WANE_OK;
    size_t start = c->start;
    c->start = SIZE_MAX;
    return wane_pieces_cut(c->pieces, c->piece, start, c->stop, err);
}

static wane_status cut_part(cutter *c, size_t start, size_t stop, bool match, wane_error *err)
{
    wane_status st = WANE_OK;
    bool join = false;
    match ^= c->step->invert;
    switch (c->step->behaviour) {
    case ISOLATED: break;
    case REMOVED:
        if (match) return WANE_OK;
        break;
    case CONTIGUOUS: join = match == c->pending_match; break;
    case WITH_PREVIOUS: join = match && !c->pending_match; break;
    case WITH_NEXT: join = !match && c->pending_match; break;
    }
    c->pending_match = match;
    if (join && c->start != SIZE_MAX) {
        c->stop = stop;
        return WANE_OK;
    }
    WANE_TRY(cut_flush(c, err));
    c->start = start;
    c->stop = stop;
done:
    return st;
}

static wane_status cut_matches(cutter *c, wane_search *search, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t from = 0, start = 0, stop = 0;
    WANE_TRY(wane_search_set(search, c->pieces->text + c->piece->start, c->piece->bytes, err));
    while ((st = wane_search_next(search, &start, &stop, err)) == WANE_OK) {
        if (from < start) WANE_TRY(cut_part(c, from, start, false, err));
        WANE_TRY(cut_part(c, start, stop, true, err));
        from = stop;
    }
    if (st != WANE_DONE) goto done;
    if (from < c->piece->bytes) WANE_TRY(cut_part(c, from, c->piece->bytes, false, err));
    WANE_TRY(cut_flush(c, err));
done:
    return st;
}

static wane_status cut_class(cutter *c, wane_error *err)
{
    wane_status st = WANE_OK;
    const splitter_step *step = c->step;
    const char *text = c->pieces->text + c->piece->start;
    uint32_t mark = step->mark ? wane_utf8_decode(step->mark) : 0;
    size_t from = 0, at = 0;
    while (at < c->piece->bytes) {
        uint32_t code = wane_utf8_decode(text + at);
        size_t next = at + wane_utf8_size((unsigned char)text[at]);
        if (step->mark ? code == mark : step->class(code)) {
            if (from < at) WANE_TRY(cut_part(c, from, at, false, err));
            WANE_TRY(cut_part(c, at, next, true, err));
            from = next;
        }
        at = next;
    }
    if (from < at) WANE_TRY(cut_part(c, from, at, false, err));
    WANE_TRY(cut_flush(c, err));
done:
    return st;
}

/* Where a character of another script begins; those of none go with what is before them, and are
 * dropped where nothing is, as the library has it. */
static wane_status cut_scripts(cutter *c, wane_error *err)
{
    const char *text = c->pieces->text + c->piece->start;
    int last = -1;
    for (size_t at = 0; at < c->piece->bytes; at += wane_utf8_size((unsigned char)text[at])) {
        int script = wane_unicode_script(wane_utf8_decode(text + at));
        if (script >= 0 && script != last) {
            c->stop = at;
            wane_status st = cut_flush(c, err);
            if (st != WANE_OK) return st;
            c->start = at;
            last = script;
        }
    }
    c->stop = c->piece->bytes;
    return cut_flush(c, err);
}

static wane_status cut_fixed(cutter *c, wane_error *err)
{
    const char *text = c->pieces->text + c->piece->start;
    wane_status st = WANE_OK;
    for (size_t at = 0; at < c->piece->bytes;) {
        c->start = at;
        for (int64_t n = 0; n < c->step->length && at < c->piece->bytes; n++)
            at += wane_utf8_size((unsigned char)text[at]);
        c->stop = at;
        WANE_TRY(cut_flush(c, err));
    }
done:
    return st;
}

/* Every piece of text through the step; text itself stays. */
static wane_status cut_all(const splitter_step *step, wane_pieces *pieces, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_search search = {0};
    if (step->pattern) WANE_TRY(wane_search_open(&search, step->pattern, err));
    for (size_t i = 0; i < pieces->count; i++) {
        cutter c = {.step = step, .pieces = pieces, .piece = pieces->items + i, .start = SIZE_MAX};
        if (c.piece->id >= 0) WANE_TRY(wane_pieces_emit(pieces, *c.piece, err));
        else if (step->pattern) WANE_TRY(cut_matches(&c, &search, err));
        else if (step->kind == SCRIPTS) WANE_TRY(cut_scripts(&c, err));
        else if (step->kind == FIXED) WANE_TRY(cut_fixed(&c, err));
        else WANE_TRY(cut_class(&c, err));
    }
    WANE_TRY(wane_pieces_turn(pieces, 0, err));
done:
    wane_search_close(&search);
    return st;
}

/* Writes every piece of text anew by `write`, which appends piece i and says how long its lead is
 * there. */
static wane_status rewrite_all(const splitter_step *step, wane_pieces *pieces,
                               size_t (*write)(const splitter_step *, wane_text *, const char *,
                                               const wane_piece *),
                               wane_error *err)
{
    wane_status st = WANE_OK;
    wane_text *out = wane_pieces_spare(pieces);
    for (size_t i = 0; i < pieces->count; i++) {
        wane_piece piece = pieces->items[i];
        if (piece.id < 0) {
            size_t start = out->length;
            piece.lead = write(step, out, pieces->text + piece.start, &piece);
            piece.start = start;
            piece.bytes = out->length - start;
        }
        WANE_TRY(wane_pieces_emit(pieces, piece, err));
    }
    WANE_TRY(wane_pieces_turn(pieces, 1, err));
done:
    return st;
}

static size_t write_metaspace(const splitter_step *step, wane_text *out, const char *text,
                              const wane_piece *piece)
{
    size_t start = out->length, lead = 0;
    bool marked = text[0] == ' ' ||
                  (piece->bytes >= step->mark_bytes && !memcmp(text, step->mark, step->mark_bytes));
    if (!marked && (step->prepend == ALWAYS || (step->prepend == FIRST && piece->lead)))
        wane_text_append(out, step->mark, step->mark_bytes);
    for (size_t at = 0; at < piece->bytes;) {
        const char *space = memchr(text + at, ' ', piece->bytes - at);
        size_t stop = space ? (size_t)(space - text) : piece->bytes;
        wane_text_append(out, text + at, stop - at);
        if (at < piece->lead)
            lead = out->length - start - (stop > piece->lead ? stop - piece->lead : 0);
        if (space) {
            wane_text_append(out, step->mark, step->mark_bytes);
            if (stop < piece->lead) lead = out->length - start;
        }
        at = stop + (space != NULL);
    }
    return lead;
}

static size_t write_space(const splitter_step *step, wane_text *out, const char *text,
                          const wane_piece *piece)
{
    bool add = step->prepend == ALWAYS && text[0] != ' ';
    if (add) wane_text_append(out, " ", 1);
    wane_text_append(out, text, piece->bytes);
    return piece->lead ? piece->lead + add : 0;
}

static size_t write_bytes(const splitter_step *step, wane_text *out, const char *text,
                          const wane_piece *piece)
{
    (void)step;
    size_t start = out->length;
    wane_bytes_show(out, text, piece->lead);
    size_t lead = out->length - start;
    wane_bytes_show(out, text + piece->lead, piece->bytes - piece->lead);
    return lead;
}

static wane_status apply_metaspace(const splitter_step *step, wane_pieces *pieces, wane_error *err)
{
    wane_status st = WANE_OK;
    splitter_step marks = *step;
    marks.kind = CLASS;
    WANE_TRY(rewrite_all(step, pieces, write_metaspace, err));
    if (step->split) WANE_TRY(cut_all(&marks, pieces, err));
done:
    return st;
}

static wane_status apply_bytes(const splitter_step *step, wane_pieces *pieces, wane_error *err)
{
    wane_status st = WANE_OK;
    if (step->prepend == ALWAYS) WANE_TRY(rewrite_all(step, pieces, write_space, err));
    if (step->pattern) WANE_TRY(cut_all(step, pieces, err));
    WANE_TRY(rewrite_all(step, pieces, write_bytes, err));
done:
    return st;
}

static wane_status apply_bert(wane_pieces *pieces, wane_error *err)
{
    static const splitter_step words = {
        .kind = CLASS, .behaviour = REMOVED, .class = wane_unicode_space};
    static const splitter_step marks = {
        .kind = CLASS, .behaviour = ISOLATED, .class = wane_unicode_punctuation};
    wane_status st = cut_all(&words, pieces, err);
    return st == WANE_OK ? cut_all(&marks, pieces, err) : st;
}

wane_status wane_splitter_apply(const wane_splitter *splitter, wane_pieces *pieces, wane_error *err)
{
    wane_status st = WANE_OK;
    for (size_t i = 0; i < splitter->count; i++) {
        const splitter_step *step = splitter->steps + i;
        if (step->kind == METASPACE) WANE_TRY(apply_metaspace(step, pieces, err));
        else if (step->kind == BYTES) WANE_TRY(apply_bytes(step, pieces, err));
        else if (step->kind == BERT) WANE_TRY(apply_bert(pieces, err));
        else WANE_TRY(cut_all(step, pieces, err));
    }
done:
    return st;
}
