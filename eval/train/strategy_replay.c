/* SPDX-License-Identifier: Apache-2.0
 * Experience replay: rows of the tasks before are mixed into every epoch of a stage.
 *
 * `share` is the number of earlier rows per row of the stage's own: an epoch of n own rows has
 * floor(share n + 1/2) earlier ones besides (0.05: five for a hundred), so that of all rows trained
 * on they are share / (1 + share). They are drawn evenly from all training rows of all tasks that
 * the path has been through, without one coming back before every other has been there, and
 * shuffled with the own rows (eval/stages/batches.h).
 *
 * This is rehearsal as Scialom et al. (2022, arXiv 2205.12393) and de Masson d'Autume et al. (2019,
 * arXiv 1906.01076) count it, over rows. Frameworks of image streams hold a buffer of a fixed
 * number of rows instead and put so many of it into each batch; here every earlier row is at hand.
 */
#include <math.h>

#include "eval/train/strategy.h"

typedef struct replay {
    double share;
} replay;

static size_t mixed(const void *settings, size_t rows, size_t past)
{
    const replay *r = settings;
    (void)past;
    return (size_t)floor(r->share * (double)rows + 0.5);
}

static const replay usual = {.share = 0.05};

static const wane_setting entries[] = {
    {.name = "share",
     .type = WANE_SETTING_NUMBER,
     WANE_MEMBER(replay, share),
     .low = 0,
     .high = 100,
     .key = 1,
     .listed = "share",
     .stored = true,
     .unit = "rows per row",
     .help = "rows of earlier tasks per row of the stage's own, in every epoch"},
};

static const wane_settings settings = {
    .name = "replay",
    .help = "rows of earlier tasks are mixed into every epoch",
    .entries = entries,
    .count = sizeof entries / sizeof *entries,
    .defaults = &usual,
};

const wane_strategy wane_strategy_replay = {
    .settings = &settings, .bytes = sizeof(replay), .needs_past = true, .mixed = mixed};
