/* SPDX-License-Identifier: Apache-2.0
 * Reads pieces, trainer_spec and normalizer_spec of a model by tables of their fields.
 */
#include "tasks/text/sentencepiece.h"

#include <math.h>
#include <string.h>

#include "store/base/memory.h"
#include "store/base/text.h"
#include "store/files/protobuf.h"
#include "tasks/text/vocabulary.h"

enum { UNIGRAM_TYPE = 1, BPE_TYPE = 2, MOST_PIECE_BYTES = 1 << 16 };

/* What is needed of the specs, as the file has it. */
typedef struct specs {
    uint64_t type, byte_fallback, suffix, dummy_prefix, remove_spaces, escape_spaces;
    wane_protobuf_field bos, eos, charsmap;
    bool trained; /* there is a trainer_spec: it stands behind the pieces */
} specs;

typedef struct spec_field {
    uint32_t number;
    wane_protobuf_kind kind;
    size_t offset; /* in specs: of a uint64_t, or of a field */
} spec_field;

static const spec_field trainer_fields[] = {
    {3, WANE_PROTOBUF_VARINT, offsetof(specs, type)},
    {24, WANE_PROTOBUF_VARINT, offsetof(specs, suffix)},
    {35, WANE_PROTOBUF_VARINT, offsetof(specs, byte_fallback)},
    {46, WANE_PROTOBUF_BYTES, offsetof(specs, bos)},
    {47, WANE_PROTOBUF_BYTES, offsetof(specs, eos)},
    {0, WANE_PROTOBUF_VARINT, 0}};
static const spec_field normalizer_fields[] = {
    {2, WANE_PROTOBUF_BYTES, offsetof(specs, charsmap)},
    {3, WANE_PROTOBUF_VARINT, offsetof(specs, dummy_prefix)},
    {4, WANE_PROTOBUF_VARINT, offsetof(specs, remove_spaces)},
    {5, WANE_PROTOBUF_VARINT, offsetof(specs, escape_spaces)},
    {0, WANE_PROTOBUF_VARINT, 0}};

static wane_status wrong_kind(const wane_protobuf *m, const char *what, wane_error *err)
{
    return wane_fail(err, WANE_EFORMAT,
                     "read: %s: byte %zu: no SentencePiece model: %s has another type", m->file,
                     m->offset + m->at, what);
}

static wane_status read_spec(specs *out, wane_protobuf message, const spec_field *fields,
                             wane_error *err)
{
    wane_status st = WANE_OK;
    wane_protobuf_field field;
    while ((st = wane_protobuf_next(&field, &message, err)) == WANE_OK) {
        const spec_field *f = fields;
        while (f->number && f->number != field.number) f++;
        if (!f->number) continue;
        if (f->kind != field.kind) return wrong_kind(&message, "a member of a spec", err);
        char *place = (char *)out + f->offset;
        if (f->kind == WANE_PROTOBUF_BYTES) *(wane_protobuf_field *)place = field;
        else *(uint64_t *)place = field.value;
    }
    return st == WANE_DONE ? WANE_OK : st;
}

static wane_status read_piece(wane_sentencepiece *out, wane_protobuf message, wane_error *err)
{
    enum { TEXT = 1, SCORE = 2, KIND = 3 };
    wane_status st = WANE_OK;
    wane_protobuf_field field;
    wane_sentence_piece piece = {.text = "", .kind = WANE_PIECE_NORMAL};
    while ((st = wane_protobuf_next(&field, &message, err)) == WANE_OK) {
        if (field.number == TEXT && field.kind == WANE_PROTOBUF_BYTES) {
            piece.text = (const char *)field.bytes;
            piece.bytes = field.count;
        } else if (field.number == SCORE && field.kind == WANE_PROTOBUF_FIXED32) {
            uint32_t bits = (uint32_t)field.value;
            memcpy(&piece.score, &bits, sizeof bits);
        } else if (field.number == KIND && field.kind == WANE_PROTOBUF_VARINT) {
            piece.kind = field.value > WANE_PIECE_BYTE ? 0 : (wane_piece_kind)field.value;
        } else if (field.number <= KIND) return wrong_kind(&message, "a member of a piece", err);
    }
    if (st != WANE_DONE) return st;
    if (out->count == WANE_TOKEN_ID_LIMIT)
        return wane_fail(err, WANE_EFORMAT, "tokenizer: %s: more than %d pieces", message.file,
                         WANE_TOKEN_ID_LIMIT);
    if (!WANE_GROW(out->pieces, out->room, out->count + 1))
        return wane_fail_memory(err, "tokenizer", message.file);
    out->pieces[out->count++] = piece;
    return WANE_OK;
}

