/* SPDX-License-Identifier: Apache-2.0
 * What tests of config.json ask of it.
 */
#ifndef TESTS_UNIT_MODEL_CONFIG_CASE_H
#define TESTS_UNIT_MODEL_CONFIG_CASE_H

#include "eval/model/architecture.h"

/* Fails the test where the text is refused. */
wane_config config_read(const char *text);
/* Fails it where the text is read, or refused without `named` in the message. */
void config_refused(const char *text, const char *named);
/* How many numbers the model has. */
size_t config_numbers(const wane_config *config);
/* Written and read again it is the same. */
void config_check_round(const wane_config *config);
/* The layers' windows: `window` where `period`, again and again, has 1; none elsewhere. */
void config_check_windows(const wane_config *config, size_t window, const char *period);

#endif
