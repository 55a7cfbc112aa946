/* SPDX-License-Identifier: Apache-2.0
 * Running the program itself in a test, small models for it, and comparing what two runs left in
 * their databases.
 */
#ifndef TESTS_SUPPORT_PROCESS_H
#define TESTS_SUPPORT_PROCESS_H

#include <stddef.h>
#include <sys/types.h>

#include "eval/model/model.h"

/* Starts the program wane (its path is the build's) with these arguments, ended by NULL; stdout and
 * stderr go to the files of that name in the scratch folder. */
pid_t process_start(const char *const *arguments, const char *out, const char *err);
/* The same as the leader of a process group of its own. */
pid_t process_start_group(const char *const *arguments, const char *out, const char *err);
/* Waits; the exit code, or 128 + signal. */
int process_wait(pid_t pid);
/* Both. */
int process_run(const char *const *arguments, const char *out, const char *err);

/* Prints what `err` in the scratch folder says, for a code that is not the wanted one. */
void process_print_said(int code);

void wait_milliseconds(uint64_t count);
/* Waits until the database at `path`, which may not be there yet, answers with a number of at least
 * `least`; the test fails after 20 seconds. */
void wait_for_query(const char *path, const char *sql, int64_t least);

/* Starts the program again and again, each killed at a random moment of its life, until one ends by
 * itself with exit code 0 (any other fails the test). Call k lives for `least` to 3 least +
 * growth k milliseconds. Returns the number of kills. */
int process_kill_until_done(const char *const *arguments, uint64_t seed, uint64_t least,
                            uint64_t growth);

/* Makes the built-in model, small and soon made (width 32, 60 steps over 200 documents), in the
 * folder of that name in the scratch folder; the exit code. */
int process_pretrain(const char *name);

/* A random llama of 32 tokens with tied ends and half as many key and value heads as heads, saved
 * as `base` in the scratch folder, without a tokenizer. Owned by the caller. */
wane_model *small_model(size_t layers, size_t heads, size_t head_width, size_t hidden);

/* In a file of a model's folder, the first `from` (it must be there) becomes `to`. */
typedef struct file_change {
    const char *file, *from, *to;
} file_change;
/* The model `from` (config.json, tokenizer.json, model.safetensors) again as `to`, both in the
 * scratch folder, with changes in this order, ended by an empty one. */
void copy_model(const char *from, const char *to, const file_change *changes);

/* Fails the test unless every table of the two databases holds the same rows in the same order,
 * but for clocks, memory, the machine and paths: usage, environment, event and the columns seconds,
 * path, source are left out. Returns the number of rows compared. */
size_t databases_equal(const char *first, const char *second);

#endif
