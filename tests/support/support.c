/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include <errno.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "eval/model/model.h"
#include "store/base/memory.h"
#include "store/base/random.h"
#include "store/base/text.h"
#include "store/files/file.h"
#include "store/files/limits.h"

static char folder[256];

void check_failure(wane_status status, wane_status code, const char *text, const wane_error *err,
                   const char *file, int line)
{
    if (status != code || err->code != code || !strstr(err->message, text)) {
        print_error("status %d (%s), message \"%s\"; wanted %d (%s) and \"%s\"\n", status,
                    wane_status_name(status), status == WANE_OK ? "" : err->message, code,
                    wane_status_name(code), text);
        _fail(file, line);
    }
}

void check_near(double actual, double expected, double absolute, double relative, const char *what,
                const char *file, int line)
{
    if (!(fabs(actual - expected) <= absolute + relative * fabs(expected))) {
        print_error("%s = %.17g, wanted %.17g +- %g + %g relative\n", what, actual, expected,
                    absolute, relative);
        _fail(file, line);
    }
}

int scratch_make(void **state)
{
    (void)state;
    const char *parent = getenv("TMPDIR");
    (void)snprintf(folder, sizeof folder, "%s/wane-test-XXXXXX", parent ? parent : "/tmp");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

int scratch_remove(void **state)
{
    (void)state;
    return nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void remove_tree(const char *path)
{
    if (access(path, F_OK) == 0 || errno != ENOENT)
        assert_int_equal(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

const char *scratch_folder(void)
{
    return folder;
}

const char *scratch_path(const char *name)
{
    static char paths[8][512];
    static unsigned next;
    char *path = paths[next++ % 8];
    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

void write_file(const char *path, const void *bytes, size_t count)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
}

char *read_file(const char *path, size_t *count)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long size = ftell(file);
    assert_true(size >= 0);
    rewind(file);
    char *bytes = calloc((size_t)size + 1, 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, (size_t)size, file), (size_t)size);
    (void)fclose(file);
    if (count) *count = (size_t)size;
    return bytes;
}

void write_task_rows(const char *name, int first, int count)
{
    wane_text text = {0};
    for (int i = first; i < first + count; i++)
        wane_text_printf(&text, "{\"text\": \"the dog sees %d\", \"label\": %d}\n", i, i % 2);
    write_file(scratch_path(name), text.data, text.length);
    wane_text_free(&text);
}

float *normal_floats(size_t count, double deviation, uint64_t tensor)
{
    const wane_random where = {.purpose = WANE_RANDOM_TEST, .tensor = tensor};
    float *out = wane_alloc(count, sizeof *out);
    assert_non_null(out);
    wane_random_normal_fill(out, count, deviation, &where);
    return out;
}

double number_in(FILE *file)
{
    char word[64];
    assert_int_equal(fscanf(file, "%63s", word), 1);
    return strtod(word, NULL);
}

double json_value(const wane_json *number)
{
    double out = NAN;
    assert_true(wane_json_number(&out, number));
    return out;
}

void model_key(char out[WANE_SHA256_HEX], const char *path)
{
    wane_error err;
    wane_model *model = NULL;
    CHECK_OK(wane_model_load(&model, path, &err));
    CHECK_OK(wane_model_sha256(out, model, &err));
    wane_model_free(model);
}

wane_status load_json(wane_json **out, const char *path, wane_error *err)
{
    char *bytes = NULL;
    size_t count = 0;
    wane_status st = wane_file_read_kind(&bytes, &count, path, wane_limit_of_name(path), err);
    if (st == WANE_OK) st = wane_json_parse(out, bytes, count, path, err);
    wane_free(bytes);
    return st;
}

void copy_file(const char *from, const char *to)
{
    size_t count = 0;
    char *bytes = read_file(from, &count);
    write_file(to, bytes, count);
    free(bytes);
}

wane_results *open_results(const char *path, wane_results_mode mode)
{
    wane_error err = {0};
    wane_results *db = NULL;
    CHECK_OK(wane_results_open(&db, path, mode, &err));
    return db;
}

size_t row_column(const wane_query *query, const char *name)
{
    size_t column = 0;
    while (column < wane_query_columns(query) && strcmp(wane_query_name(query, column), name) != 0)
        column++;
    if (column == wane_query_columns(query)) fail_msg("no column '%s'", name);
    return column;
}

double row_number(const wane_query *query, const char *name)
{
    return wane_query_double(query, row_column(query, name));
}

const char *row_text(const wane_query *query, const char *name)
{
    return wane_query_text(query, row_column(query, name));
}

int64_t query_integer(wane_results *db, const char *sql)
{
    wane_error err = {0};
    wane_query *query = NULL;
    CHECK_OK(wane_query_open(&query, db, sql, NULL, 0, &err));
    CHECK_OK(wane_query_next(query, &err));
    int64_t value = wane_query_int(query, 0);
    wane_query_free(query);
    return value;
}

int64_t query_integer_at(const char *path, const char *sql)
{
    wane_results *db = open_results(path, WANE_RESULTS_READ);
    int64_t value = query_integer(db, sql);
    wane_results_close(db);
    return value;
}

double query_number_at(const char *path, const char *sql)
{
    wane_error err = {0};
    wane_query *query = NULL;
    wane_results *db = open_results(path, WANE_RESULTS_READ);
    CHECK_OK(wane_query_open(&query, db, sql, NULL, 0, &err));
    CHECK_OK(wane_query_next(query, &err));
    double value = wane_query_double(query, 0);
    wane_query_free(query);
    wane_results_close(db);
    return value;
}
