/* SPDX-License-Identifier: Apache-2.0
 * Python pickles of tensors, and of nothing else. For this room alone.
 *
 * A pickle is a program; here only the parts of its language that a state dict needs are run, and
 * nothing is ever imported or called: None, bool, int, float, text, bytes, tuple, list, dict,
 * OrderedDict, the storage classes of torch as persistent ids, torch._utils._rebuild_tensor_v2 and
 * _rebuild_parameter, torch.Size (a tuple), and what trainers note beside their tensors: scalars
 * and dtypes of NumPy 1 and 2, dtypes of torch (facts, of which nothing is kept). Any other global
 * (a class or function, whatever it is for) and any other opcode is refused by name. Protocols 2
 * to 5.
 */
#ifndef STORE_FILES_PICKLE_H
#define STORE_FILES_PICKLE_H

#include <stddef.h>
#include <stdint.h>

#include "store/base/memory.h"
#include "store/base/status.h"

typedef enum wane_pickle_kind {
    WANE_PICKLE_NONE,
    WANE_PICKLE_BOOL,
    WANE_PICKLE_INTEGER,
    WANE_PICKLE_LARGE, /* an integer beyond int64 */
    WANE_PICKLE_REAL,
    WANE_PICKLE_TEXT, /* any bytes: not checked for UTF-8, NUL-terminated after `count` */
    WANE_PICKLE_BYTES,
    WANE_PICKLE_TUPLE,
    WANE_PICKLE_LIST,
    WANE_PICKLE_DICT,    /* items: key, value, key, value, ... as they were set */
    WANE_PICKLE_GLOBAL,  /* integer: a wane_pickle_global */
    WANE_PICKLE_STORAGE, /* items: "storage", its class, key, place, elements */
    WANE_PICKLE_TENSOR,  /* items: storage, offset, sizes, strides */
    WANE_PICKLE_FACT,    /* integer: the wane_pickle_global it came from */
    WANE_PICKLE_MARK     /* never in a result */
} wane_pickle_kind;

typedef enum wane_pickle_global {
    WANE_PICKLE_ORDERED_DICT,
    WANE_PICKLE_REBUILD_TENSOR,
    WANE_PICKLE_REBUILD_PARAMETER,
    WANE_PICKLE_SIZE,
    WANE_PICKLE_TORCH_DTYPE,
    WANE_PICKLE_NUMPY_DTYPE,
    WANE_PICKLE_NUMPY_SCALAR,
    WANE_PICKLE_ENCODE,  /* how protocol 2 writes bytes: text that is to be encoded in Latin-1 */
    WANE_PICKLE_STORAGES /* and from here on: index into the storage classes */
} wane_pickle_global;

/* Values may share parts, and a list or dict may even hold itself: who walks one counts steps. */
typedef struct wane_pickle_value {
    wane_pickle_kind kind;
    int64_t integer; /* of BOOL, INTEGER, GLOBAL, FACT */
    size_t count;    /* items, or bytes of text */
    size_t room;
    const char *text;
    struct wane_pickle_value **items, *next; /* next: of storages */
} wane_pickle_value;

typedef struct wane_pickle {
    wane_pickle_value *value;
    wane_pickle_value *storages; /* every one it names, linked by `next`, the last one first */
    size_t used;                 /* its length in bytes, STOP included */
} wane_pickle;

/* Runs the pickle at the start of `bytes`. Its values live in `arena`. `path` is what messages call
 * the input. WANE_EFORMAT. */
WANE_MUST_CHECK wane_status wane_pickle_run(wane_pickle *out, wane_arena *arena,
                                            const unsigned char *bytes, size_t count,
                                            const char *path, wane_error *err);

/* Of a storage class: "F32", "I64", ... as safetensors spells its type. */
const char *wane_pickle_storage_type(int64_t global);

#endif
