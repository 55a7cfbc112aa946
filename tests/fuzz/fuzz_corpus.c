/* SPDX-License-Identifier: Apache-2.0
 * Corpora. The first byte of an input chooses the file's name and how it is cut; the rest is the
 * file.
 */
#include "store/base/text.h"
#include "tasks/data/corpus.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_file.h"

static const char *const names[] = {"c.txt", "c.jsonl", "c.json", "c.csv", "c.tsv", "c.gz", "c"};
enum { NAMES = sizeof names / sizeof *names };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wane_error err = {0};
    wane_corpus corpus = {0};
    if (size == 0) return 0;
    wane_corpus_spec spec = {.path = fuzz_named_file(names[data[0] % NAMES], data + 1, size - 1),
                             .documents = data[0] / NAMES % 2 ? "whole" : NULL,
                             .filter = data[0] / NAMES / 2 % 2 ? "ascii" : NULL};
    wane_status st = wane_corpus_open(&corpus, &spec, &err);
    if (st != WANE_OK) {
        fuzz_check_error(st, &err);
        FUZZ_CHECK(!corpus.documents && !corpus.memory);
        return 0;
    }
    FUZZ_CHECK(corpus.count > 0 && strlen(corpus.sha256) == WANE_SHA256_HEX - 1);
    for (size_t i = 0; i < corpus.count; i++) {
        const wane_document *d = &corpus.documents[i];
        FUZZ_CHECK(d->bytes > 0 && d->words > 0 && d->words <= d->bytes);
        FUZZ_CHECK(wane_utf8_valid(d->text, d->bytes, NULL) && !memchr(d->text, 0, d->bytes));
        for (size_t k = 0; spec.filter && k < d->bytes; k++)
            FUZZ_CHECK((unsigned char)d->text[k] < 0x80);
    }
    wane_corpus_free(&corpus);
    return 0;
}
