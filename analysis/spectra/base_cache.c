/* SPDX-License-Identifier: Apache-2.0
 * The cache file of a base spectrum, in the byte order of this machine:
 *   8 bytes "wanesvd1", then as 8-byte numbers a byte-order mark, rows, cols;
 *   sigma, U and V as doubles, W_0 as floats, in the layout of base_svd.h;
 *   64 hexadecimal digits: SHA-256 of all before.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "analysis/spectra/base_svd.h"
#include "analysis/spectra/lapack.h"
#include "store/base/hash.h"
#include "store/base/memory.h"
#include "store/files/file.h"

enum { HEAD_BYTES = 32, DIGEST_BYTES = WANE_SHA256_HEX - 1 };
static const char MAGIC[8] = {'w', 'a', 'n', 'e', 's', 'v', 'd', '1'};
static const uint64_t ORDER_MARK = 0x0102030405060708;

typedef struct piece {
    void *data;
    size_t bytes;
} piece;
enum { PIECES = 4 };

/* Shapes are bounded by wane_lapack_shape, so that no product here overflows 64 bits. */
static void list_pieces(piece out[PIECES], const wane_base_svd *svd)
{
    out[0] = (piece){svd->sigma, svd->rank * sizeof *svd->sigma};
    out[1] = (piece){svd->u, svd->rows * svd->rank * sizeof *svd->u};
    out[2] = (piece){svd->v, svd->cols * svd->rank * sizeof *svd->v};
    out[3] = (piece){svd->owned, svd->rows * svd->cols * sizeof *svd->base};
}

static uint64_t file_bytes(uint64_t rows, uint64_t cols)
{
    uint64_t rank = rows < cols ? rows : cols;
    return HEAD_BYTES + 8 * (rank + rows * rank + cols * rank) + 4 * rows * cols + DIGEST_BYTES;
}

wane_status wane_base_svd_save(const wane_base_svd *svd, const char *path, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_atomic *file = NULL;
    wane_sha256 *hash = NULL;
    char head[HEAD_BYTES], digest[WANE_SHA256_HEX];
    uint64_t numbers[3] = {ORDER_MARK, svd->rows, svd->cols};
    piece pieces[PIECES];
    memcpy(head, MAGIC, sizeof MAGIC);
    memcpy(head + sizeof MAGIC, numbers, sizeof numbers);
    list_pieces(pieces, svd);
    WANE_TRY(wane_sha256_begin(&hash, err));
    WANE_TRY(wane_atomic_open(&file, path, err));
    WANE_TRY(wane_atomic_write(file, head, sizeof head, err));
    wane_sha256_add(hash, head, sizeof head);
    for (int i = 0; i < PIECES; i++) {
        WANE_TRY(wane_atomic_write(file, pieces[i].data, pieces[i].bytes, err));
        wane_sha256_add(hash, pieces[i].data, pieces[i].bytes);
    }
    st = wane_sha256_end(digest, hash, err);
    hash = NULL;
    if (st != WANE_OK) goto done;
    WANE_TRY(wane_atomic_write(file, digest, DIGEST_BYTES, err));
    st = wane_atomic_commit(file, err);
    file = NULL;
done:
    wane_sha256_free(hash);
    wane_atomic_abort(file);
    return st;
}

static wane_status broken(wane_error *err, const char *path, const char *cause)
{
    return wane_fail(err, WANE_EFORMAT, "base spectrum: %s: %s", path, cause);
}

/* Shape and size; nothing is allocated on the word of the header alone. */
static wane_status check_shape(uint64_t shape[2], const wane_map *map, const char *path,
                               wane_error *err)
{
    uint64_t numbers[3];
    if (map->bytes < HEAD_BYTES + DIGEST_BYTES || memcmp(map->data, MAGIC, sizeof MAGIC) != 0)
        return broken(err, path, "is no base spectrum");
    memcpy(numbers, map->data + sizeof MAGIC, sizeof numbers);
    if (numbers[0] != ORDER_MARK)
        return broken(err, path, "was written on a machine of another byte order");
    uint64_t least = numbers[1] < numbers[2] ? numbers[1] : numbers[2];
    if (least == 0 || least > WANE_LARGEST_RANK || numbers[1] > WANE_LARGEST_SIDE ||
        numbers[2] > WANE_LARGEST_SIDE)
        return broken(err, path, "gives an impossible shape");
    if (map->bytes != file_bytes(numbers[1], numbers[2]))
        return broken(err, path, "its size does not fit its shape");
    shape[0] = numbers[1];
    shape[1] = numbers[2];
    return WANE_OK;
}

static wane_status check_digest(const wane_map *map, const char *path, wane_error *err)
{
    char digest[WANE_SHA256_HEX];
    wane_status st = wane_sha256_bytes(digest, map->data, map->bytes - DIGEST_BYTES, err);
    if (st != WANE_OK) return st;
    if (memcmp(digest, map->data + map->bytes - DIGEST_BYTES, DIGEST_BYTES) != 0)
        return broken(err, path, "its checksum does not fit its content");
    return WANE_OK;
}

