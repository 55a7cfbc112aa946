/* SPDX-License-Identifier: Apache-2.0
 * The terms of singular directions and of what is counted of them.
 */
#include "analysis/report/terms.h"

#define ILLUSION "Illusion of Equivalence (2410.21228)"

const wane_term wane_terms_spectra[] = {
    {"argmax", "measure", "the base direction that max_cosine is reached with", NULL,
     "position from 1", NULL, NULL, NULL, NULL},
    {"below_floor", "column", "why max_cosine is NULL: the direction does not exist", NULL, NULL,
     NULL, NULL, NULL, "sigma is at or below floor: see floor"},
    {"beyond_stored_top", "column",
     "why a count of intruders is NULL: k goes beyond the directions that are stored", NULL, NULL,
     NULL, NULL, NULL, "intruders: {top: K} in the experiment, run again, stores more of them"},
    {"changed", "column",
     "1: the matrix differs from its reference in some number; of a stage: how many do", NULL,
     "count", NULL, NULL, NULL,
     "in an unchanged matrix there is nothing to count: 0 intruders of 0; its "
     "directions are the reference's, max_cosine 1"},
    {"cluster_overlap", "measure",
     "how much of a tuned singular direction lies in one cluster of base directions",
     "max over clusters of sqrt(sum_l <u_j, x_l>^2), a cluster being a run of base singular values "
     "of which the first and the last differ by at most 1e-3 of the first or by two floors",
     "0 to 1, at least max_cosine", "below epsilon = 0.5: an intruder",
     "where the direction does not exist (below_floor); in cells that an earlier wane measured",
     NULL,
     "among near-equal singular values any small change turns the vectors at will: see unresolved"},
    {"drift", "measure",
     "whether the change of a matrix favours the directions that its inputs on a corpus lie in",
     "n tr(dW Sigma dW^T) / (||dW||_F^2 tr Sigma), dW = W - W_0, n the inputs of the matrix, Sigma "
     "= (1/N) sum x x^T over the N tokens of the corpus's windows (where they overlap, a token "
     "counts in each), x what the base feeds the matrix there; of a stage: the sum of what is "
     "above over "
     "the sum of what is below, over all linear weights",
     "0 to n; 1: no preference", "above 1: the change acts on this corpus more than its size says",
     "of an unchanged matrix (unchanged); where all its inputs are 0 (no_input); not_finite", NULL,
     "asked for by measures: [drift]; tr(dW Sigma dW^T) is the mean of |dW x|^2: a ratio of means, "
     "where f_delta is a mean of ratios, and on "
     "the inputs of the base, where f_delta has those of the tuned model"},
    {"drift_abs", "measure",
     "how far the outputs of the base's matrices move on a corpus, as a share of what they are",
     "tr(dW Sigma dW^T) / tr(W_0 Sigma W_0^T), Sigma as in drift; of a stage: ratio of sums over "
     "all linear weights",
     "squared share of 1", "higher: the change moves more of what pretraining had",
     "where the base's outputs are 0 (no_output); not_finite", NULL,
     "asked for by measures: [drift]; 0 of an unchanged matrix"},
    {"earlier_definition", "column",
     "why unresolved is NULL: an earlier wane measured the cell, by max_cosine alone", NULL, NULL,
     NULL, NULL, NULL,
     "run the experiment again: where weights are kept, the cell is measured again and nothing is "
     "trained"},
    {"epsilon", "setting",
     "a direction is an intruder when its max_cosine and cluster_overlap are below this",
     "0.5 in views; any other in the intruders queries and wane curves --epsilon, --x epsilon",
     "cosine, 0 to 1", "higher: more directions count", NULL, ILLUSION,
     "in small matrices random changes turn directions further: see intruders_null"},
    {"existing", "column",
     "of the top k directions of the changed matrices, how many exist: what intruders are counted "
     "of",
     "sigma_j > floor (strict)", "count", NULL, "in cells that an earlier wane measured", NULL,
     "see floor; fewer than k where the tuned weight is of lower rank"},
    {"floor", "column",
     "of a matrix: a singular value at or below it has no direction; of a built-in corpus: its "
     "exact entropy, which no nll is below",
     "of a matrix m x n: max( max(m, n) eps_fp32 sigma_1, (sqrt m + sqrt n) rms(ulp / sqrt 12) ), "
     "sigma_1 and the second term, which is 0 for fp32, of the tuned weight; the base's directions "
     "go by its own sigma_1 and the first term",
     "of a corpus: nats per token", NULL,
     "of a corpus whose entropy is not known, and in cells that an earlier wane measured",
     "(sqrt m + sqrt n) rms is the expected norm of noise: Vershynin (1011.3027)",
     "rounding_floor is a norm of the change"},
    {"intruder_energy", "measure", "share of the top spectrum that lies in intruder dimensions",
     "sum over intruders in the top 10 of sigma^2 / sum over those of the top 10 that exist; of a "
     "stage: ratio of sums over changed matrices",
     "share of 1", "higher: intruders weigh more", NULL, NULL, "counts saturate, this does not"},
    {"intruder_energy_v", "measure", "intruder_energy of the right singular vectors", NULL,
     "share of 1", NULL, "when side v was not asked for", NULL, NULL},
    {"intruders", "measure", "new directions among the top 10 that the base has nothing close to",
     "how many of the top k = 10 left singular vectors have cluster_overlap < epsilon = 0.5 "
     "(strict), against the base, summed over the changed linear weights without embeddings and "
     "heads; the paper has max_cosine, which is the same but for near-equal singular values of the "
     "base",
     "count", "higher: more intruder dimensions", NULL, ILLUSION ", Definition 3.1",
     "read beside intruders_null and intruders_unresolved, of intruders_existing; other k, "
     "epsilon, side: wane query DB --name intruders --param k=20"},
    {"intruders_existing", "measure",
     "of the top 10 directions of the changed matrices, how many exist: what intruders are counted "
     "of",
     "sigma_j > floor (strict)", "count", NULL, "in cells that an earlier wane measured", NULL,
     "see floor"},
    {"intruders_high", "measure", "intruders at epsilon = 0.55: how far the count hangs on epsilon",
     "as intruders, with epsilon = 0.55", "count", NULL, NULL, NULL,
     "intruders_low to intruders_high is a margin, not an interval; count_noise is what rounding "
     "does"},
    {"intruders_low", "measure", "intruders at epsilon = 0.45: how far the count hangs on epsilon",
     "as intruders, with epsilon = 0.45", "count", NULL, NULL, NULL, "see intruders_high"},
    {"intruders_null", "measure",
     "mean count of intruders of 99 random changes of the same size: null_rotated, side u",
     "mean over 99 draws of the intruders that W_0 + U S V^T has in all changed matrices together; "
     "see null_rotated",
     "count", NULL,
     "where weights are tuned whole, before the last stage of a run; under intruders: {nulls: "
     "none}; "
     "in cells an earlier wane measured whose weights are gone",
     NULL,
     "intruders: {nulls: auto | all | none} says which stages have it: auto, all whose change is a "
     "sum of adapters and the last of every run; all; none. Draws are counted at k = 10, epsilon = "
     "0.05, 0.1, ..., 1 against the base"},
    {"intruders_null_high", "measure", "97.5% of the draws of intruders_null",
     "midway between the 97th and 98th of the 99 sorted counts", "count",
     "a count above it has more than its size alone brings about", "as intruders_null", NULL,
     "0: see uninformative"},
    {"intruders_null_low", "measure", "2.5% of the draws of intruders_null",
     "midway between the second and third of the 99 sorted counts", "count", NULL,
     "as intruders_null", NULL, NULL},
    {"intruders_p_high", "measure", "how often random changes of this size have as many intruders",
     "(1 + how many of the 99 draws have as many or more) / 100", "share of 1",
     "small: more than its size alone brings about", "as intruders_null", NULL,
     "one-sided; no smaller than 0.01"},
    {"intruders_p_low", "measure", "how often random changes of this size have as few intruders",
     "(1 + how many of the 99 draws have as few or fewer) / 100", "share of 1",
     "small: fewer than its size alone brings about", "as intruders_null", NULL,
     "one-sided; no smaller than 0.01"},
    {"intruders_unresolved", "measure",
     "directions that turned inside a cluster of near-equal base singular values: neither "
     "intruders nor the base's",
     "how many of the top k = 10 left singular vectors have max_cosine < epsilon = 0.5 <= "
     "cluster_overlap",
     "count", "higher: fewer directions can be told apart",
     "in cells that an earlier wane measured (earlier_definition)", NULL,
     "shown beside the count, in neither side"},
    {"intruders_unresolved_v", "measure", "intruders_unresolved of the right singular vectors",
     NULL, "count", NULL, "when side v was not asked for", NULL, NULL},
    {"intruders_v", "measure", "intruders among the right singular vectors", NULL, "count",
     "higher: more intruder dimensions", "when side v was not asked for", NULL, NULL},
    {"k", "setting", "how many top directions of each matrix are looked at for intruders",
     "10 in views; any other up to what is stored (intruders: {top: 32}) in the intruders queries "
     "and wane curves --k, --x k",
     "count", "higher: more directions count", NULL, ILLUSION, "see beyond_stored_top"},
    {"matrices_changed", "measure",
     "how many matrices differ from the base: those that intruders are counted in", NULL, "count",
     NULL, NULL, NULL, "see changed"},
    {"max_cosine", "measure",
     "how close a tuned singular direction is to its nearest base direction",
     "max_i |<u_j, x_i>|, x_i the base's singular vectors with sigma_i > max(m, n) eps_fp32 "
     "sigma_1",
     "0 to 1", "below epsilon = 0.5: an intruder, if cluster_overlap is too",
     "where the direction does not exist (below_floor)", ILLUSION ", Definition 3.1",
     "span tells how much of the direction lies in the base's span at all; of a stage: the mean "
     "over "
     "the first 10 left directions of each changed matrix"},
    {"null_gaussian", "measure",
     "intruders of 99 random updates of the same rank and norm, whose spectrum is not that of dW",
     "W_0 + c G H^T, G and H of independent standard normal numbers and of the rank of dW, c such "
     "that the Frobenius norm is that of dW; of full rank: W_0 + c G",
     "count", "see null_rotated", "as null_rotated", NULL,
     "the second opinion: where both agree, the shape of dW's spectrum does not matter"},
    {"null_rotated", "measure",
     "intruders of 99 random updates with the singular values of dW: what its size alone brings "
     "about",
     "W_0 + U S V^T, S the singular values of W - W_0 above floor, U and V independent and "
     "uniformly distributed orthonormal columns (Haar); counted as intruders are; mean, and the "
     "2.5% and 97.5% quantiles at (n + 1) p of the sorted totals; p of as many or more: (1 + how "
     "many of the 99 have) / 100, of as few or fewer likewise",
     "count",
     "a count within the quantiles is one that an update of this size has wherever it points",
     "wane intruders and diff draw them for adapters, and for whole weights whose smaller side is "
     "at "
     "most 512; for others with --null",
     "Haar: Mezzadri (math-ph/0609050); quantiles: Hyndman and Fan 1996, type 6",
     "see uninformative; null_gaussian matches rank and norm alone"},
    {"onset", "measure",
     "the size at which an update begins to have an intruder, as a part of its own",
     "the smallest t at which W_0 + t dW has one (side u, k = 10, epsilon = 0.5): the first of t = "
     "0.05, 0.10, ... 1.25, halved back to 1/1280 of its place",
     "share of dW; below 1: dW has, or had, one", "lower: less of dW is needed",
     "where none has one; for weights given whole", NULL,
     "tells counts of 0 apart. One that comes and goes within a step of 0.05 is not met"},
    {"rounding_floor", "measure",
     "size of an update that rounding of a 16-bit file alone could make: the expected norm of "
     "round(W) - W",
     "sqrt(sum u^2 / 12) over the elements, u = the distance of two neighbours of the file's type; "
     "of the tuned file, and of the base's too where that keeps fewer bits",
     NULL, NULL, "for fp32 weights and adapters", NULL,
     "below ten floors the effective rank is that of rounding, and NULL"},
    {"sigma", "measure", "singular value of the tuned weight at a position", NULL, NULL, NULL, NULL,
     NULL, NULL},
    {"span", "measure", "share of a tuned direction inside the span of the base's directions",
     "||X^T u_j||^2, X the base's singular vectors", "0 to 1",
     "below 1 only for tall weights or bases without full rank", NULL, NULL, NULL},
    {"subspace_overlap", "measure", "max_cosine against neighbourhoods of seven base directions",
     "max_i sqrt(sum_{|l - i| <= 3} <u_j, x_l>^2)", "0 to 1",
     "high beside a low max_cosine: only a rotation among near-equal singular values", NULL, NULL,
     NULL},
    {"top_energy", "measure",
     "sum of sigma^2 of the top 10 directions of a tuned weight that exist", NULL, NULL, NULL,
     "of an unchanged weight", NULL, NULL},
    {"uninformative", "column",
     "1: the 97.5% quantile of null_rotated is 0, so that having no intruders says nothing",
     "at so small a size random updates have none either", "0 or 1", NULL,
     "where no random updates are drawn", NULL,
     "a count above 0 stands out all the same: see its p"},
    {"unresolved", "column", "short for intruders_unresolved, at any k, epsilon and side", NULL,
     "count", NULL, NULL, NULL, NULL},
};
const size_t wane_terms_spectra_count = sizeof wane_terms_spectra / sizeof *wane_terms_spectra;
