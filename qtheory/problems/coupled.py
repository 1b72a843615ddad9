"""Objectives whose coordinates interact: the dense quadratic, erratum E1's cubic, and a user's own."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import _check
from .._check import Vector
from ._base import (
    BY_A_BOUND,
    BY_CONSTRUCTION,
    BY_EIGENVALUES,
    UNBOUNDED,
    Compiled,
    Constants,
    Known,
    Problem,
    on_coordinates,
)


@dataclass(frozen=True, eq=False)
class DenseQuadratic(Problem):
    """F(w) = (w - center)' A (w - center) / 2.

    Arguments:
        matrix: (d, d) A, symmetric and positive definite.
        center: (d,), or a number for all: the unconstrained minimiser.
        noise, box: see Problem.
    """

    matrix: Vector
    center: Vector = 0.0  # type: ignore[assignment]

    quadratic = True

    def _validate(self) -> None:
        matrix = _check.array("matrix", self.matrix, ndim=2)
        if matrix.shape[0] != matrix.shape[1]:
            raise ValueError(f"matrix must be square, got shape {matrix.shape}")
        if not np.allclose(matrix, matrix.T, rtol=1e-12, atol=1e-12 * np.abs(matrix).max()):
            raise ValueError("matrix must be symmetric")
        self._set("matrix", _check.array("matrix", (matrix + matrix.T) / 2))
        self._set("center", on_coordinates("center", self.center, matrix.shape[0]))
        self._set("_spectrum", np.linalg.eigvalsh(self.matrix))
        if not self._spectrum[0] > 0:  # type: ignore[attr-defined]
            raise ValueError(
                f"matrix must be positive definite (mu > 0), least eigenvalue {self._spectrum[0]:g}"  # type: ignore[attr-defined]
            )

    @property
    def dim(self) -> int:
        return self.center.size

    def value(self, w: Any) -> Vector:
        e = np.asarray(w) - self.center
        return np.sum(e * (e @ self.matrix), axis=-1) / 2

    def gradient(self, w: Any) -> Vector:
        return (np.asarray(w) - self.center) @ self.matrix

    def _curvature(self) -> tuple[Known, Known, Known]:
        spectrum = self._spectrum  # type: ignore[attr-defined]
        return (
            Known(float(spectrum[0]), BY_EIGENVALUES),
            Known(float(spectrum[-1]), BY_EIGENVALUES),
            Known(0.0, BY_CONSTRUCTION),
        )

    def _gradient_norm(self) -> Known:
        if self.box is None:
            return UNBOUNDED
        # Each partial derivative is linear: its extremes over the box are at corners, found by the signs of the row.
        middle, half = sum(self.box) / 2, (self.box[1] - self.box[0]) / 2
        row = np.abs(self.matrix @ (middle - self.center)) + half * np.abs(self.matrix).sum(axis=1)
        return Known(float(np.linalg.norm(row)), BY_A_BOUND)

    def closed_form(self) -> tuple[Vector, float] | None:
        inside = self.box is None or bool(((self.center >= self.box[0]) & (self.center <= self.box[1])).all())
        return (self.center, 0.0) if inside else None

    def lower(self, real: type) -> Any:
        from ..core import dense

        return dense.DenseQuadratic(self.matrix.astype(real), self.center.astype(real))

    def workspace(self, lanes: int, real: type) -> tuple:
        from ..core import dense

        return dense.products(self.dim, lanes, real)


@dataclass(frozen=True, eq=False)
class CubicPerturbed(Problem):
    """F(w) = mu0/2 |w|^2 + s (|w|^2 - s^2)/2 on [-1, 1]^d, s = sum_j w_j / sqrt(d), mu0 = kappa sqrt(d).

    The objective of erratum E1 (Li et al. 2017, Theorem 4): its Hessian is Lipschitz with L2 = 2/sqrt(3) in every
    dimension, while its curvature grows like sqrt(d). Convex for kappa >= 2/sqrt(3) = 1.1547.
    """

    dimension: int
    kappa: float
    box: tuple[float, float] | None = field(default=(-1.0, 1.0), init=False)

    def _validate(self) -> None:
        self._set("dimension", _check.count("dimension", self.dimension))
        self._set("kappa", _check.number("kappa", self.kappa, above=2 / np.sqrt(3)))

    @property
    def dim(self) -> int:
        return self.dimension

    @property
    def mu0(self) -> float:
        return self.kappa * float(np.sqrt(self.dim))

    def value(self, w: Any) -> Vector:
        w = np.asarray(w, dtype=np.float64)
        square, s = np.sum(w * w, axis=-1), w.sum(axis=-1) / np.sqrt(self.dim)
        return self.mu0 / 2 * square + s * (square - s * s) / 2

    def gradient(self, w: Any) -> Vector:
        w = np.asarray(w, dtype=np.float64)
        square, s = np.sum(w * w, axis=-1)[..., None], w.sum(axis=-1)[..., None] / np.sqrt(self.dim)
        return (self.mu0 + s) * w + (square - 3 * s * s) / 2 / np.sqrt(self.dim)

    def _curvature(self) -> tuple[Known, Known, Known]:
        # The cubic part's Hessian has norm at most (2/sqrt 3)|w|, and |w| <= sqrt(d) on the box.
        spread = 2 / np.sqrt(3) * np.sqrt(self.dim)
        return (
            Known(self.mu0 - spread, BY_A_BOUND),
            Known(self.mu0 + spread, BY_A_BOUND),
            Known(2 / np.sqrt(3), BY_CONSTRUCTION),
        )

    def _gradient_norm(self) -> Known:
        # |grad| <= mu0 |w| + (L2/2) |w|^2, since the cubic part has gradient and Hessian zero at 0.
        return Known((self.kappa + 1 / np.sqrt(3)) * self.dim, BY_A_BOUND)

    def closed_form(self) -> tuple[Vector, float]:
        return np.zeros(self.dim), 0.0

    def lower(self, real: type) -> Any:
        from ..core import objectives

        return objectives.CubicPerturbed(real(self.mu0), real(1 / np.sqrt(self.dim)))


@dataclass(frozen=True, eq=False)
class CustomProblem(Problem):
    """A user's own objective, from two functions compiled with `numba.njit`.

    Arguments:
        objective: value(data, w) -> float, w (d,).
        derivative: gradient(data, w, out) writes into out (d,).
        dimension: d.
        data: what both functions get first: a tuple of arrays and numbers, or a NamedTuple.
        known: the Constants that you can vouch for; theorems check nothing else.
        minimiser: (d,) w* where it is known; otherwise `optimum` looks for it and certifies it by mu.
        noise, box: see Problem.

    The loop is compiled once a process for a custom objective (a few seconds), since Numba cannot cache functions
    that are passed as arguments. With precision="single" w and out are float32: cast data accordingly.
    """

    objective: Compiled
    derivative: Compiled
    dimension: int
    data: Any = ()
    known: Constants | None = None
    minimiser: Vector | None = None

    def _validate(self) -> None:
        self._set("dimension", _check.count("dimension", self.dimension))
        for name in ("objective", "derivative"):
            if not hasattr(getattr(self, name), "py_func"):
                raise ValueError(f"{name} must be a function compiled with numba.njit, got {getattr(self, name)!r}")
        if not isinstance(self.known, Constants | None):
            raise ValueError(f"known must be Constants(mu, L, L2, G, D), got {self.known!r}")
        if self.minimiser is not None:
            self._set("minimiser", _check.array("minimiser", self.minimiser, shape=(self.dimension,)))

    @property
    def dim(self) -> int:
        return self.dimension

    def _rows(self, w: Any) -> Vector:
        w = np.asarray(w, dtype=np.float64)
        return np.ascontiguousarray(w.reshape(-1, self.dim))

    def value(self, w: Any) -> Vector:
        values = [self.objective(self.data, row) for row in self._rows(w)]
        return np.array(values).reshape(np.shape(w)[:-1])

    def gradient(self, w: Any) -> Vector:
        rows = self._rows(w)
        out = np.empty_like(rows)
        for row, g in zip(rows, out, strict=True):
            self.derivative(self.data, row, g)
        return out.reshape(np.shape(w))

    @property
    def constants(self) -> Constants:
        if self.known is None:
            raise ValueError("known must give the problem's Constants before a theorem can speak of it")
        return self.known

    def closed_form(self) -> tuple[Vector, float] | None:
        return None if self.minimiser is None else (self.minimiser, float(self.value(self.minimiser)))

    def lower(self, real: type) -> Any:
        from ..core import objectives

        return objectives.Custom(self.objective, self.derivative, self.data)
