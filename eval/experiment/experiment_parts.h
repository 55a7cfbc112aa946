/* SPDX-License-Identifier: Apache-2.0
 * The parts of reading an experiment, one file each. For this room alone.
 */
#ifndef EVAL_EXPERIMENT_EXPERIMENT_PARTS_H
#define EVAL_EXPERIMENT_EXPERIMENT_PARTS_H

#include "eval/experiment/experiment.h"
#include "store/files/yaml.h"

/* *out = path under the experiment's root, in its memory. */
WANE_MUST_CHECK wane_status wane_experiment_path(const char **out, const wane_experiment *x,
                                                 const char *path, wane_error *err);
/* Each reads its key of the root map into `x`, defaults included. */
WANE_MUST_CHECK wane_status wane_experiment_read_pretraining(wane_experiment *x,
                                                             const wane_yaml *root,
                                                             wane_error *err);
WANE_MUST_CHECK wane_status wane_experiment_read_corpora(wane_experiment *x, const wane_yaml *root,
                                                         wane_error *err);
WANE_MUST_CHECK wane_status wane_experiment_read_tasks(wane_experiment *x, const wane_yaml *root,
                                                       wane_error *err);
WANE_MUST_CHECK wane_status wane_experiment_read_methods(wane_experiment *x, const wane_yaml *root,
                                                         wane_error *err);
WANE_MUST_CHECK wane_status wane_experiment_read_protocol(wane_experiment *x, const wane_yaml *root,
                                                          wane_error *err);
/* After the methods: adds a config per method and bound. */
WANE_MUST_CHECK wane_status wane_experiment_read_bounds(wane_experiment *x, const wane_yaml *root,
                                                        wane_error *err);
WANE_MUST_CHECK wane_status wane_experiment_read_matrices(wane_experiment *x, const wane_yaml *root,
                                                          wane_error *err);
WANE_MUST_CHECK wane_status wane_experiment_read_track(wane_experiment *x, const wane_yaml *root,
                                                       wane_error *err);
/* After orders and methods; and the key as `wane validate` prints it. */
WANE_MUST_CHECK wane_status wane_experiment_read_interventions(wane_experiment *x,
                                                               const wane_yaml *root,
                                                               wane_error *err);
void wane_experiment_print_interventions(wane_text *out, const wane_experiment *x);

#endif
