"""Elimination of states without subtraction (Grassmann, Taksar, Heyman 1985), for chains and for the systems M x = b.

A chain is given by its off-diagonal rates a[i, j] >= 0 and its exits e[i] >= 0 out of the whole: M = diag(e + row sums)
- a. What stands on a diagonal is a sum of rates, never a difference, so that every result is right relative to itself.
States are eliminated from the last on; eliminating state p lets what passed through it go on at once:

    a[i, j] += a[i, p] a[p, j] / d[p],  e[i] += a[i, p] e[p] / d[p],  d[p] = e[p] + sum of a[p, j] over j < p.
"""

import numpy as np

from .compile import inline, jit

PANEL = 64  # states that are eliminated before the rest of the matrix hears of it, in one product


@inline
def _add(total, carry, x):
    """A sum of positive numbers with its lost part carried along: good to two roundings for any length."""
    new = total + x
    return new, carry + ((total - new) + x if total >= x else (x - new) + total)


@jit()
def eliminate_panel(a, exits, diagonal, low, high):
    """Eliminate the states high - 1, ..., low. Later columns of earlier rows are left for a matrix product.

    Afterwards a[:p, p] holds a[i, p] / d[p], and a[p, :p], diagonal[p], exits[p] are as they were at p's elimination.
    """
    for p in range(high - 1, low - 1, -1):
        total, carry = exits[p], 0.0
        for j in range(p):
            total, carry = _add(total, carry, a[p, j])
        d = total + carry
        diagonal[p] = d
        for i in range(p):
            if a[i, p] > 0.0:
                f = a[i, p] / d
                a[i, p] = f
                exits[i] += f * exits[p]
                for j in range(low if i < low else 0, p):
                    a[i, j] += f * a[p, j]


@jit()
def substitute(a, diagonal, b):
    """Overwrite b (n,) >= 0 with x, M x = b, from an eliminated chain with a positive diagonal."""
    n = b.size
    for p in range(n - 1, -1, -1):
        for i in range(p):
            b[i] += a[i, p] * b[p]
    for p in range(n):
        total, carry = b[p], 0.0
        for j in range(p):
            total, carry = _add(total, carry, a[p, j] * b[j])
        b[p] = (total + carry) / diagonal[p]


@jit()
def weigh(a, out):
    """The stationary law (n,) of an eliminated chain without exits, not yet divided by its sum."""
    out[0] = 1.0
    for p in range(1, out.size):
        total, carry = 0.0, 0.0
        for i in range(p):
            total, carry = _add(total, carry, out[i] * a[i, p])
        out[p] = total + carry
        if total > 1e200:
            for i in range(p + 1):
                out[i] *= 1e-200


@jit(nogil=True)
def walk(indptr, indices, data, stay, law, visits, steps):
    """Move law (n,) on by `steps` steps, in place, adding what it is before each of them to visits (n,).

    The transposed moves between different states are sparse rows: what comes into j, from indices with chances data.
    stay (n,) is the chance of staying. Each law is divided by its sum, so that rounding errors do not add up.
    """
    n = law.size
    after = np.empty(n)
    for _ in range(steps):
        total = 0.0
        for j in range(n):
            visits[j] += law[j]
            mass = stay[j] * law[j]
            for e in range(indptr[j], indptr[j + 1]):
                mass += data[e] * law[indices[e]]
            after[j] = mass
            total += mass
        for j in range(n):
            law[j] = after[j] / total
