/* SPDX-License-Identifier: Apache-2.0
 * The files of a model or adapter: a folder, an archive of one, a name on the Hugging Face hub
 * (hub.h: a folder of its cache), or a GGUF file, which is a whole model by itself (with the others
 * of its set, where it is one of several; nothing that lies beside it belongs to it).
 *
 * An archive (.tar, .tar.gz, .tar.zst, ..., .zip; entries.h says what is refused) is passed through
 * once when it is opened: its JSON files and those of a tokenizer are kept in memory, of its tensor
 * files the size, and of safetensors the header. Values are had by passing through it again. Its
 * files lie in one folder of it, or at its top: the least deep place of a config.json or
 * adapter_config.json, else of a tensor file; what lies elsewhere does not exist for a package.
 */
#ifndef STORE_FILES_PACKAGE_H
#define STORE_FILES_PACKAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/status.h"
#include "store/files/json.h"

/* Limits of an archive of a model, decompressed: one file, all files, what is kept of them. */
#define WANE_PACKAGE_ENTRY_BYTES (UINT64_C(256) << 30)
#define WANE_PACKAGE_TOTAL_BYTES (UINT64_C(1) << 40)
#define WANE_PACKAGE_KEPT_BYTES (UINT64_C(1) << 30)

typedef struct wane_package wane_package;

/* Whether there is a folder, an archive or a GGUF file, or a name on the hub; opening that may
 * still fail. */
bool wane_package_is(const char *path);
/* WANE_ENOTFOUND when nothing is there, or not all files of a set, or blobs of a snapshot are gone;
 * WANE_EFORMAT for a file that is neither archive nor GGUF; what hub.h says. Owned by the caller,
 * free with wane_package_close (NULL allowed). */
WANE_MUST_CHECK wane_status wane_package_open(wane_package **out, const char *path,
                                              wane_error *err);
void wane_package_close(wane_package *package);

const char *wane_package_path(const wane_package *package); /* as given; borrowed */
bool wane_package_archived(const wane_package *package);
/* Whether it is a GGUF file, or one of a set, by itself. */
bool wane_package_is_gguf(const wane_package *package);
/* What to do about a file that is missing, to be put behind such a message: of a name on the hub
 * ": ... hf download ..."; else "". Borrowed. */
const char *wane_package_remedy(const wane_package *package);
bool wane_package_has(const wane_package *package, const char *name);
/* Names of its files (not those in folders of it), sorted by byte value; borrowed. */
size_t wane_package_count(const wane_package *package);
const char *wane_package_name(const wane_package *package, size_t index);
/* "PATH/NAME": what messages call the file and, of a folder or GGUF, where it is. Owned by the
 * caller, free with wane_free; NULL when memory is out. */
char *wane_package_file(const wane_package *package, const char *name);

/* A whole file, NUL-terminated; from an archive only *.json and a tokenizer's (limits.h).
 * WANE_ENOTFOUND. Owned by the caller,
 * free with wane_free. */
WANE_MUST_CHECK wane_status wane_package_read(char **out, size_t *bytes,
                                              const wane_package *package, const char *name,
                                              wane_error *err);
WANE_MUST_CHECK wane_status wane_package_json(wane_json **out, const wane_package *package,
                                              const char *name, wane_error *err);

/* Of a tensor file in an archive: its size, and its first bytes (a safetensors or GGUF file: header
 * and all before it, as far as the file goes). Borrowed. False when it is not there. */
bool wane_package_head(const wane_package *package, const char *name, const unsigned char **head,
                       size_t *head_bytes, size_t *bytes);

/* Passes through the archive again and hands over the bytes of the files names[0..count), piece by
 * piece from the first on. What `sink` returns but OK ends the pass. A file that is gone or has
 * another size than when the package was opened: WANE_EFORMAT. */
typedef wane_status (*wane_package_sink)(void *context, size_t file, size_t offset,
                                         const unsigned char *bytes, size_t count, wane_error *err);
WANE_MUST_CHECK wane_status wane_package_stream(const wane_package *package,
                                                const char *const *names, size_t count,
                                                wane_package_sink sink, void *context,
                                                wane_error *err);

/* Whether it holds a model and an adapter: adapter_config.json, and tensors besides the adapter's.
 */
bool wane_package_holds_both(const wane_package *package);

/* Whether a file's name ends as one of tensors (.safetensors, .gguf, .bin, .pt, .pth, .ckpt) and is
 * not one of a trainer's own (training_args.bin, optimizer.pt, scheduler.pt, rng_state*.pth, ...).
 */
bool wane_package_tensor_name(const char *name);

/* Where the tensors of a package's model are. */
typedef enum wane_package_form {
    WANE_PACKAGE_FILE,  /* one file of safetensors or torch.save */
    WANE_PACKAGE_INDEX, /* an index of such files */
    WANE_PACKAGE_GGUF   /* one file, or a set; what else config.json says is in it too */
} wane_package_form;
typedef struct wane_package_model {
    const char *name; /* the file, the index, or the first file of a set of GGUF; borrowed */
    wane_package_form form;
    size_t shards; /* files of a set of GGUF; else 1 */
} wane_package_model;

/* model.safetensors, its index, pytorch_model.bin, its index, in this order; or the only file of
 * tensors there is, safetensors before GGUF before torch.save's. WANE_ENOTFOUND when there is none,
 * WANE_EFORMAT when there are several of a kind. */
WANE_MUST_CHECK wane_status wane_package_find_model(wane_package_model *out,
                                                    const wane_package *package, wane_error *err);
/* Whether that is GGUF; also where it is several, of which none is chosen. */
bool wane_package_in_gguf(const wane_package *package);

/* Whether a file that begins so is in GGUF. */
bool wane_gguf_begins(const void *bytes, size_t count);
/* Whether a name is that of one of a set of GGUF files, NAME-00001-of-00003.gguf, and which; set
 * makes it that of another of them. */
bool wane_gguf_shard(const char *name, size_t *number, size_t *count);
void wane_gguf_shard_set(char *name, size_t number);

#endif
