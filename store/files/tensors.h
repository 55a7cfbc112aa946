/* SPDX-License-Identifier: Apache-2.0
 * Named tensors of a checkpoint, whatever the file: safetensors, GGUF, or the files of torch.save.
 *
 * A path is one of
 *   a file       safetensors, GGUF, or of torch.save (.bin, .pt, .pth, ...; told by its first
 *                bytes); of a set of GGUF files any of them
 *   a folder     with model.safetensors, model.safetensors.index.json and its shards,
 *                pytorch_model.bin, or pytorch_model.bin.index.json and its shards, in this order;
 *                or with exactly one other *.safetensors, else one *.gguf or one set of them, else
 *                one *.bin, *.pt, *.pth or *.ckpt
 *   an archive   of such a folder (package.h)
 * Files are mapped; nothing is copied until it is read. Of an archive the headers of safetensors
 * are kept and values are read by passing through it again, once for every call of
 * wane_tensors_read or wane_tensors_read_many, unless wane_tensors_hold has brought them all to
 * memory; torch zips and GGUF are brought there at once. Everything is checked before any tensor is
 * read. safetensors: header against file, JSON without duplicates (__metadata__ may be null), known
 * types, shapes without overflow, offsets that tile the data without gap or overlap. torch:
 * pickle.h says what their pickle may hold; sizes, strides and offsets lie within their storage; a
 * zip's members are stored, not compressed; files of torch before 1.6 are read too. GGUF: gguf.h.
 * Of shards: every tensor lies in the shard the index names, and no shard holds another.
 *
 * A torch file may nest its state dict: the first of state_dict, model_state_dict, model, module
 * that is a dict with tensors in it is taken (three levels deep), and what else has tensors goes
 * into wane_tensors_note; else names of dicts in dicts are joined by ".".
 */
#ifndef STORE_FILES_TENSORS_H
#define STORE_FILES_TENSORS_H

#include <stdbool.h>
#include <stddef.h>

#include "store/base/hash.h"
#include "store/base/status.h"
#include "store/base/text.h"
#include "store/files/gguf.h"
#include "store/files/package.h"

enum { WANE_TENSOR_DIMENSIONS = 8 };

/* What values are read as. WANE_BLOCKS: of some type that keeps several numbers by one scale
 * (Q4_K, ...; wane_tensors_type says which). WANE_OTHER: whole numbers, and types that are not
 * read. */
typedef enum wane_dtype {
    WANE_F32,
    WANE_F16,
    WANE_BF16,
    WANE_F64,
    WANE_F8_E4M3,
    WANE_F8_E5M2,
    WANE_BLOCKS,
    WANE_OTHER
} wane_dtype;

const char *wane_dtype_name(wane_dtype dtype); /* "F32", ...; "blocks", "other" */

/* The expected square of the Frobenius norm of what rounding does to `values`, were they kept in
 * fp32 before and in `dtype` after: sum of u^2 / 12, u the distance of two neighbours of that type
 * at the value (the error of rounding to nearest is uniform in [-u/2, u/2] where values spread over
 * many u). 0 for F32, F64 and others. */
double wane_dtype_rounding(wane_dtype dtype, const float *values, size_t count);

/* Of one number, their root mean square. */
double wane_dtype_rounding_rms(wane_dtype dtype, const float *values, size_t count);
/* Whether a number keeps fewer significant bits in `dtype` than in `other`. */
bool wane_dtype_coarser(wane_dtype dtype, wane_dtype other);

/* The 16-bit type (BF16 first) that holds every value exactly, else F32: what a file was rounded to
 * shows in its values, whatever they are kept in since. */
wane_dtype wane_dtype_of_values(const float *values, size_t count);

typedef struct wane_tensor {
    const char *name;
    wane_dtype dtype;
    size_t dimensions, shape[WANE_TENSOR_DIMENSIONS], elements;
} wane_tensor;

typedef struct wane_tensors wane_tensors;

/* Maps the files and checks their headers. Owned by the caller, free with wane_tensors_close (NULL
 * allowed). */
WANE_MUST_CHECK wane_status wane_tensors_open(wane_tensors **out, const char *path,
                                              wane_error *err);
/* The same from an open package, borrowed until close; open_member: of its one file `name`. */
WANE_MUST_CHECK wane_status wane_tensors_open_package(wane_tensors **out,
                                                      const wane_package *package, wane_error *err);
/* One file, brought to memory before anything of it is looked at: sha256 is that of the very bytes
 * that are read from then on, whatever becomes of the file. `name`: of the package's files, or a
 * path of its own where package is NULL. */
WANE_MUST_CHECK wane_status wane_tensors_open_copy(wane_tensors **out, char sha256[WANE_SHA256_HEX],
                                                   const wane_package *package, const char *name,
                                                   wane_error *err);
void wane_tensors_close(wane_tensors *tensors);

