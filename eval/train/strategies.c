/* SPDX-License-Identifier: Apache-2.0
 * The table of continual strategies, and the one that does nothing.
 */

#include "eval/train/strategy.h"

/* One line each, in the order in which they are offered. */
static const wane_strategy *const strategies[] = {
    &wane_strategy_none,
    &wane_strategy_replay,
    &wane_strategy_l2,
};

static const wane_settings no_settings = {
    .name = "none", .help = "nothing: each stage trains on the rows of its own task"};

/* What forgetting is measured on. */
const wane_strategy wane_strategy_none = {.settings = &no_settings};

const wane_strategy *wane_strategy_at(size_t place)
{
    return place < sizeof strategies / sizeof *strategies ? strategies[place] : NULL;
}

bool wane_strategy_acts(const wane_strategy *strategy)
{
    return strategy->mixed || strategy->penalty || strategy->project;
}

void wane_strategy_hash(wane_sha256 *hash, const wane_strategy *strategy, const void *settings)
{
    if (!wane_strategy_acts(strategy)) return;
    wane_sha256_text(hash, "strategy");
    wane_sha256_text(hash, strategy->settings->name);
    wane_settings_hash(hash, &(wane_settings_of){strategy->settings, settings}, 1);
}
