/* SPDX-License-Identifier: Apache-2.0
 * Running the program itself in a test, small models for it, and comparing what two runs left in
 * their databases.
 */
#ifndef TESTS_SUPPORT_PROCESS_H
#define TESTS_SUPPORT_PROCESS_H

#include <stddef.h>
#include <sys/types.h>

/* Starts the program wane (its path is the build's) with these arguments, ended by NULL; stdout and
 * stderr go to the files of that name in the scratch folder. */
pid_t process_start(const char *const *arguments, const char *out, const char *err);
/* The same as the leader of a process group of its own. */
pid_t process_start_group(const char *const *arguments, const char *out, const char *err);
/* Waits; the exit code, or 128 + signal. */
int process_wait(pid_t pid);
/* Both. */
int process_run(const char *const *arguments, const char *out, const char *err);

/* Makes the built-in model, small and soon made (width 32, 60 steps over 200 documents), in the
 * folder of that name in the scratch folder; the exit code. */
int process_pretrain(const char *name);

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