/* --------------------------------------------------------------------------------- what is sound
 */

static wane_status bad_piece(const wane_sentencepiece *m, size_t id, const char *cause,
                             const char *file, wane_error *err)
{
    const wane_sentence_piece *p = &m->pieces[id];
    bool shown = wane_utf8_valid(p->text, p->bytes, NULL);
    return wane_fail(err, WANE_EFORMAT, "tokenizer: %s: piece %zu \"%.*s\": %s", file, id,
                     shown ? (int)(p->bytes < 64 ? p->bytes : 64) : 0, p->text, cause);
}

static int hexadecimal(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Of "<0x4F>", or -1. */
static int byte_of(const wane_sentence_piece *p)
{
    if (p->bytes != 6 || memcmp(p->text, "<0x", 3) != 0 || p->text[5] != '>') return -1;
    int high = hexadecimal(p->text[3]), low = hexadecimal(p->text[4]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

wane_status wane_sentencepiece_check(wane_sentencepiece *m, const char *file, wane_error *err)
{
    bool found[256] = {false};
    size_t bytes_found = 0;
    size_t special = 0;
    m->unknown = -1;
    for (size_t i = 0; i < m->count; i++) {
        const wane_sentence_piece *p = &m->pieces[i];
        const char *cause = NULL;
        int byte = p->kind == WANE_PIECE_BYTE ? byte_of(p) : -1;
        if (!p->bytes) cause = "is empty";
        else if (p->bytes > MOST_PIECE_BYTES) cause = "is too long";
        else if (memchr(p->text, '\0', p->bytes) || !wane_utf8_valid(p->text, p->bytes, NULL))
            cause = "is no UTF-8";
        else if (!isfinite(p->score)) cause = "its score is not finite";
        else if (p->kind < WANE_PIECE_NORMAL || p->kind > WANE_PIECE_BYTE)
            cause = "its type is not known";
        else if (p->kind == WANE_PIECE_UNKNOWN && m->unknown >= 0) cause = "is unknown's second";
        else if (p->kind == WANE_PIECE_BYTE && !m->byte_fallback)
            cause = "is a byte's, and byte_fallback is off";
        else if (p->kind == WANE_PIECE_BYTE && byte < 0) cause = "names no byte";
        special += p->kind == WANE_PIECE_CONTROL || p->kind == WANE_PIECE_USER;
        if (special > WANE_MOST_SPECIAL_PIECES) cause = "is one control piece too many";
        if (cause) return bad_piece(m, i, cause, file, err);
        if (p->kind == WANE_PIECE_UNKNOWN) m->unknown = (int32_t)i;
        if (byte >= 0 && !found[byte]) bytes_found++;
        if (byte >= 0) found[byte] = true;
    }
    if (m->unknown < 0)
        return wane_fail(err, WANE_EFORMAT, "tokenizer: %s: no piece is the unknown one", file);
    if (m->byte_fallback && bytes_found != 256)
        return wane_fail(err, WANE_EFORMAT,
                         "tokenizer: %s: byte_fallback is on, and %zu of 256 bytes have a piece",
                         file, bytes_found);
    return WANE_OK;
}

/* The control piece of that text, or -1. */
static int32_t find_control(const wane_sentencepiece *m, const wane_protobuf_field *name)
{
    for (size_t i = 0; i < m->count; i++)
        if (m->pieces[i].kind == WANE_PIECE_CONTROL && m->pieces[i].bytes == name->count &&
            memcmp(m->pieces[i].text, name->bytes, name->count) == 0)
            return (int32_t)i;
    return -1;
}

static bool has_bytes(const wane_sentencepiece *m)
{
    size_t i = 0;
    while (i < m->count && m->pieces[i].kind != WANE_PIECE_BYTE) i++;
    return i < m->count;
}

static wane_status apply(wane_sentencepiece *m, const specs *s, const char *file, wane_error *err)
{
    if (s->type != UNIGRAM_TYPE && s->type != BPE_TYPE)
        return wane_fail(err, WANE_EFORMAT,
                         "tokenizer: %s: model_type %d (3: words, 4: characters) is not supported, "
                         "only 1 (unigram) and 2 (bpe)",
                         file, s->type > 99 ? 99 : (int)s->type);
    if (s->suffix)
        return wane_fail(err, WANE_EFORMAT,
                         "tokenizer: %s: treat_whitespace_as_suffix is not supported", file);
    if (!m->count || (!s->trained && has_bytes(m)))
        return wane_fail(err, WANE_EFORMAT,
                         "tokenizer: %s: no SentencePiece model, or one that is cut off: it holds "
                         "%zu pieces and %s trainer_spec",
                         file, m->count, s->trained ? "a" : "no");
    m->unigram = s->type == UNIGRAM_TYPE;
    m->byte_fallback = s->byte_fallback != 0;
    m->dummy_prefix = s->dummy_prefix != 0;
    m->remove_spaces = s->remove_spaces != 0;
    m->escape_spaces = s->escape_spaces != 0;
    if (s->charsmap.count) {
        m->charsmap = s->charsmap.bytes;
        m->charsmap_bytes = s->charsmap.count;
    }
    wane_status st = wane_sentencepiece_check(m, file, err);
    if (st != WANE_OK) return st;
    m->bos = find_control(m, &s->bos);
    m->eos = find_control(m, &s->eos);
    return WANE_OK;
}

wane_status wane_sentencepiece_read(wane_sentencepiece *out, const char *bytes, size_t count,
                                    const char *file, wane_error *err)
{
    enum { PIECE = 1, TRAINER = 2, NORMALIZER = 3 };
    static const unsigned char bos[] = "<s>", eos[] = "</s>";
    wane_status st = WANE_OK;
    wane_protobuf message = {.bytes = (const unsigned char *)bytes, .count = count, .file = file};
    wane_protobuf_field field;
    specs s = {.type = UNIGRAM_TYPE,
               .dummy_prefix = 1,
               .remove_spaces = 1,
               .escape_spaces = 1,
               .bos = {.bytes = bos, .count = sizeof bos - 1},
               .eos = {.bytes = eos, .count = sizeof eos - 1}};
    while ((st = wane_protobuf_next(&field, &message, err)) == WANE_OK) {
        if (field.number > NORMALIZER) continue;
        if (field.kind != WANE_PROTOBUF_BYTES) return wrong_kind(&message, "a member", err);
        wane_protobuf inside = wane_protobuf_inside(&message, &field);
        s.trained = s.trained || field.number == TRAINER;
        if (field.number == PIECE) WANE_TRY(read_piece(out, inside, err));
        else
            WANE_TRY(read_spec(&s, inside,
                               field.number == TRAINER ? trainer_fields : normalizer_fields, err));
    }
    if (st == WANE_DONE) st = apply(out, &s, file, err);
done:
    return st;
}

void wane_sentencepiece_free(wane_sentencepiece *model)
{
    wane_free(model->pieces);
    *model = (wane_sentencepiece){0};
}