size_t wane_tensors_count(const wane_tensors *tensors);
/* Tensor i in order of name; borrowed until close. find: NULL if absent. */
const wane_tensor *wane_tensors_at(const wane_tensors *tensors, size_t index);
const wane_tensor *wane_tensors_find(const wane_tensors *tensors, const char *name);
/* The type as the file spells it: "F32", "I64", ... */
const char *wane_tensors_type(const wane_tensor *tensor);
/* "210 Q4_K, 61 F32, 1 Q6_K": how many tensors are of each type, the most frequent first; with
 * `rounded` the names alone, "Q4_K, Q6_K", of those that round what is kept in fp32. Quantized:
 * whether some are of WANE_BLOCKS: what is computed is computed with the numbers that are read. */
void wane_tensors_say_types(wane_text *out, const wane_tensors *tensors, bool rounded);
bool wane_tensors_quantized(const wane_tensors *tensors);
/* Whether a name ends in these modules' names, "lm_head.weight", whole ones. */
bool wane_tensor_ends(const char *name, const char *ending);
/* Whether a tensor, by its name and type, is one that modules keep beside their weights and compute
 * anew: rotary tables, masks, position ids and whatever else is made of whole or complex numbers.
 * Quantized weights are whole numbers too, but no buffers. */
bool wane_tensor_is_buffer(const wane_tensor *tensor);
/* The metadata of a GGUF file, or of the first of a set; NULL of other files. Borrowed. */
const wane_gguf *wane_tensors_gguf(const wane_tensors *tensors);
/* A value of __metadata__ (of the first file that has it), or NULL. */
const char *wane_tensors_metadata(const wane_tensors *tensors, const char *key);
/* What a file holds besides and is left out ("also holds optimizer"), or NULL. */
const char *wane_tensors_note(const wane_tensors *tensors);

/* How a tensor is handed out, where a format keeps it in another form than models have it. */
typedef struct wane_tensor_form {
    const char *name; /* NULL: as in the file */
    /* Rows numbered (a, c, b, d) in the file are numbered (a, b, c, d); b counts to swap[0], c to
     * swap[1], d to `inner`, and a over what is left of them. swap[0] 0: as in the file. */
    size_t swap[2], inner;
    float add; /* to every value */
} wane_tensor_form;

/* Asks `former` for the form of every tensor, {0} at first, and names and sorts them anew. Names
 * are copied. WANE_EFORMAT for two of a name, and for rows that do not divide so. */
typedef wane_status (*wane_tensor_former)(void *context, wane_tensor_form *form,
                                          const wane_tensor *tensor, wane_error *err);
WANE_MUST_CHECK wane_status wane_tensors_form(wane_tensors *tensors, wane_tensor_former former,
                                              void *context, wane_error *err);

/* All elements of `tensor`, row-major, widened to fp32 (F64 is rounded), whatever its strides in
 * the file. WANE_EFORMAT for other types. out has room for tensor->elements. */
WANE_MUST_CHECK wane_status wane_tensors_read(const wane_tensors *tensors,
                                              const wane_tensor *tensor, float *out,
                                              wane_error *err);

/* Whether read_part can read it: it lies in a map or in memory, without gaps, and has a type that
 * is read. */
bool wane_tensors_in_parts(const wane_tensors *tensors, const wane_tensor *tensor);
/* Elements [first, first + count) of such a one: for who goes over a large tensor in panels, or
 * shares it among threads. */
void wane_tensors_read_part(const wane_tensors *tensors, const wane_tensor *tensor, size_t first,
                            size_t count, float *out);
/* wane_dtype_rounding of elements [first, first + count) of such a one, whose values those are; of
 * WANE_BLOCKS by the steps of their grids: what quantizing them has done. */
double wane_tensors_rounding(const wane_tensors *tensors, const wane_tensor *tensor,
                             const float *values, size_t first, size_t count);
/* The values of a mapped tensor need not stay in memory; they can be read again. */
void wane_tensors_let_go(const wane_tensors *tensors, const wane_tensor *tensor);

/* Many at once: from an archive in one pass. */
typedef struct wane_tensor_target {
    const wane_tensor *tensor;
    float *out; /* room for tensor->elements */
} wane_tensor_target;
WANE_MUST_CHECK wane_status wane_tensors_read_many(const wane_tensors *tensors,
                                                   const wane_tensor_target *targets, size_t count,
                                                   wane_error *err);

/* Brings what is still in an archive to memory, as the archive has it. Does nothing else. */
WANE_MUST_CHECK wane_status wane_tensors_hold(wane_tensors *tensors, wane_error *err);

/* The values themselves where they lie in the map or in memory, when `tensor` is F32, without gaps
 * and aligned; else NULL. Borrowed until close. */
const float *wane_tensors_floats(const wane_tensors *tensors, const wane_tensor *tensor);

#endif
