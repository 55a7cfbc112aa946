/* SPDX-License-Identifier: Apache-2.0
 * encode_lines TOKENIZER [--plain] [--decode] [--seconds]
 *
 * Reads texts from stdin, each as its length in bytes (4 bytes, little end first) and its bytes.
 * Prints for each one line: its ids. --plain leaves the post-processor out; --decode adds a line
 * with the decoded text in hexadecimal, special tokens skipped; --seconds prints, instead of ids,
 * the seconds that encoding all texts took. An error is a line "error: ...".
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/clock.h"
#include "tasks/text/tokenizer.h"

static bool read_text(char **text, size_t *capacity, size_t *bytes)
{
    unsigned char size[4];
    if (fread(size, 1, 4, stdin) != 4) return false;
    *bytes = size[0] | (size_t)size[1] << 8 | (size_t)size[2] << 16 | (size_t)size[3] << 24;
    if (*bytes >= *capacity) {
        free(*text);
        *capacity = *bytes * 2 + 1;
        *text = malloc(*capacity);
    }
    return *text && fread(*text, 1, *bytes, stdin) == *bytes;
}

int main(int count, char **words)
{
    wane_error err;
    wane_tokenizer *tokenizer = NULL;
    bool plain = false, decode = false, seconds = false;
    for (int i = 2; i < count; i++) {
        plain = plain || !strcmp(words[i], "--plain");
        decode = decode || !strcmp(words[i], "--decode");
        seconds = seconds || !strcmp(words[i], "--seconds");
    }
    if (count < 2 || wane_tokenizer_load(&tokenizer, words[1], &err) != WANE_OK) {
        printf("error: %s\n", count < 2 ? "no tokenizer" : err.message);
        return 2;
    }
    char *text = NULL;
    size_t capacity = 0, bytes = 0, total = 0;
    double spent = 0;
    wane_tokens ids = {0};
    wane_text back = {0};
    while (read_text(&text, &capacity, &bytes)) {
        ids.count = 0;
        double start = wane_clock_cpu();
        wane_status st = wane_tokenizer_encode(tokenizer, text, bytes, !plain, &ids, &err);
        spent += wane_clock_cpu() - start;
        total += bytes;
        if (st == WANE_OK && decode) {
            wane_text_clear(&back);
            st = wane_tokenizer_decode(tokenizer, ids.ids, ids.count, true, &back, &err);
        }
        if (st != WANE_OK) printf("error: %s", err.message);
        for (size_t i = 0; st == WANE_OK && !seconds && i < ids.count; i++)
            printf(i ? " %d" : "%d", ids.ids[i]);
        if (!seconds) putchar('\n');
        for (size_t i = 0; decode && st == WANE_OK && i < back.length; i++)
            printf("%02x", (unsigned)(unsigned char)back.data[i]);
        if (decode) putchar('\n');
    }
    if (seconds) printf("%.6f %zu\n", spent, total);
    wane_tokens_free(&ids);
    wane_text_free(&back);
    free(text);
    wane_tokenizer_free(tokenizer);
    return 0;
}
