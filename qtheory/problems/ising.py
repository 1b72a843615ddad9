"""The Ising objective F(w) = w'Jw / 2 on [-1, 1]^d: rugged, of any dimension, and least at a vector of signs."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np

from .. import _check
from .._check import Vector
from ._base import BY_A_BOUND, BY_CONSTRUCTION, BY_EIGENVALUES, Known, Problem
from .noise import Noise, NoNoise

ENUMERABLE = 20  # the largest d whose 2^d vectors of signs are all visited


@dataclass(frozen=True, eq=False)
class Ising(Problem):
    """F(w) = w'Jw / 2 with J symmetric and zero on its diagonal, on the box [-1, 1]^d. Not convex, unless J = 0.

    F is affine in each coordinate, so that its least value over the box is its least value over the signs {-1, 1}^d;
    F(-w) = F(w). With such a J, BinaryConnect's rounding is unbiased in value and in gradient: E F(Q_s(w)) = F(w) and
    E grad F(Q_s(w)) = grad F(w).

    Arguments:
        couplings: (d, d) J, symmetric with zero diagonal, d >= 2.
        reference: (d,) signs, the point that gaps are measured from where d > 20, the best known for instance: the
            gap of a better point is then negative. Up to d = 20 the optimum is found among all signs, and no reference
            may be given.
        noise: see Problem. The box is [-1, 1].

    Source: D. Sherrington and S. Kirkpatrick, Solvable model of a spin-glass, Physical Review Letters 35 (1975).
    """

    couplings: Vector
    reference: Vector | None = None
    box: tuple[float, float] | None = field(default=(-1.0, 1.0), init=False)

    quadratic = True

    def _validate(self) -> None:
        self._set("couplings", symmetric("couplings", self.couplings))
        if self.reference is None:
            return
        if self.dim <= ENUMERABLE:
            raise ValueError(
                f"reference must be left out for d <= {ENUMERABLE}, where all signs are visited, got d = {self.dim}"
            )
        reference = _check.array("reference", self.reference, shape=(self.dim,))
        if not (np.abs(reference) == 1).all():
            raise ValueError(f"reference must hold -1 and 1 only, got {reference[np.abs(reference) != 1][0]:g}")
        self._set("reference", reference)

    @classmethod
    def random(cls, d: int, seed: int, *, noise: Noise | None = None, reference: Any = None) -> Self:
        """A Sherrington-Kirkpatrick instance: J_ij normal of variance 1/d, independent for i < j."""
        d = _check.count("d", d, least=2)
        draw = np.random.Generator(np.random.Philox(_check.count("seed", seed, least=0)))
        upper = np.triu(draw.standard_normal((d, d)) / np.sqrt(d), 1)
        return cls(upper + upper.T, reference, noise=noise or NoNoise())

    @property
    def dim(self) -> int:
        return len(self.couplings)

    def value(self, w: Any) -> Vector:
        w = np.asarray(w, dtype=np.float64)
        return np.sum(w * (w @ self.couplings), axis=-1) / 2

    def gradient(self, w: Any) -> Vector:
        return np.asarray(w, dtype=np.float64) @ self.couplings

    @cached_property
    def _spectrum(self) -> Vector:
        return np.asarray(np.linalg.eigvalsh(self.couplings), dtype=np.float64)

    def _curvature(self) -> tuple[Known, Known, Known]:
        low, high = float(self._spectrum[0]), float(self._spectrum[-1])
        return Known(low, BY_EIGENVALUES), Known(max(-low, high), BY_EIGENVALUES), Known(0.0, BY_CONSTRUCTION)

    def _gradient_norm(self) -> Known:
        # |Jw| is convex in w: two bounds on its value at the corners, by the rows of J and by its largest eigenvalue.
        rows = np.linalg.norm(np.abs(self.couplings).sum(axis=1))
        rounding = 1 + 4 * self.dim * np.finfo(float).eps
        largest = np.abs(self._spectrum).max() * rounding * np.sqrt(self.dim)
        return Known(float(min(rows, largest)), BY_A_BOUND)

    @property
    def enumerable(self) -> bool:
        """Whether d is small enough for the optimum to be found among all signs."""
        return self.dim <= ENUMERABLE

    @cached_property
    def _best_signs(self) -> Vector:
        energies = self.energies()
        w = signs(np.argmin(energies), self.dim)
        w.setflags(write=False)
        return w

    def energies(self) -> Vector:
        """(2^(d-1),) F at all signs with w_1 = 1, in the order of `signs`. ValueError for d > 20."""
        if not self.enumerable:
            raise ValueError(f"d must be at most {ENUMERABLE} to visit all signs, got {self.dim}")
        # w = (a, b): F(w) = F(a, 0) + F(0, b) + a'J_ab b, one product of matrices for all a and b.
        cut = (self.dim + 1) // 2
        J, rest = self.couplings, self.dim - cut
        a, b = signs(np.arange(2 ** (cut - 1)), cut), signs(np.arange(2**rest), rest)
        own_a = np.sum(a * (a @ J[:cut, :cut]), axis=1) / 2
        own_b = np.sum(b * (b @ J[cut:, cut:]), axis=1) / 2
        return (own_a[:, None] + own_b + (a @ J[:cut, cut:]) @ b.T).ravel()

    def closed_form(self) -> tuple[Vector, float]:
        """(w*, F*): by enumeration up to d = 20, of w* and -w* the one with w_1 = 1; beyond, the reference.

        Raises: ValueError for d > 20 without a reference.
        """
        if self.enumerable:
            w = self._best_signs
        elif self.reference is not None:
            w = self.reference
        else:
            raise ValueError(
                f"reference must give the point that gaps are measured from for d > {ENUMERABLE} (such as the best "
                f"signs known), got none, with d = {self.dim}: only up to d = {ENUMERABLE} the optimum is computed"
            )
        return w, float(self.value(w))

    def lower(self, real: type) -> Any:
        from ..core import dense

        return dense.DenseQuadratic(self.couplings.astype(real), np.zeros(self.dim, real))

    def workspace(self, lanes: int, real: type) -> tuple:
        from ..core import dense

        return dense.products(self.dim, lanes, real)


def signs(index: Any, d: int) -> Vector:
    """(..., d) the signs of indices (...): bit j from the left gives w_(j+1), 0 for 1 and 1 for -1."""
    bits = (np.asarray(index)[..., None] >> np.arange(d - 1, -1, -1)) & 1
    return np.where(bits == 0, 1.0, -1.0).astype(np.float64)


def symmetric(name: str, value: Any) -> Vector:
    """A (d, d) matrix, d >= 2, exactly symmetric and with a zero diagonal."""
    J = _check.array(name, value, ndim=2)
    if J.shape[0] != J.shape[1] or len(J) < 2:
        raise ValueError(f"{name} must be square with d >= 2, got shape {J.shape}")
    if not np.allclose(J, J.T, rtol=1e-12, atol=1e-12 * np.abs(J).max()):
        raise ValueError(f"{name} must be symmetric")
    if np.diagonal(J).any():
        raise ValueError(
            f"{name} must have a zero diagonal (on signs it only adds a constant), got {np.diagonal(J).tolist()[:4]}"
        )
    return _check.array(name, (J + J.T) / 2)
