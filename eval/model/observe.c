/* SPDX-License-Identifier: Apache-2.0
 * Multiplies the change of each weight by the rows that it sees, block by block, and keeps the
 * squares of both norms.
 */
#include "eval/model/observe.h"

#include "store/base/blas.h"

/* A tile of rows by a block of outputs at a time, so that no room is needed beside the stack. */
enum { ROWS = 16, OUTPUTS = 64 };

static double squares(const float *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (double)values[i] * (double)values[i];
    return sum;
}

void wane_observe_linear(const wane_linear *l, wane_slot slot, const float *x)
{
    const wane_pass *pass = l->pass;
    const wane_parameter *p = &pass->parameters.parameter[l->index->weight[slot]];
    const float *change = pass->observed + p->offset;
    const size_t place = l->index->weight[slot] * pass->limits.tokens;
    float y[ROWS * OUTPUTS];
    for (size_t first = 0; first < l->rows; first += ROWS) {
        size_t rows = l->rows - first < ROWS ? l->rows - first : ROWS;
        const float *input = x + first * p->cols;
        double sum[ROWS] = {0};
        for (size_t o = 0; o < p->rows; o += OUTPUTS) {
            size_t outputs = p->rows - o < OUTPUTS ? p->rows - o : OUTPUTS;
            wane_sgemm_tile(false, true, rows, outputs, p->cols, 1.0f, input, p->cols,
                            change + o * p->cols, p->cols, 0.0f, y, outputs);
            for (size_t r = 0; r < rows; r++) sum[r] += squares(y + r * outputs, outputs);
        }
        for (size_t r = 0; r < rows; r++) {
            size_t row = l->row + first + r, token = l->token ? l->token[row] : row;
            pass->image[place + token] = sum[r];
            pass->input[place + token] = squares(input + r * p->cols, p->cols);
        }
    }
}

void wane_pass_observe(wane_pass *pass, const wane_model *change, double *image, double *input)
{
    pass->observed = change ? change->weights : NULL;
    pass->image = image;
    pass->input = input;
}
