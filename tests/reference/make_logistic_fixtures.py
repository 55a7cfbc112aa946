# SPDX-License-Identifier: Apache-2.0
"""Writes tests/reference/data/logistic.txt. Needs NumPy and scikit-learn >= 1.7.

Per case a line "n m d classes l2 loss norm", n lines "label features", m lines "prediction margin
features": LogisticRegression after StandardScaler on the first n rows, of the same objective as
analysis/statistics/logistic.h, and its predictions of the other m. loss: of the n rows, nats per
example; norm: the Frobenius norm of the weights, centred over the classes.
"""
import pathlib

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

OUT = pathlib.Path(__file__).parent / "data" / "logistic.txt"


def fit(features, labels, l2):
    """StandardScaler, the fitted model, its weights and intercepts as K vectors that add to 0."""
    scaler = StandardScaler().fit(features)
    classes = len(np.unique(labels))
    strength = (2 if classes == 2 else 1) / (l2 * len(labels))
    model = LogisticRegression(C=strength, solver="newton-cholesky", tol=1e-12, max_iter=1000)
    model.fit(scaler.transform(features), labels)
    weights, intercepts = model.coef_, model.intercept_
    if classes == 2:
        weights = np.concatenate([-weights, weights]) / 2
        intercepts = np.concatenate([-intercepts, intercepts]) / 2
    return scaler, model, weights - weights.mean(0), intercepts - intercepts.mean()


def scores_of(scaler, weights, intercepts, features):
    return scaler.transform(features) @ weights.T + intercepts


def loss_of(scores, labels):
    top = scores.max(1, keepdims=True)
    log_sum = top[:, 0] + np.log(np.exp(scores - top).sum(1))
    return float(np.mean(log_sum - scores[np.arange(len(labels)), labels]))


def margins_of(scores):
    ordered = np.sort(scores, axis=1)
    return ordered[:, -1] - ordered[:, -2]


def draw(random, n, d, classes, spread, rank):
    """Features around a centre per class, correlated, on a grid of 1/16; one never varies."""
    mix = random.normal(size=(rank, d))
    labels = random.integers(0, classes, n)
    labels[:classes] = np.arange(classes)
    centres = random.normal(size=(classes, rank)) * spread
    features = (centres[labels] + random.normal(size=(n, rank))) @ mix
    features = np.round(features * random.uniform(0.5, 4, d) * 16) / 16
    features[:, d // 2] = 2.5
    return features, labels


def main():
    random = np.random.default_rng(3)
    cases = [(60, 20, 6, 3, 1e-3, 0.5, 6), (50, 20, 5, 2, 1e-3, 0.8, 5),
             (24, 20, 40, 4, 1e-3, 0.7, 40), (80, 20, 12, 7, 1e-3, 0.6, 4),
             (40, 20, 8, 3, 1e-3, 6.0, 8), (40, 20, 8, 5, 0.1, 0.3, 8),
             (20, 10, 30, 2, 1e-2, 0.5, 30)]
    with open(OUT, "w") as out:
        for n, m, d, classes, l2, spread, rank in cases:
            features, labels = draw(random, n + m, d, classes, spread, rank)
            scaler, model, weights, intercepts = fit(features[:n], labels[:n], l2)
            scores = scores_of(scaler, weights, intercepts, features)
            print(n, m, d, classes, repr(l2), repr(loss_of(scores[:n], labels[:n])),
                  repr(float(np.linalg.norm(weights))), file=out)
            predicted = model.predict(scaler.transform(features[n:]))
            for i in range(n + m):
                head = [labels[i]] if i < n else [predicted[i - n],
                                                  repr(float(margins_of(scores[i:i + 1])[0]))]
                print(*head, *(f"{v:.10g}" for v in features[i]), file=out)


if __name__ == "__main__":
    main()
