/* SPDX-License-Identifier: Apache-2.0
 * A database whose numbers are written by hand, so that what every view must say of it can be
 * written as arithmetic on what was put in.
 */
#ifndef TESTS_UNIT_RESULTS_COLUMNS_DATABASE_H
#define TESTS_UNIT_RESULTS_COLUMNS_DATABASE_H

#include <sqlite3.h>

extern sqlite3 *sql; /* of the database, between set-up and tear-down */
int columns_set_up(void **state);
int columns_clean_up(void **state);

#endif
