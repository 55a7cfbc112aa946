/* SPDX-License-Identifier: Apache-2.0
 * token_perplexity = exp(nll); word_perplexity = exp(nll tokens / words); byte_perplexity =
 * exp(nll tokens / bytes); bits_per_byte = nll tokens / (bytes ln 2).
 */
#include <math.h>

#include "eval/measure/measure.h"

/* exp of a large nll is beyond any number. */
static double finite_exp(double x)
{
    double value = exp(x);
    return isfinite(value) ? value : NAN;
}

void wane_likelihood_columns(wane_likelihood_row *out, const wane_likelihood *likelihood,
                             const wane_windows *windows, const wane_window_rule *rule)
{
    const wane_likelihood *l = likelihood;
    double total = l->nll * (double)l->tokens;
    bool known = l->unknown_tokens == 0;
    *out = (wane_likelihood_row){
        .nll = l->nll,
        .stderr_ = l->nll_stderr,
        .change_stderr = NAN,
        .token_perplexity = finite_exp(l->nll),
        .word_perplexity = known && l->words ? finite_exp(total / (double)l->words) : NAN,
        .byte_perplexity = known && l->bytes ? finite_exp(total / (double)l->bytes) : NAN,
        .bits_per_byte = known && l->bytes ? total / (double)l->bytes / log(2.0) : NAN,
        .reason = l->reason,
        .kl_to_base = l->kl_to_base,
        .soft_ce = l->soft_ce,
        .tokens = (int64_t)l->tokens,
        .words = (int64_t)l->words,
        .bytes = (int64_t)l->bytes,
        .unk_tokens = (int64_t)l->unknown_tokens,
        .window = (int64_t)rule->window,
        .stride = (int64_t)(rule->stride ? rule->stride : rule->window - 1),
        .bos = windows->bos >= 0 ? "one per document" : "none"};
}
