/* SPDX-License-Identifier: Apache-2.0
 * Which files are of tensors, by their names and first bytes, and the names of a set of GGUF files.
 */
#include <stdio.h>
#include <string.h>

#include "store/base/text.h"
#include "store/files/file.h"
#include "store/files/package.h"

bool wane_package_tensor_name(const char *name)
{
    static const char *const endings[] = {".safetensors", ".gguf", ".bin", ".pt", ".pth", ".ckpt"};
    static const char *const others[] = {"training_args.", "optimizer.", "scheduler.", "scaler.",
                                         "rng_state"};
    const char *base = wane_path_base(name);
    bool good = false;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        good = good || wane_ends_with(base, endings[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        good = good && strncmp(base, others[i], strlen(others[i])) != 0;
    return good && base[0] != '.';
}

/* -------------------------------------------------------------------------------- sets of GGUF */

bool wane_gguf_begins(const void *bytes, size_t count)
{
    return count >= 4 && memcmp(bytes, "GGUF", 4) == 0;
}

/* NAME-00001-of-00003.gguf: five digits each. */
static const char shard_form[] = "-00000-of-00000.gguf";
enum { SHARD_FORM = sizeof shard_form - 1, DIGITS = 5, OF = 4 };

/* Five digits as a number; 0 when they are none. */
static size_t digits_at(const char *text)
{
    size_t number = 0;
    for (int i = 0; i < DIGITS; i++) {
        if (text[i] < '0' || text[i] > '9') return 0;
        number = 10 * number + (size_t)(text[i] - '0');
    }
    return number;
}

bool wane_gguf_shard(const char *name, size_t *number, size_t *count)
{
    size_t length = strlen(name);
    if (length <= SHARD_FORM) return false;
    const char *tail = name + length - SHARD_FORM;
    if (tail[0] != '-' || strncmp(tail + 1 + DIGITS, "-of-", OF) != 0 ||
        strcmp(tail + 1 + DIGITS + OF + DIGITS, ".gguf") != 0)
        return false;
    *number = digits_at(tail + 1);
    *count = digits_at(tail + 1 + DIGITS + OF);
    return *number >= 1 && *number <= *count;
}

void wane_gguf_shard_set(char *name, size_t number)
{
    char digits[16];
    (void)snprintf(digits, sizeof digits, "%05zu", number % 100000);
    memcpy(name + strlen(name) - SHARD_FORM + 1, digits, DIGITS);
}
