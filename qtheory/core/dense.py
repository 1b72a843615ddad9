"""The dense quadratic F(w) = (w - center)' A (w - center) / 2."""

from typing import NamedTuple

import numpy as np

from .compile import jit
from .objectives import _coupled, _no_coefficients, _stored_slope, coefficients, gradients, separable, slope, values


class DenseQuadratic(NamedTuple):
    matrix: np.ndarray
    center: np.ndarray


separable.of(DenseQuadratic)(_coupled)
coefficients.of(DenseQuadratic)(_no_coefficients)
slope.of(DenseQuadratic)(_stored_slope)


@gradients.of(DenseQuadratic)
def _gradients(objective, q, y, work, seed, trial, step):
    _product(objective, q, y)


@jit()
def _product(objective, q, y):
    error = np.empty_like(q)
    for j in range(q.shape[0]):
        e, w, c = error[j], q[j], objective.center[j]
        for i in range(q.shape[1]):
            e[i] = w[i] - c
    np.dot(objective.matrix, error, y)


@values.of(DenseQuadratic)
def _values(objective, w, out):
    y = np.empty_like(w)
    _product(objective, w, y)
    for i in range(out.size):
        out[i] = 0.0
    for j in range(w.shape[0]):
        for i in range(out.size):
            out[i] += 0.5 * y[j, i] * (w[j, i] - objective.center[j])
