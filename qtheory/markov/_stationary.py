"""Stationary laws: by elimination, by products for moves to neighbours, and for large sparse chains by solvers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from .._check import Vector
from ..problems._tails import UNIT
from ._elimination import amplified, exact_weights, own, product, weights
from ._graph import closed_class, is_tridiagonal
from ._sparse import MOST_DENSE, sparse_weights


@dataclass(frozen=True, eq=False)
class Law:
    """A law on the states of a chain.

    probabilities: (n,) float64, or of Fractions. error: bounds the relative error of each of them; 0.0 for fractions.
    """

    probabilities: np.ndarray
    error: float


def stationary(matrix: Any, points: Vector, error: float) -> Law:
    """The law pi with pi P = pi, or pi K = 0: zero outside the one closed class."""
    inside = closed_class(matrix, points)
    part = matrix if inside.size == matrix.shape[0] else matrix[inside][:, inside]
    if inside.size == 1:
        law = Law(np.ones(1, dtype=part.dtype), 0.0)
    elif part.dtype == object:
        law = Law(_neighbours(part) if is_tridiagonal(part) else exact_weights(part), 0.0)
    else:
        law = _floating(part, error)
    if inside.size == matrix.shape[0]:
        return law
    whole = np.zeros(matrix.shape[0], dtype=law.probabilities.dtype)
    whole[inside] = law.probabilities
    return Law(whole, law.error)


def _floating(matrix: Any, error: float) -> Law:
    n = matrix.shape[0]
    inherited = amplified(error, n - 1)
    if is_tridiagonal(matrix):
        return Law(_neighbours(matrix), inherited + 4 * (n + 1) * UNIT)
    if n > MOST_DENSE:
        values, found = sparse_weights(sparse.csr_array(matrix))
        return Law(values, inherited + found)
    dense = matrix.toarray() if sparse.issparse(matrix) else matrix
    return Law(weights(dense), inherited + own(n))


def _neighbours(matrix: Any) -> np.ndarray:
    return product(matrix.diagonal(1), matrix.diagonal(-1))
