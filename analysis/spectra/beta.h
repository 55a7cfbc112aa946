/* SPDX-License-Identifier: Apache-2.0
 * The incomplete beta function's continued fraction, which shares of a sphere and tails of
 * Student's t are made of.
 */
#ifndef ANALYSIS_SPECTRA_BETA_H
#define ANALYSIS_SPECTRA_BETA_H

/* Abramowitz and Stegun 26.5.8, evaluated forward by Lentz's method: I_x(a, b) is
 * x^a (1 - x)^b / (a B(a, b)) times it. a, b > 0; converges quickly for 0 <= x < (a + 1) /
 * (a + b + 2), beyond it callers use I_x(a, b) = 1 - I_{1-x}(b, a). */
double wane_beta_fraction(double a, double b, double x);

#endif
