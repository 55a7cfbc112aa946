/* SPDX-License-Identifier: Apache-2.0
 * A digest of libcrypto's EVP interface that keeps a failure until its end, fed with bytes, with
 * fields behind their length, and with numbers in their shortest text.
 */
#include "store/base/hash.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "store/base/memory.h"
#include "store/base/text.h"

struct wane_sha256 {
    EVP_MD_CTX *context;
    bool failed;
};

wane_status wane_sha256_begin(wane_sha256 **out, wane_error *err)
{
    wane_sha256 *hash = wane_alloc(1, sizeof *hash);
    if (!hash) return wane_fail_memory(err, "hash", "SHA-256");
    hash->context = EVP_MD_CTX_new();
    if (!hash->context || EVP_DigestInit_ex(hash->context, EVP_sha256(), NULL) != 1) {
        wane_sha256_free(hash);
        return wane_fail_memory(err, "hash", "SHA-256");
    }
    *out = hash;
    return WANE_OK;
}

void wane_sha256_add(wane_sha256 *hash, const void *bytes, size_t count)
{
    if (count && EVP_DigestUpdate(hash->context, bytes, count) != 1) hash->failed = true;
}

void wane_sha256_field(wane_sha256 *hash, const void *bytes, size_t count)
{
    unsigned char length[8];
    for (int i = 0; i < 8; i++) length[i] = (unsigned char)((uint64_t)count >> (8 * i));
    wane_sha256_add(hash, length, sizeof length);
    wane_sha256_add(hash, bytes, count);
}

void wane_sha256_text(wane_sha256 *hash, const char *text)
{
    static const unsigned char none[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    if (text) wane_sha256_field(hash, text, strlen(text));
    else wane_sha256_add(hash, none, sizeof none);
}

void wane_sha256_number(wane_sha256 *hash, const char *name, double value)
{
    char text[32];
    wane_sha256_text(hash, name);
    wane_sha256_text(hash, wane_format_double(text, value));
}

wane_status wane_sha256_end(char out[WANE_SHA256_HEX], wane_sha256 *hash, wane_error *err)
{
    unsigned char digest[WANE_SHA256_BYTES];
    unsigned int bytes = 0;
    bool good = !hash->failed && EVP_DigestFinal_ex(hash->context, digest, &bytes) == 1 &&
                bytes == sizeof digest;
    wane_sha256_free(hash);
    if (!good) return wane_fail(err, WANE_EINTERNAL, "hash: SHA-256: libcrypto failed");
    for (size_t i = 0; i < sizeof digest; i++) {
        out[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    out[WANE_SHA256_HEX - 1] = '\0';
    return WANE_OK;
}

void wane_sha256_free(wane_sha256 *hash)
{
    if (!hash) return;
    EVP_MD_CTX_free(hash->context);
    wane_free(hash);
}

wane_status wane_sha256_bytes(char out[WANE_SHA256_HEX], const void *bytes, size_t count,
                              wane_error *err)
{
    wane_sha256 *hash = NULL;
    wane_status st = wane_sha256_begin(&hash, err);
    if (st != WANE_OK) return st;
    wane_sha256_add(hash, bytes, count);
    return wane_sha256_end(out, hash, err);
}
