/* SPDX-License-Identifier: Apache-2.0
 * Protocol buffers as they lie in a file: the fields of a message one after another, without a
 * schema. Source: protobuf.dev/programming-guides/encoding. Groups, which are of old, are refused.
 */
#ifndef STORE_FILES_PROTOBUF_H
#define STORE_FILES_PROTOBUF_H

#include <stddef.h>
#include <stdint.h>

#include "store/base/status.h"

typedef enum wane_protobuf_kind {
    WANE_PROTOBUF_VARINT, /* numbers as wire type */
    WANE_PROTOBUF_FIXED64,
    WANE_PROTOBUF_BYTES, /* a string, bytes, a message, packed numbers */
    WANE_PROTOBUF_FIXED32 = 5
} wane_protobuf_kind;

typedef struct wane_protobuf_field {
    uint32_t number;
    wane_protobuf_kind kind;
    uint64_t value;             /* VARINT, FIXED64, FIXED32 */
    const unsigned char *bytes; /* BYTES: `count` of them, borrowed from the message */
    size_t count;
} wane_protobuf_field;

/* A message that is being read; begin with bytes, count, file and, in the file, where it starts. */
typedef struct wane_protobuf {
    const unsigned char *bytes;
    size_t count, at;
    const char *file; /* for messages */
    size_t offset;    /* of bytes[0] in the file; for messages */
} wane_protobuf;

/* The next field; WANE_DONE (without a message) after the last. WANE_EFORMAT "read: FILE: byte N:
 * cause" for what is no message. */
WANE_MUST_CHECK wane_status wane_protobuf_next(wane_protobuf_field *out, wane_protobuf *message,
                                               wane_error *err);
/* The message in a field of `outer`. */
wane_protobuf wane_protobuf_inside(const wane_protobuf *outer, const wane_protobuf_field *field);

#endif