static wane_status check_values(const wane_base_svd *svd, const char *path, wane_error *err)
{
    for (size_t i = 0; i < svd->rows * svd->cols; i++)
        if (!isfinite(svd->base[i])) return broken(err, path, "holds values that are not finite");
    if (!wane_lapack_finite(svd->sigma, svd->rank) ||
        !wane_lapack_finite(svd->u, svd->rows * svd->rank) ||
        !wane_lapack_finite(svd->v, svd->cols * svd->rank))
        return broken(err, path, "holds values that are not finite");
    for (size_t i = 0; i < svd->rank; i++)
        if (svd->sigma[i] < 0 || (i > 0 && svd->sigma[i] > svd->sigma[i - 1]))
            return broken(err, path, "its singular values are not in order");
    return WANE_OK;
}

/* The parts of a file in their order, which list_pieces has too. A map is read alone: nobody writes
 * to what was loaded. */
static void point_into(wane_base_svd *svd)
{
    unsigned char *at = (unsigned char *)(uintptr_t)svd->map.data + HEAD_BYTES;
    svd->sigma = (double *)(void *)at;
    svd->u = svd->sigma + svd->rank;
    svd->v = svd->u + svd->rows * svd->rank;
    svd->owned = (float *)(void *)(svd->v + svd->cols * svd->rank);
    svd->base = svd->owned;
}

/* `written`: this process has just written it, and knows what is in it. */
static wane_status map_file(wane_base_svd **out, const char *path, bool written, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_map map = {0};
    wane_base_svd *svd = NULL;
    uint64_t shape[2] = {0, 0};
    WANE_TRY(wane_map_open(&map, path, err));
    WANE_TRY(check_shape(shape, &map, path, err));
    if (!written) WANE_TRY(check_digest(&map, path, err));
    WANE_TRY(wane_base_svd_shape(&svd, (size_t)shape[0], (size_t)shape[1], err));
    svd->map = map;
    map = (wane_map){0};
    point_into(svd);
    if (!written) WANE_TRY(check_values(svd, path, err));
    wane_base_svd_finish(svd);
    *out = svd;
    svd = NULL;
done:
    wane_base_svd_free(svd);
    wane_map_close(&map);
    return st;
}

wane_status wane_base_svd_load(wane_base_svd **out, const char *path, wane_error *err)
{
    return map_file(out, path, false, err);
}

/* SHA-256 of the values row by row: what lies between rows is not read. */
static wane_status hash_values(char out[WANE_SHA256_HEX], wane_matrix base, wane_error *err)
{
    wane_sha256 *hash = NULL;
    wane_status st = wane_sha256_begin(&hash, err);
    if (st != WANE_OK) return st;
    for (size_t i = 0; i < base.rows; i++)
        wane_sha256_add(hash, base.data + i * base.stride, base.cols * sizeof *base.data);
    return wane_sha256_end(out, hash, err);
}

static bool same_values(const wane_base_svd *svd, wane_matrix base)
{
    if (svd->rows != base.rows || svd->cols != base.cols) return false;
    for (size_t i = 0; i < base.rows; i++)
        if (memcmp(svd->base + i * base.cols, base.data + i * base.stride,
                   base.cols * sizeof *base.data) != 0)
            return false;
    return true;
}

bool wane_base_svd_named(const char *name)
{
    const char *at = name + strspn(name, "0123456789abcdef");
    if (at - name != WANE_SHA256_HEX - 1 || *at++ != '-') return false;
    at += strspn(at, "0123456789");
    if (*at++ != 'x') return false;
    at += strspn(at, "0123456789");
    return strcmp(at, ".svd") == 0;
}

wane_status wane_base_svd_cached(wane_base_svd **out, wane_matrix base, const char *folder,
                                 wane_error *err)
{
    wane_status st = WANE_OK;
    char sha[WANE_SHA256_HEX], name[WANE_SHA256_HEX + 48];
    char *path = NULL;
    wane_base_svd *svd = NULL;
    if (!base.data || base.stride < base.cols) return wane_base_svd_compute(out, base, err);
    WANE_TRY(hash_values(sha, base, err));
    (void)snprintf(name, sizeof name, "%s-%zux%zu.svd", sha, base.rows, base.cols);
    path = wane_path_join(folder, name);
    WANE_TRY(path ? WANE_OK : wane_fail_memory(err, "base spectrum", folder));
    if (wane_base_svd_load(&svd, path, NULL) != WANE_OK || !same_values(svd, base)) {
        wane_base_svd_free(svd);
        svd = NULL;
        WANE_TRY(wane_base_svd_compute(&svd, base, err));
        WANE_TRY(wane_base_svd_save(svd, path, err));
        wane_base_svd_free(svd);
        svd = NULL;
        WANE_TRY(map_file(&svd, path, true, err));
    }
    wane_base_svd_let_go(svd);
    *out = svd;
    svd = NULL;
done:
    wane_base_svd_free(svd);
    wane_free(path);
    return st;
}
