/* SPDX-License-Identifier: Apache-2.0
 * Running the program itself in a test, and comparing what two runs left in their databases.
 */
#ifndef TESTS_SUPPORT_PROCESS_H
#define TESTS_SUPPORT_PROCESS_H

#include <stddef.h>
#include <sys/types.h>

/* Starts the program wane (its path is the build's) with these arguments, ended by NULL; stdout and
 * stderr go to the files of that name in the scratch folder. */
pid_t process_start(const char *const *arguments, const char *out, const char *err);
/* Waits; the exit code, or 128 + signal. */
int process_wait(pid_t pid);
/* Both. */
int process_run(const char *const *arguments, const char *out, const char *err);

/* Fails the test unless every table of the two databases holds the same rows in the same order,
 * but for clocks, memory, the machine and paths: usage, environment, event and the columns seconds,
 * path, source are left out. Returns the number of rows compared. */
size_t databases_equal(const char *first, const char *second);

#endif
