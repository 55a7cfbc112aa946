/* SPDX-License-Identifier: Apache-2.0
 * The cache of base spectra. An input is the file without its checksum, which is put behind it; of
 * every file that is read the numbers are used.
 */
#include <math.h>

#include "analysis/spectra/spectrum.h"
#include "store/base/hash.h"
#include "store/base/memory.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_file.h"

static void check_read(const char *path)
{
    wane_error err = {0};
    wane_base_svd *svd = NULL;
    wane_status st = wane_base_svd_load(&svd, path, &err);
    if (st != WANE_OK) {
        fuzz_check_error(st, &err);
        FUZZ_CHECK(!svd);
        return;
    }
    size_t count = wane_base_svd_count(svd);
    const double *sigma = wane_base_svd_sigma(svd);
    for (size_t i = 0; i < count; i++)
        FUZZ_CHECK(isfinite(sigma[i]) && sigma[i] >= 0 && (i == 0 || sigma[i] <= sigma[i - 1]));
    wane_base_svd_free(svd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wane_error err = {0};
    char digest[WANE_SHA256_HEX];
    uint8_t *whole = wane_alloc(size + sizeof digest, 1);
    FUZZ_CHECK(whole && wane_sha256_bytes(digest, data, size, &err) == WANE_OK);
    if (size) memcpy(whole, data, size);
    memcpy(whole + size, digest, WANE_SHA256_HEX - 1);
    check_read(fuzz_file(whole, size + WANE_SHA256_HEX - 1));
    check_read(fuzz_file(data, size));
    wane_free(whole);
    return 0;
}
