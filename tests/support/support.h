/* SPDX-License-Identifier: Apache-2.0
 * What every test needs on top of cmocka: error-printing checks, tolerances, a scratch folder.
 */
#ifndef TESTS_SUPPORT_SUPPORT_H
#define TESTS_SUPPORT_SUPPORT_H

/* cmocka.h needs these four before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "store/base/hash.h"
#include "store/base/status.h"
#include "store/files/json.h"
#include "store/results/query.h"
#include "store/results/results.h"

/* Succeeds, or prints the error's line and fails. `err` must be a wane_error in scope. */
#define CHECK_OK(call)                                                                             \
    do {                                                                                           \
        wane_status check_status = (call);                                                         \
        if (check_status != WANE_OK) print_error("%s\n", err.message);                             \
        assert_int_equal(check_status, WANE_OK);                                                   \
    } while (0)

/* Fails with exactly this code and a message that contains `text`. */
#define CHECK_FAILS(call, code, text)                                                              \
    check_failure((call), (code), (text), &err, __FILE__, __LINE__)
void check_failure(wane_status status, wane_status code, const char *text, const wane_error *err,
                   const char *file, int line);

/* |actual - expected| <= absolute + relative * |expected|; NaN never passes. */
#define CHECK_NEAR(actual, expected, absolute, relative)                                           \
    check_near((actual), (expected), (absolute), (relative), #actual, __FILE__, __LINE__)
void check_near(double actual, double expected, double absolute, double relative, const char *what,
                const char *file, int line);

/* A fresh empty folder under TMPDIR; scratch_path joins a name to it (borrowed, valid until the
 * eighth call after). Removed by scratch_remove. Usable as cmocka set-up and tear-down. */
int scratch_make(void **state);
int scratch_remove(void **state);
const char *scratch_folder(void);
/* Removes a file, or a folder with all in it; what is not there is fine. */
void remove_tree(const char *path);
const char *scratch_path(const char *name);

/* Writes / reads a whole file of the test, failing the test on error. */
void write_file(const char *path, const void *bytes, size_t count);
char *read_file(const char *path, size_t *count); /* NUL-terminated; free() it */
/* Rows `first` to first + count - 1 of a task with two labels: "the dog sees I" and I mod 2. */
void write_task_rows(const char *name, int first, int count);
/* `count` numbers of a normal distribution of that deviation; free with wane_free. */
float *normal_floats(size_t count, double deviation, uint64_t tensor);
/* The next number of a text file. */
double number_in(FILE *file);
double json_value(const wane_json *number);
/* The key of the model at `path`. */
void model_key(char out[WANE_SHA256_HEX], const char *path);
/* A JSON file as the program reads one: within the limit of its name. */
wane_status load_json(wane_json **out, const char *path, wane_error *err);
void copy_file(const char *from, const char *to);

/* The database at `path`; the test fails when it does not open. */
wane_results *open_results(const char *path, wane_results_mode mode);

/* The current row by the name of a column; the test fails when there is none of that name. */
size_t row_column(const wane_query *query, const char *name);
double row_number(const wane_query *query, const char *name);    /* NULL: NaN */
const char *row_text(const wane_query *query, const char *name); /* NULL: NULL */

/* The first column of the first row as a whole number; the test fails when there is none. */
int64_t query_integer(wane_results *db, const char *sql);
/* The same of the database at `path`, opened for reading. */
int64_t query_integer_at(const char *path, const char *sql);
double query_number_at(const char *path, const char *sql);

#endif
