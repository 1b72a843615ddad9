"""Which states lead where: the closed classes of a chain, and what can be reached."""

from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import breadth_first_order, connected_components

from .._check import Vector


def arrows(matrix: Any) -> sparse.csr_array:
    """The pattern (n, n) of the moves between different states."""
    if sparse.issparse(matrix):
        pattern = sparse.coo_array(matrix)
        keep = (pattern.data > 0) & (pattern.row != pattern.col)
        row, column = pattern.row[keep], pattern.col[keep]
    else:
        moves = np.asarray(matrix > 0, dtype=bool)
        np.fill_diagonal(moves, False)
        row, column = np.nonzero(moves)
    return sparse.csr_array((np.ones(row.size), (row, column)), shape=matrix.shape)


def classes(pattern: sparse.csr_array) -> np.ndarray:
    """The number (n,) of the strongly connected component of each state."""
    return connected_components(pattern, directed=True, connection="strong")[1]


def closed_class(matrix: Any, points: Vector) -> np.ndarray:
    """The states (m,), ascending, of the one closed class; ValueError where there are several."""
    pattern = arrows(matrix)
    label = classes(pattern)
    row, column = pattern.nonzero()
    leaves = np.zeros(label.max() + 1, dtype=bool)
    leaves[label[row][label[row] != label[column]]] = True
    closed = [c for c in dict.fromkeys(label.tolist()) if not leaves[c]]  # by their first states
    if len(closed) > 1:
        named = [np.array2string(points[label == c][:3], separator=", ").replace("\n", "") for c in closed[:2]]
        raise ValueError(
            f"the chain is reducible: it has {len(closed)} closed classes, so that its long-run law depends on the "
            f"start; one holds the states {named[0]}, another {named[1]}"
        )
    return np.flatnonzero(label == closed[0])


def period(pattern: sparse.csr_array) -> int:
    """The greatest common divisor of the lengths of all ways back, in a strongly connected pattern (n, n)."""
    order, before = breadth_first_order(pattern, 0)
    depth = np.zeros(order.size, dtype=np.int64)
    for state in order[1:]:
        depth[state] = depth[before[state]] + 1
    row, column = pattern.nonzero()
    return int(np.gcd.reduce(depth[row] + 1 - depth[column]))


def reaching(pattern: sparse.csr_array, target: np.ndarray, through: np.ndarray) -> np.ndarray:
    """Which states (n,) of `through` or `target` can reach `target` by way of `through`."""
    seen, front = target.copy(), target
    while front.any():
        front = (pattern @ front.astype(np.float64) > 0) & through & ~seen
        seen |= front
    return seen


def is_tridiagonal(matrix: Any) -> bool:
    """Whether states move to neighbours only, each of them there and back."""
    row, column = arrows(matrix).nonzero()
    return bool((np.abs(row - column) == 1).all()) and row.size == 2 * (matrix.shape[0] - 1)
