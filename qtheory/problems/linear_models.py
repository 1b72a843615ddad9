"""Objectives from data: least squares and l2-regularised logistic regression."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _check
from .._check import Vector
from ._base import BY_A_BOUND, BY_CONSTRUCTION, BY_EIGENVALUES, UNBOUNDED, Known, Problem


@dataclass(frozen=True, eq=False)
class _LinearModel(Problem):
    X: Vector
    y: Vector
    l2: float = 0.0
    batch: int = 0

    def _validate(self) -> None:
        self._set("X", _check.array("X", self.X, ndim=2))
        self._set("y", _check.array("y", self.y, ndim=1, shape=self.X.shape[:1]))
        self._set("l2", _check.number("l2", self.l2, least=0))
        self._set("batch", _check.count("batch", self.batch, least=0))
        covariance = self.X.T @ self.X / len(self.X)
        self._set("_spectrum", np.clip(np.linalg.eigvalsh(covariance), 0, None))

    @property
    def dim(self) -> int:
        return self.X.shape[1]

    def _loss(self, z: Vector) -> Vector:
        raise NotImplementedError

    def _loss_slope(self, z: Vector) -> Vector:
        raise NotImplementedError

    def value(self, w: Any) -> Vector:
        w = np.asarray(w, dtype=np.float64)
        return self._loss(w @ self.X.T).mean(axis=-1) + self.l2 / 2 * np.sum(w * w, axis=-1)

    def gradient(self, w: Any) -> Vector:
        w = np.asarray(w, dtype=np.float64)
        return self._loss_slope(w @ self.X.T) @ self.X / len(self.X) + self.l2 * w

    def _farthest(self) -> float:
        """The largest norm of a point of the box."""
        assert self.box is not None
        return float(np.sqrt(self.dim)) * max(abs(self.box[0]), abs(self.box[1]))

    def _row_slopes(self) -> Vector:
        """(N,) sup over the box of |d loss/dz| for each row."""
        raise NotImplementedError

    def _gradient_norm(self) -> Known:
        # E|g|^2 of a mini-batch is at most the mean over rows of |grad f_n|^2 (Jensen), and so is |grad F|^2.
        if self.box is None:
            return UNBOUNDED
        rows: Vector = self._row_slopes() * np.linalg.norm(self.X, axis=1) + self.l2 * self._farthest()
        return Known(float(np.sqrt(np.mean(rows**2))), BY_A_BOUND)

    def lower(self, real: type) -> Any:
        from ..core import linear_models

        kind = getattr(linear_models, self._spec)  # type: ignore[attr-defined]
        rows: Vector = np.pad(self.X, ((0, 0), (0, -self.dim % linear_models.PAD))).astype(real)
        return kind(rows, self.y.astype(real), real(self.l2), self.batch)

    def workspace(self, lanes: int, real: type) -> tuple:
        from ..core import linear_models

        return linear_models.batch_workspace(self.dim, self.batch, lanes, real)


@dataclass(frozen=True, eq=False)
class LeastSquares(_LinearModel):
    """F(w) = |X w - y|^2 / (2 N) + l2/2 |w|^2.

    Arguments:
        X: (N, d) rows of features.   y: (N,) targets.   l2: >= 0.
        batch: rows drawn with replacement for each stochastic gradient; 0: all rows, no sampling noise.
        noise, box: see Problem. Noise adds to the mini-batch's.
    """

    quadratic = True
    _spec = "LeastSquares"

    def _loss(self, z: Vector) -> Vector:
        return (z - self.y) ** 2 / 2

    def _loss_slope(self, z: Vector) -> Vector:
        return z - self.y

    def _row_slopes(self) -> Vector:
        assert self.box is not None
        middle, half = sum(self.box) / 2, (self.box[1] - self.box[0]) / 2
        return np.abs(self.X.sum(axis=1) * middle - self.y) + half * np.abs(self.X).sum(axis=1)

    def _curvature(self) -> tuple[Known, Known, Known]:
        low, high = self._spectrum[0] + self.l2, self._spectrum[-1] + self.l2  # type: ignore[attr-defined]
        return Known(float(low), BY_EIGENVALUES), Known(float(high), BY_EIGENVALUES), Known(0.0, BY_CONSTRUCTION)


@dataclass(frozen=True, eq=False)
class LogisticRegression(_LinearModel):
    """F(w) = (1/N) sum_n log(1 + exp(-y_n x_n . w)) + l2/2 |w|^2, y_n in {-1, +1}.

    Arguments:
        X: (N, d) rows of features.   y: (N,) labels -1 or +1.   l2: >= 0 (> 0 for strong convexity).
        batch: rows drawn with replacement for each stochastic gradient; 0: all rows, no sampling noise.
        noise, box: see Problem. Noise adds to the mini-batch's.
    """

    _spec = "Logistic"

    def _validate(self) -> None:
        super()._validate()
        if not np.isin(self.y, (-1.0, 1.0)).all():
            raise ValueError("y must hold the labels -1 and +1 only")

    def _loss(self, z: Vector) -> Vector:
        return np.logaddexp(0.0, -self.y * z)

    def _loss_slope(self, z: Vector) -> Vector:
        from scipy.special import expit

        return -self.y * expit(-self.y * z)

    def _row_slopes(self) -> Vector:
        return np.ones(len(self.X))

    def _gradient_norm(self) -> Known:
        if self.box is None and self.l2 == 0:
            return Known(float(np.sqrt(np.mean(np.sum(self.X**2, axis=1)))), BY_A_BOUND)
        return super()._gradient_norm()

    def _curvature(self) -> tuple[Known, Known, Known]:
        # The loss has second derivative in (0, 1/4] and third at most 1/(6 sqrt 3).
        L = self._spectrum[-1] / 4 + self.l2  # type: ignore[attr-defined]
        L2 = np.mean(np.linalg.norm(self.X, axis=1) ** 3) / (6 * np.sqrt(3))
        return Known(self.l2, BY_CONSTRUCTION), Known(float(L), BY_EIGENVALUES), Known(float(L2), BY_A_BOUND)
