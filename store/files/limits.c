/* SPDX-License-Identifier: Apache-2.0
 * The table of the largest inputs, and the message for one that is larger.
 */
#include "store/files/limits.h"

#include <stddef.h>
#include <string.h>

#include "store/base/text.h"
#include "store/files/file.h"

static const struct {
    unsigned mebibytes;
    const char *of;
} limits[] = {
    [WANE_LIMIT_CONFIG] = {8, "a configuration"},
    [WANE_LIMIT_TOKENIZER] = {128, "a tokenizer"},
    [WANE_LIMIT_INDEX] = {128, "an index of tensors"},
    [WANE_LIMIT_TABLE] = {1024, "a table"},
    [WANE_LIMIT_TEXT] = {4096, "a file of a corpus"},
};

uint64_t wane_limit_bytes(wane_limit kind)
{
    return (uint64_t)limits[kind].mebibytes << 20;
}

wane_limit wane_limit_of_name(const char *name)
{
    static const char *const tokenizers[] = {"tokenizer.json",
                                             "tokenizer_config.json",
                                             "added_tokens.json",
                                             "vocab.json",
                                             "special_tokens_map.json",
                                             "chat_template.json",
                                             "merges.txt",
                                             "vocab.txt",
                                             "tokenizer.model",
                                             "spiece.model",
                                             "sentencepiece.bpe.model"};
    const char *base = wane_path_base(name);
    for (size_t i = 0; i < sizeof tokenizers / sizeof *tokenizers; i++)
        if (strcmp(base, tokenizers[i]) == 0) return WANE_LIMIT_TOKENIZER;
    if (wane_ends_with(base, ".index.json")) return WANE_LIMIT_INDEX;
    return WANE_LIMIT_CONFIG;
}

wane_status wane_limit_exceeded(wane_error *err, const char *path, wane_limit kind)
{
    return wane_fail(err, WANE_EFORMAT, "read: %s: larger than %u MiB, the limit of %s", path,
                     limits[kind].mebibytes, limits[kind].of);
}
