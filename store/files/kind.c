/* SPDX-License-Identifier: Apache-2.0
 * A table of first bytes and of the names that messages give to what they begin.
 */
#include "store/files/kind.h"

#include <string.h>
#include <strings.h>

static const struct {
    const char *magic;
    size_t length;
    wane_kind kind;
} known[] = {{"PAR1", 4, WANE_KIND_PARQUET},
             {"ARROW1", 6, WANE_KIND_ARROW},
             {"\xff\xff\xff\xff", 4, WANE_KIND_ARROW},
             {"PK\3\4", 4, WANE_KIND_ZIP},
             {"\x1f\x8b", 2, WANE_KIND_GZIP},
             {"\x28\xb5\x2f\xfd", 4, WANE_KIND_ZSTANDARD},
             {"BZh", 3, WANE_KIND_BZIP2},
             {"\xfd"
              "7zXZ",
              5, WANE_KIND_XZ},
             {"%PDF-", 5, WANE_KIND_PDF},
             {"\xff\xfe", 2, WANE_KIND_UTF16},
             {"\xfe\xff", 2, WANE_KIND_UTF16}};

static const char *const names[WANE_KINDS] = {[WANE_KIND_PARQUET] = "Parquet",
                                              [WANE_KIND_ARROW] = "Arrow",
                                              [WANE_KIND_ZIP] = "a zip archive",
                                              [WANE_KIND_GZIP] = "gzip",
                                              [WANE_KIND_ZSTANDARD] = "Zstandard",
                                              [WANE_KIND_BZIP2] = "bzip2",
                                              [WANE_KIND_XZ] = "xz",
                                              [WANE_KIND_PDF] = "PDF",
                                              [WANE_KIND_UTF16] = "UTF-16",
                                              [WANE_KIND_HTML] = "a page of HTML"};

/* A page may begin with white space, and in either case. */
static int is_html(const char *bytes, size_t count)
{
    static const char *const starts[] = {"<!doctype html", "<html"};
    while (count > 0 && strchr(" \t\r\n", *bytes) && *bytes) {
        bytes++;
        count--;
    }
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        size_t length = strlen(starts[i]);
        if (count >= length && strncasecmp(bytes, starts[i], length) == 0) return 1;
    }
    return 0;
}

wane_kind wane_kind_of_bytes(const char *bytes, size_t count)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (count >= known[i].length && memcmp(bytes, known[i].magic, known[i].length) == 0)
            return known[i].kind;
    return is_html(bytes, count) ? WANE_KIND_HTML : WANE_KIND_OTHER;
}

const char *wane_kind_name(wane_kind kind)
{
    return names[kind];
}
