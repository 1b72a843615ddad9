"""What every problem is: an objective F, a domain, gradient noise, and the constants that theorems speak of."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from .. import _check
from .._check import Vector
from .noise import Noise, NoNoise


class Known(NamedTuple):
    """A constant, and how it is known: "by construction", "by eigenvalues", "by a bound", or why it is not."""

    value: float
    how: str


class Constants(NamedTuple):
    """The constants of Li et al. 2017, section 4, on the problem's domain W (infinite where none exists).

    mu: strong convexity. L: smoothness. L2: Lipschitz constant of the Hessian. G: E|g(w)|^2 <= G^2 on W.
    D: diameter of W.
    """

    mu: Known
    L: Known
    L2: Known
    G: Known
    D: Known


BY_CONSTRUCTION, BY_EIGENVALUES, BY_A_BOUND = "by construction", "by eigenvalues", "by a bound"
UNBOUNDED = Known(np.inf, "the domain is unbounded: give the problem a box")


@dataclass(frozen=True, eq=False, kw_only=True)
class Problem:
    """Base of all problems. w is (..., d) throughout.

    Arguments (of every problem, by keyword):
        noise: the law of the gradient noise; none by default.
        box: (low, high), the same for every coordinate: the domain W = [low, high]^d. None: all of R^d.
    """

    noise: Noise = field(default_factory=NoNoise)
    box: tuple[float, float] | None = None

    separable = False  # F is a sum of functions of one coordinate each
    quadratic = False
    linear = False  # F is affine on the domain, so that E F(mean of w) is the mean of E F(w)
    batch = 0

    def __post_init__(self) -> None:
        if self.box is not None:
            self._set("box", _check.interval("box", self.box))
        if not isinstance(self.noise, Noise):
            raise ValueError(f"noise must be a noise law such as Gaussian(1.0), got {self.noise!r}")
        self._validate()

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _validate(self) -> None:
        raise NotImplementedError

    @property
    def dim(self) -> int:
        """d, the number of weights."""
        raise NotImplementedError

    def value(self, w: Any) -> Vector:
        """F(w): (..., d) to (...)."""
        raise NotImplementedError

    def gradient(self, w: Any) -> Vector:
        """The gradient of F (a subgradient where F has a kink): (..., d) to (..., d)."""
        raise NotImplementedError

    @cached_property
    def constants(self) -> Constants:
        """mu, L, L2, G and D, each with how it is known."""
        return Constants(*self._curvature(), self._gradient_bound(), self._diameter())

    def _curvature(self) -> tuple[Known, Known, Known]:
        raise NotImplementedError

    def _gradient_norm(self) -> Known:
        """sup |grad F| over W."""
        raise NotImplementedError

    def _gradient_bound(self) -> Known:
        norm, how = self._gradient_norm()
        return Known(float(np.sqrt(self.noise.second_moment(norm**2, self.dim))), how)

    def _diameter(self) -> Known:
        if self.box is None:
            return UNBOUNDED
        return Known(float(np.sqrt(self.dim) * (self.box[1] - self.box[0])), BY_CONSTRUCTION)

    def closed_form(self) -> tuple[Vector, float] | None:
        """(w*, F*) on the domain where a formula gives them; None where a solver must."""
        return None

    def project(self, w: Any) -> Vector:
        """The nearest point of the domain."""
        return np.asarray(w, dtype=np.float64) if self.box is None else np.clip(w, *self.box)

    def lower(self, real: type) -> Any:
        """The spec for the compiled core, with arrays and numbers in the precision `real`."""
        raise NotImplementedError

    def workspace(self, lanes: int, real: type) -> tuple:
        """Arrays that the core's gradients keep between the steps of a block."""
        return ()


class Separable(Problem):
    """F(w) = sum_j F_j(w_j): `slope` and `term` are one coordinate's derivative and value."""

    separable = True

    def slope(self, j: int, w: Any) -> Vector:
        """F_j'(w), for w of any shape."""
        raise NotImplementedError

    def term(self, j: int, w: Any) -> Vector:
        """F_j(w), for w of any shape."""
        raise NotImplementedError

    def value(self, w: Any) -> Vector:
        w = np.asarray(w, dtype=np.float64)
        return np.sum([self.term(j, w[..., j]) for j in range(self.dim)], axis=0)

    def gradient(self, w: Any) -> Vector:
        w = np.asarray(w, dtype=np.float64)
        return np.stack([self.slope(j, w[..., j]) for j in range(self.dim)], axis=-1)

    def _gradient_norm(self) -> Known:
        # A convex F_j has its steepest slopes at the faces.
        if self.box is None:
            return self._unbounded_gradient()
        slopes = np.stack([np.abs(self.gradient(np.full(self.dim, face))) for face in self.box])
        return Known(float(np.linalg.norm(slopes.max(axis=0))), BY_CONSTRUCTION)

    def _unbounded_gradient(self) -> Known:
        return UNBOUNDED


def on_coordinates(name: str, value: Any, dim: int | None = None) -> Vector:
    """A (d,) array; with `dim`, a number stands for d equal ones."""
    if dim is not None and np.ndim(value) == 0:
        value = np.full(dim, _check.number(name, value))
    return _check.array(name, value, ndim=1, shape=None if dim is None else (dim,))


Compiled = Callable[..., Any]
