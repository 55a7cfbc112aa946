/* SPDX-License-Identifier: Apache-2.0
 * What of a JSON text its parser cannot hold, found before it runs. For json.c alone.
 *
 * The parser refuses integers beyond int64, reals beyond double, and NaN and Infinity. Each such
 * token, where it stands outside of strings and is whole, is noted and replaced in a copy by an
 * ordinary number of the same length, so that lines and columns stay what they are. The n-th number
 * of the text is then the n-th of the parsed tree.
 */
#ifndef STORE_FILES_JSON_SCAN_H
#define STORE_FILES_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "store/base/status.h"

typedef struct wane_json_mark {
    size_t number;    /* how many numbers of the text stand before it */
    size_t at, bytes; /* its place in the text */
    bool finite;      /* an integer or a real; else NaN or an Infinity */
} wane_json_mark;

typedef struct wane_json_scan {
    char *copy; /* of the text, with the numbers in place; NULL when there is nothing to replace */
    wane_json_mark *marks; /* in the order of the text */
    size_t count, room;
} wane_json_scan;

/* Start with {0}; free with wane_json_scan_free, also after a failure. `name` is what messages call
 * the input. WANE_ENOMEM is the only failure: what is no JSON is left to the parser. */
WANE_MUST_CHECK wane_status wane_json_scan_text(wane_json_scan *out, const char *bytes,
                                                size_t count, const char *name, wane_error *err);
void wane_json_scan_free(wane_json_scan *scan);

#endif
