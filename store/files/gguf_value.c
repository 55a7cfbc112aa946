/* SPDX-License-Identifier: Apache-2.0
 * Values of a GGUF file's metadata, by kind: whatever width a number has in the file, it is read as
 * one of two.
 */
#include "store/files/gguf_value.h"

#include <string.h>

typedef enum form { UNSIGNED, SIGNED, REAL, BOOL, STRING, ARRAY } form;

/* By the number of the type in files. */
static const struct {
    form form;
    unsigned width;
} types[] = {
    {UNSIGNED, 1}, {SIGNED, 1}, {UNSIGNED, 2}, {SIGNED, 2},   {UNSIGNED, 4}, {SIGNED, 4}, {REAL, 4},
    {BOOL, 1},     {STRING, 8}, {ARRAY, 12},   {UNSIGNED, 8}, {SIGNED, 8},   {REAL, 8},
};

static const wane_gguf_kind kinds[] = {
    [UNSIGNED] = WANE_GGUF_INTEGER, [SIGNED] = WANE_GGUF_INTEGER, [REAL] = WANE_GGUF_REAL,
    [BOOL] = WANE_GGUF_BOOL,        [STRING] = WANE_GGUF_STRING,  [ARRAY] = WANE_GGUF_ARRAY};

unsigned wane_gguf_width(uint32_t type)
{
    return type < sizeof types / sizeof *types ? types[type].width : 0;
}

/* -------------------------------------------------------------------------------------- numbers */

/* The low bytes of a number of `width` bytes, its sign carried on. */
static uint64_t bits_of(const unsigned char *bytes, unsigned width, bool sign)
{
    uint64_t bits = 0;
    memcpy(&bits, bytes, width);
    if (sign && width < sizeof bits && bits >> (8 * width - 1)) bits |= UINT64_MAX << (8 * width);
    return bits;
}

static bool integer_of(int64_t *out, uint32_t type, const unsigned char *bytes)
{
    if (types[type].form != UNSIGNED && types[type].form != SIGNED) return false;
    uint64_t bits = bits_of(bytes, types[type].width, types[type].form == SIGNED);
    if (types[type].form == UNSIGNED && bits > INT64_MAX) return false;
    *out = (int64_t)bits;
    return true;
}

static bool number_of(double *out, uint32_t type, const unsigned char *bytes)
{
    int64_t whole = 0;
    float single = 0;
    if (types[type].form != REAL) {
        if (!integer_of(&whole, type, bytes)) return false;
        *out = (double)whole;
        return true;
    }
    if (types[type].width == sizeof single) {
        memcpy(&single, bytes, sizeof single);
        *out = (double)single;
    } else memcpy(out, bytes, sizeof *out);
    return true;
}

static bool bool_of(bool *out, uint32_t type, const unsigned char *bytes)
{
    if (types[type].form != BOOL) return false;
    *out = *bytes != 0;
    return true;
}

/* ---------------------------------------------------------------------------------------- scalars
 */

wane_gguf_kind wane_gguf_kind_of(const wane_gguf_value *value)
{
    return kinds[types[value->type].form];
}

bool wane_gguf_bool(bool *out, const wane_gguf_value *value)
{
    return value && bool_of(out, value->type, value->bytes);
}

bool wane_gguf_integer(int64_t *out, const wane_gguf_value *value)
{
    return value && integer_of(out, value->type, value->bytes);
}

bool wane_gguf_number(double *out, const wane_gguf_value *value)
{
    return value && number_of(out, value->type, value->bytes);
}

const char *wane_gguf_string(const wane_gguf_value *value, size_t *bytes)
{
    *bytes = 0;
    if (!value || types[value->type].form != STRING) return NULL;
    *bytes = value->count;
    return (const char *)value->bytes;
}

bool wane_gguf_is(const wane_gguf_value *value, const char *text)
{
    size_t bytes = 0;
    const char *string = wane_gguf_string(value, &bytes);
    return string && bytes == strlen(text) && memcmp(string, text, bytes) == 0;
}

/* ----------------------------------------------------------------------------------------- arrays
 */

static bool is_array(const wane_gguf_value *value)
{
    return value && types[value->type].form == ARRAY;
}

size_t wane_gguf_size(const wane_gguf_value *array)
{
    return is_array(array) ? array->count : 0;
}

bool wane_gguf_element_kind(wane_gguf_kind *out, const wane_gguf_value *array)
{
    if (!is_array(array)) return false;
    *out = kinds[types[array->element].form];
    return true;
}

/* Where a number or flag stands; NULL beyond the last and in other arrays. */
static const unsigned char *element(const wane_gguf_value *array, size_t index)
{
    if (index >= wane_gguf_size(array) || !array->bytes) return NULL;
    return array->bytes + index * types[array->element].width;
}

bool wane_gguf_integer_at(int64_t *out, const wane_gguf_value *array, size_t index)
{
    const unsigned char *at = element(array, index);
    return at && integer_of(out, array->element, at);
}

bool wane_gguf_number_at(double *out, const wane_gguf_value *array, size_t index)
{
    const unsigned char *at = element(array, index);
    return at && number_of(out, array->element, at);
}

bool wane_gguf_bool_at(bool *out, const wane_gguf_value *array, size_t index)
{
    const unsigned char *at = element(array, index);
    return at && bool_of(out, array->element, at);
}

const char *wane_gguf_string_at(const wane_gguf_value *array, size_t index, size_t *bytes)
{
    uint64_t length = 0;
    *bytes = 0;
    if (index >= wane_gguf_size(array) || !array->at) return NULL;
    memcpy(&length, array->at[index], sizeof length);
    *bytes = (size_t)length;
    return (const char *)array->at[index] + sizeof length;
}
