/* SPDX-License-Identifier: Apache-2.0
 * The inside of a wane_tensors: what tensors.c and the readers of its formats share. For this room
 * alone.
 */
#ifndef STORE_FILES_TENSORS_INTERNAL_H
#define STORE_FILES_TENSORS_INTERNAL_H

#include "store/base/memory.h"
#include "store/files/file.h"
#include "store/files/gguf_internal.h"
#include "store/files/tensors.h"

typedef struct wane_shard {
    wane_map map;              /* of a file on disk */
    unsigned char *block;      /* of a file brought to memory from an archive; owned */
    const unsigned char *data; /* all of the file; NULL while it is in its archive */
    const unsigned char *head; /* its first bytes: all, or those an archive's package kept */
    size_t bytes, head_bytes;  /* of the file; of head */
    const char *path, *name;   /* name: its last part */
    wane_gguf *gguf;           /* the header of a GGUF file; owned */
} wane_shard;

typedef struct wane_tensor_entry {
    wane_tensor tensor; /* first: a public pointer leads back to its entry */
    const char *type;   /* as the file spells it */
    size_t shard;
    size_t offset, bytes; /* of its first element in the file; of its values there */
    size_t strides[WANE_TENSOR_DIMENSIONS]; /* in elements; unused when there are no gaps */
    bool strided;
    const wane_gguf_type *blocks; /* of WANE_BLOCKS */
    wane_tensor_form form;        /* as it is handed out */
} wane_tensor_entry;

typedef struct wane_metadata_pair {
    const char *key, *value;
} wane_metadata_pair;

struct wane_tensors {
    wane_arena *arena;           /* names and paths */
    const wane_package *package; /* of an archive: where its shards are; borrowed */
    wane_package *own;           /* the same, when opened by its path */
    const char *path, *note;
    wane_shard *shards;
    wane_tensor_entry *entries; /* by name once open */
    wane_metadata_pair *metadata;
    size_t shard_count, shard_room, count, room, pairs, pair_room;
    bool copied; /* files on disk are read to memory, not mapped */
};

/* Bits of an element of the type with that name, its name as a constant and what it is read as; 0
 * for an unknown name. */
unsigned wane_dtype_bits(const char **type, wane_dtype *dtype, const char *name);

/* Bytes of an element of a type whose values are read. */
size_t wane_dtype_width(wane_dtype dtype);

/* tensor_entries.c: adds an entry, copied. */
WANE_MUST_CHECK wane_status wane_tensors_add(wane_tensors *tensors, const wane_tensor_entry *entry,
                                             wane_error *err);

/* Sorts the entries by name once all are added; a name that is there twice is WANE_EFORMAT. */
WANE_MUST_CHECK wane_status wane_tensors_sort(wane_tensors *tensors, wane_error *err);

/* Each adds the tensors of shard `index`; torch's and GGUF must be in memory. */
WANE_MUST_CHECK wane_status wane_safetensors_add(wane_tensors *tensors, size_t index,
                                                 wane_error *err);
WANE_MUST_CHECK wane_status wane_torch_zip_add(wane_tensors *tensors, size_t index,
                                               wane_error *err);
WANE_MUST_CHECK wane_status wane_torch_legacy_add(wane_tensors *tensors, size_t index,
                                                  wane_error *err);

WANE_MUST_CHECK wane_status wane_gguf_add(wane_tensors *tensors, size_t index, wane_error *err);
/* Of the files opened so far: that those of GGUF are all of one set. */
WANE_MUST_CHECK wane_status wane_gguf_check_set(const wane_tensors *tensors, wane_error *err);

/* Brings one shard from its archive to memory; one that is mapped or there stays. */
WANE_MUST_CHECK wane_status wane_shard_hold(wane_tensors *tensors, size_t index, wane_error *err);

/* Reads those targets that are in the archive, in one pass. */
WANE_MUST_CHECK wane_status wane_tensors_stream(const wane_tensors *tensors,
                                                const wane_tensor_target *targets, size_t count,
                                                wane_error *err);
/* `count` elements of `type` widened to fp32; raw may lie in the last bytes of out. */
void wane_dtype_widen(wane_dtype dtype, const unsigned char *raw, size_t count, float *out);

#endif
