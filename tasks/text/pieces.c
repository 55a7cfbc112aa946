/* SPDX-License-Identifier: Apache-2.0
 * Two lists of pieces, the current one and the next, that change places when a step ends, and a
 * spare buffer that changes places with the text.
 */
#include "tasks/text/pieces.h"

#include "store/base/memory.h"

void wane_pieces_begin(wane_pieces *pieces)
{
    *pieces = (wane_pieces){.used = -1};
}

void wane_pieces_free(wane_pieces *pieces)
{
    wane_free(pieces->items);
    wane_free(pieces->next);
    wane_text_free(&pieces->spare[0]);
    wane_text_free(&pieces->spare[1]);
    wane_pieces_begin(pieces);
}

wane_status wane_pieces_emit(wane_pieces *pieces, wane_piece piece, wane_error *err)
{
    if (!piece.bytes && piece.id < 0) return WANE_OK;
    if (!WANE_GROW(pieces->next, pieces->next_capacity, pieces->next_count + 1))
        return wane_fail_memory(err, "tokenizer", "pieces");
    pieces->next[pieces->next_count++] = piece;
    return WANE_OK;
}

wane_status wane_pieces_cut(wane_pieces *pieces, const wane_piece *from, size_t start, size_t stop,
                            wane_error *err)
{
    wane_piece piece = {.start = from->start + start, .bytes = stop - start, .id = -1};
    if (from->lead > start) piece.lead = from->lead - start;
    if (piece.lead > piece.bytes) piece.lead = piece.bytes;
    return wane_pieces_emit(pieces, piece, err);
}

wane_text *wane_pieces_spare(wane_pieces *pieces)
{
    wane_text *spare = &pieces->spare[pieces->used == 0];
    wane_text_clear(spare);
    return spare;
}

wane_status wane_pieces_turn(wane_pieces *pieces, int changed, wane_error *err)
{
    wane_piece *items = pieces->items;
    size_t capacity = pieces->capacity;
    if (changed) {
        pieces->used = pieces->used == 0;
        wane_status st = wane_text_check(&pieces->spare[pieces->used], "tokenizer", "text", err);
        if (st != WANE_OK) return st;
        pieces->text = pieces->spare[pieces->used].data;
    }
    pieces->items = pieces->next;
    pieces->capacity = pieces->next_capacity;
    pieces->count = pieces->next_count;
    pieces->next = items;
    pieces->next_capacity = capacity;
    pieces->next_count = 0;
    return WANE_OK;
}
