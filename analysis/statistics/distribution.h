/* SPDX-License-Identifier: Apache-2.0
 * The normal and Student's t distribution, to about 1e-13 relative (t beyond a thousand degrees of
 * freedom: 1e-10).
 */
#ifndef ANALYSIS_STATISTICS_DISTRIBUTION_H
#define ANALYSIS_STATISTICS_DISTRIBUTION_H

double wane_normal_cdf(double z);
/* The z below which a share p lies; -inf at 0, inf at 1, NaN outside. */
double wane_normal_quantile(double p);

/* P(|T| >= |t|) with `degrees` > 0 of freedom; NaN otherwise. */
double wane_student_two_sided(double t, double degrees);
/* The t > 0 that |T| exceeds with probability p, 0 < p <= 1; NaN otherwise. */
double wane_student_critical(double p, double degrees);

#endif
