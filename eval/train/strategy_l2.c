/* SPDX-License-Identifier: Apache-2.0
 * L2 to the base: a penalty on the distance of what is trained to where it was.
 *
 * Added to the mean loss of a step is weight / 2 sum_i (theta_i - theta0_i)^2 over every number
 * that is trained, and weight (theta_i - theta0_i) to its gradient, which AdamW then steps along as
 * along the loss's: not decoupled, as its decay is. This is L2-SP (Li, Grandvalet and Davoine 2018,
 * arXiv 1802.01483) with its alpha as the weight. theta0 are the base's numbers, or
 * those the stage starts from. A number that the base has none of (a linear head) is not held to
 * it: the paper decays these to 0, which weight_decay does here.
 *
 * Under an adapter the weights are W + s B A, and what is trained are A and B. The base has none of
 * these, and the distance of weights, |s B A| and what earlier stages have added, is no sum over
 * them: to the base it is refused. To the start it is defined on the factors, as L2 of LoRA is
 * (LoRA-L2 in arXiv 2410.16801): of a fresh adapter it pulls B to 0, and so B A, and A to its
 * random start; of one that goes on, both to what they were. That decay of factors is a pull of the
 * weights to those the adapter stands on: irhum.github.io/blog/lorawd (2023).
 */
#include "eval/train/strategy.h"

enum { TO_BASE, TO_START };

typedef struct l2 {
    double weight;
    int to;
} l2;

static double penalty(const wane_strategy_training *t, size_t tensor, size_t first, size_t count)
{
    const l2 *own = t->settings;
    const wane_trained *one = &t->trained[tensor];
    const float *held = own->to == TO_START ? t->start[tensor] : t->base[tensor];
    double sum = 0;
    for (size_t i = first; held && i < first + count; i++) {
        double away = (double)one->value[i] - (double)held[i];
        one->gradient[i] += (float)(own->weight * away);
        sum += away * away;
    }
    return own->weight / 2 * sum;
}

static const char *unfit(const void *settings, const wane_method *method)
{
    return method->adapter && ((const l2 *)settings)->to == TO_BASE
               ? "to: base is a distance of weights, and an adapter's factors are none; give to: "
                 "start, which holds the factors, or weight_decay alone, which pulls their product "
                 "to 0"
               : NULL;
}

static const l2 usual = {.weight = 0.01, .to = TO_BASE};

static const char *const places[] = {"base", "start", NULL};

static const wane_setting entries[] = {
    {.name = "weight",
     .type = WANE_SETTING_NUMBER,
     WANE_MEMBER(l2, weight),
     .low = 0,
     .high = 1e6,
     .key = 1,
     .listed = "weight",
     .stored = true,
     .help = "of the penalty weight / 2 |theta - theta_0|^2 on all that is trained",
     .explain = "added to the mean loss of a step (L2-SP, Li et al. 2018); the losses that are "
                "stored are without it"},
    {.name = "to",
     .type = WANE_SETTING_CHOICE,
     WANE_MEMBER(l2, to),
     .choices = places,
     .key = 2,
     .stored = true,
     .help =
         "what theta_0 is: the base (of adapters it is refused), or what each stage starts from",
     .explain = "base: a linear head, which it has not, is free. Adapters: start alone, and of the "
                "factors, not of the weights: a fresh B to 0 and with it the change B A; so does "
                "weight_decay, which shrinks A too"},
};

static const wane_settings settings = {
    .name = "l2",
    .help = "a penalty on the squared distance to the base, or to where a stage starts",
    .entries = entries,
    .count = sizeof entries / sizeof *entries,
    .defaults = &usual,
};

const wane_strategy wane_strategy_l2 = {.settings = &settings,
                                        .bytes = sizeof(l2),
                                        .keeps_start = true,
                                        .unfit = unfit,
                                        .penalty = penalty};
