/* SPDX-License-Identifier: Apache-2.0
 * Reads tags and values, each checked against the bytes that are left.
 */
#include "store/files/protobuf.h"

enum { MOST_VARINT_BYTES = 10, MOST_FIELD = (1 << 29) - 1 };

static wane_status bad(const wane_protobuf *m, size_t at, const char *cause, wane_error *err)
{
    return wane_fail(err, WANE_EFORMAT, "read: %s: byte %zu: %s", m->file, m->offset + at, cause);
}

static wane_status read_varint(uint64_t *out, wane_protobuf *m, wane_error *err)
{
    uint64_t value = 0;
    size_t start = m->at;
    for (size_t i = 0; i < MOST_VARINT_BYTES; i++) {
        if (m->at == m->count) return bad(m, start, "a number is cut off", err);
        unsigned char byte = m->bytes[m->at++];
        if (i == MOST_VARINT_BYTES - 1 && byte > 1) break;
        value |= (uint64_t)(byte & 0x7f) << 7 * i;
        if (byte & 0x80) continue;
        *out = value;
        return WANE_OK;
    }
    return bad(m, start, "a number has more than 64 bits", err);
}

static wane_status read_fixed(uint64_t *out, wane_protobuf *m, size_t bytes, wane_error *err)
{
    uint64_t value = 0;
    if (bytes > m->count - m->at) return bad(m, m->at, "a number is cut off", err);
    for (size_t i = 0; i < bytes; i++) value |= (uint64_t)m->bytes[m->at++] << 8 * i;
    *out = value;
    return WANE_OK;
}

wane_status wane_protobuf_next(wane_protobuf_field *out, wane_protobuf *m, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_protobuf_field made = {0};
    uint64_t tag = 0, length = 0;
    size_t start = m->at;
    if (m->at == m->count) return WANE_DONE;
    WANE_TRY(read_varint(&tag, m, err));
    if (tag >> 3 == 0 || tag >> 3 > MOST_FIELD) return bad(m, start, "no field's number", err);
    made.number = (uint32_t)(tag >> 3);
    made.kind = (wane_protobuf_kind)(tag & 7);
    switch (tag & 7) {
    case WANE_PROTOBUF_VARINT: WANE_TRY(read_varint(&made.value, m, err)); break;
    case WANE_PROTOBUF_FIXED64: WANE_TRY(read_fixed(&made.value, m, 8, err)); break;
    case WANE_PROTOBUF_FIXED32: WANE_TRY(read_fixed(&made.value, m, 4, err)); break;
    case WANE_PROTOBUF_BYTES:
        WANE_TRY(read_varint(&length, m, err));
        if (length > m->count - m->at) return bad(m, start, "a field is cut off", err);
        made.bytes = m->bytes + m->at;
        made.count = (size_t)length;
        m->at += made.count;
        break;
    default: return bad(m, start, "no protocol buffer (an unknown type of field)", err);
    }
    *out = made;
done:
    return st;
}

wane_protobuf wane_protobuf_inside(const wane_protobuf *outer, const wane_protobuf_field *field)
{
    return (wane_protobuf){.bytes = field->bytes,
                           .count = field->count,
                           .file = outer->file,
                           .offset = outer->offset + (size_t)(field->bytes - outer->bytes)};
}
