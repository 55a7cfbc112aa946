/* SPDX-License-Identifier: Apache-2.0
 * SHA-256 of bytes, by libcrypto.
 */
#ifndef STORE_BASE_HASH_H
#define STORE_BASE_HASH_H

#include <stddef.h>

#include "store/base/status.h"

enum { WANE_SHA256_BYTES = 32, WANE_SHA256_HEX = 65 };

typedef struct wane_sha256 wane_sha256;

/* Owned by the caller, ended by wane_sha256_end or wane_sha256_free (NULL allowed). */
WANE_MUST_CHECK wane_status wane_sha256_begin(wane_sha256 **out, wane_error *err);
void wane_sha256_add(wane_sha256 *hash, const void *bytes, size_t count);

/* Adds a field so that no two lists of fields collide: its length as 8 bytes, then its bytes. */
void wane_sha256_field(wane_sha256 *hash, const void *bytes, size_t count);
void wane_sha256_text(wane_sha256 *hash, const char *text); /* a field; NULL differs from "" */
/* Two fields: the name, and the shortest decimal that reads back to the same bits. */
void wane_sha256_number(wane_sha256 *hash, const char *name, double value);

/* Writes the digest as 64 lower-case hexadecimal digits and frees the hash. A failure of libcrypto
 * since the beginning shows here. */
WANE_MUST_CHECK wane_status wane_sha256_end(char out[WANE_SHA256_HEX], wane_sha256 *hash,
                                            wane_error *err);
void wane_sha256_free(wane_sha256 *hash);

/* The whole at once. */
WANE_MUST_CHECK wane_status wane_sha256_bytes(char out[WANE_SHA256_HEX], const void *bytes,
                                              size_t count, wane_error *err);

#endif
