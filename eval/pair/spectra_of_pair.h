/* SPDX-License-Identifier: Apache-2.0
 * The spectra of the chosen matrices of a tuned checkpoint against its base, for intruders and
 * diff.
 */
#ifndef EVAL_PAIR_SPECTRA_OF_PAIR_H
#define EVAL_PAIR_SPECTRA_OF_PAIR_H

#include "analysis/spectra/null.h"
#include "eval/model/weight_parts.h"
#include "eval/pair/checkpoint.h"
#include "store/base/threads.h"

/* The widest smaller side of a weight given whole for which 99 random updates are drawn unasked. */
enum { WANE_NULL_DENSE_SIDE = 512 };

/* Counts are shown at epsilon less and more this, too. */
#define WANE_PAIR_MARGIN 0.05

/* Why there are no random updates. */
#define WANE_NO_NULL_ASKED "not_asked"
#define WANE_NO_NULL_WIDE "wide"
#define WANE_NO_NULL_BOUNDED "bounded"
#define WANE_NO_NULL_UNCHANGED "unchanged"

struct wane_pair_spectra;

/* Where spectra are kept as they are found (pair_store.h). */
typedef struct wane_pair_keeper {
    void *context;
    /* Before any is found: fills in what is kept of all->matrix[i] but for counts, nulls and
     * energy, and sets known[i]; the others are left as they are. */
    wane_status (*recall)(void *context, struct wane_pair_spectra *all, bool *known,
                          wane_error *err);
    /* all->matrix[place[i]], i < count, were found; the others may not be looked at. */
    wane_status (*keep)(void *context, const struct wane_pair_spectra *all, const size_t *place,
                        size_t count, wane_error *err);
} wane_pair_keeper;

typedef struct wane_pair_question {
    size_t k;
    double epsilon;
    bool u, v;
    size_t top;         /* directions per side to find, at least k; 0: k */
    const char *cache;  /* folder of exact base spectra (made if missing), or NULL */
    bool null, no_null; /* random updates of whole weights however wide; none at all */
    bool parts;         /* those of fused weights too, in lists of their own and in no sum */
    bool exact,
        bounded; /* every matrix so; neither: as wane_spectrum_is_bounded has it by itself */
    const wane_pair_keeper *keeper; /* borrowed; NULL: nothing is kept */
} wane_pair_question;

/* One matrix. Of an unchanged one nothing is decomposed: there is nothing to count in it. */
typedef struct wane_matrix_spectrum {
    size_t index; /* in the comparison's list */
    bool changed;
    bool not_finite;      /* NaN or infinite values on a side: nothing is decomposed or counted, and
                             every number is NaN */
    bool base_not_finite; /* the base's, too or alone */
    double floor;         /* wane_comparison_floor: a norm of the change, not spectrum.floor */
    size_t base_count;    /* base directions; 0 where nothing was decomposed, or bounded */
    wane_spectrum spectrum; /* effective_rank is NaN when the change is within 10 rounding floors */
    /* per side; 0 and NaN for one that was not asked for */
    size_t existing[2], unresolved[2], intruders[2];
    size_t fewer[2], more[2]; /* intruders at epsilon - .05 and epsilon + .05 */
    double null[2];           /* mean of its random updates; NaN where none were drawn */
    double energy[2];
    size_t part, parts; /* those of a fused weight, in wane_pair_spectra.part */
} wane_matrix_spectrum;

/* A part of a fused weight, as a checkpoint with separate matrices would have it; no random updates
 * are drawn beside it. */
typedef struct wane_part_spectrum {
    char name[WANE_WEIGHT_PART_NAME];
    wane_weight_part rows;
    wane_matrix_spectrum spectrum; /* index: of the whole */
} wane_part_spectrum;

/* In the comparison's order, with sums over the matrices. */
typedef struct wane_pair_spectra {
    size_t count, changed, bounded;
    size_t not_finite;            /* of them: not counted, and no norm of the whole exists */
    wane_matrix_spectrum *matrix; /* owned */
    size_t part_count;            /* where the question wants them */
    wane_part_spectrum *part;     /* owned; in no sum below */
    size_t existing[2], unresolved[2], intruders[2], fewer[2], more[2];
    double energy[2];          /* a ratio of sums; NaN where there is nothing to count */
    wane_null_summary null[2]; /* of 99 rotated updates (analysis/spectra/null.h) of all matrices */
    const char *no_null;       /* why there is none, a constant; NULL where there is */
    double base_frobenius, delta_frobenius;
    double floor;          /* root of the summed squares of the rounding floors */
    double effective_rank; /* mean over the matrices that have one; NaN without */
    size_t ranked;         /* how many have one */
    size_t within_floor;   /* changed matrices whose change is within 10 floors */
} wane_pair_spectra;

/* Whether such a matrix gets bounds (wane_spectrum_is_bounded). */
bool wane_pair_question_bounds(const wane_pair_question *question, const wane_compared *compared);

/* From factors where the tuned checkpoint is an adapter, else from the whole weights. What the
 * keeper knows is not found again, but for random updates, which are drawn anew. On a terminal the
 * progress shows on stderr. Free with wane_pair_spectra_free ({0} allowed). */
WANE_MUST_CHECK wane_status wane_pair_spectra_find(wane_pair_spectra *out,
                                                   const wane_comparison *comparison,
                                                   const wane_pair_question *question,
                                                   wane_pool *pool, wane_error *err);
/* WANE_ENUMERIC, naming the first matrix that is not finite and how many there are; else OK. */
WANE_MUST_CHECK wane_status wane_pair_spectra_finite(const wane_pair_spectra *spectra,
                                                     const wane_comparison *comparison,
                                                     wane_error *err);
/* The line that says of how many matrices the cosines are bounded; nothing where of none. */
void wane_pair_write_bounded(wane_text *out, size_t matrices);
/* The line that names them on a page; nothing where all are finite. */
void wane_pair_spectra_write_not_finite(wane_text *out, const wane_pair_spectra *spectra,
                                        const wane_comparison *comparison);
void wane_pair_spectra_free(wane_pair_spectra *spectra);

/* Lines on what the count of one side would be at epsilon -+ .05 and at random; `heads` are their
 * two labels. */
void wane_pair_spectra_write_null(wane_text *out, const wane_pair_spectra *spectra, int side,
                                  const wane_pair_question *question, const char *const heads[2]);
/* ", " and members: intruders_low, intruders_high, intruders_null and so on, null_reason. */
void wane_pair_spectra_write_null_json(wane_text *out, const wane_pair_spectra *spectra, int side);

/* One line per matrix and side to be shown, those of parts behind them, with a header. Appends to
 * `out`. */
void wane_pair_spectra_write_csv(wane_text *out, const wane_pair_spectra *spectra,
                                 const wane_comparison *comparison,
                                 const wane_pair_question *question, const bool shown[2],
                                 bool plain);

#endif
