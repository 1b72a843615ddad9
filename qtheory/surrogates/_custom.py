"""A user's own surrogate, from a function compiled with `numba.njit`."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from .. import _check
from .._check import Vector
from ._base import Constant, Surrogate

if TYPE_CHECKING:
    from ._quadrature import Antiderivative

_SAMPLES = 4096  # of a period


class Compiled(Protocol):
    """A function compiled by `numba.njit`."""

    py_func: Any

    def __call__(self, *arguments: Any) -> Any: ...


class Bounds(NamedTuple):
    """What the user vouches for: low <= slope <= high on R, and |slope(x) - slope(y)| <= lipschitz |x - y|."""

    low: float
    high: float
    lipschitz: float


@dataclass(frozen=True, eq=False)
class Custom(Surrogate):
    """Slope function(data, w), given by a user.

    Arguments:
        levels: see Surrogate.
        function: function(data, w) -> float, compiled with `numba.njit`; positive where a mirror map is asked for.
        data: what it gets first: a tuple of arrays and numbers, or a NamedTuple.
        cyclical: the levels are uniform, and w is moved by multiples of Δ to [b_1, b_1 + Δ) before the function sees
            it. False: the function is asked on all of R.
        known: Bounds that you can vouch for. Without, `low`, `high` and `lipschitz` are sampled: estimates, no bounds.
        knots: weights where the slope is not smooth; with `cyclical` any one period of them.

    The mirror map is by quadrature; see `tolerance`. Each function is compiled once a process (about a second); for
    many surrogates that differ in numbers only, let `data` differ.
    """

    function: Compiled
    data: Any = ()
    cyclical: bool = field(default=True, kw_only=True)
    known: Bounds | None = field(default=None, kw_only=True)
    knots: tuple[float, ...] = field(default=(), kw_only=True)

    def _validate(self) -> None:
        if not hasattr(self.function, "py_func"):
            raise ValueError(f"function must be compiled with numba.njit, got {self.function!r}")
        if self.cyclical and self.levels.delta is None:
            raise ValueError("cyclical must be False on a grid that is not uniform, got True")
        if not isinstance(self.known, Bounds | None):
            raise ValueError(f"known must be Bounds(low, high, lipschitz), got {self.known!r}")
        if self.knots:
            self._set("knots", tuple(_check.array("knots", self.knots, ndim=1).tolist()))

    @cached_property
    def _spec(self) -> Any:
        return self.lower(np.float64)

    @property
    def _period(self) -> float:
        """Δ where cyclical, else 0."""
        delta = self.levels.delta
        return delta if self.cyclical and delta is not None else 0.0

    def _slope(self, w: Vector) -> Vector:
        from ..core import surrogates

        if np.size(w) == 1:  # the quadrature's way: a call of the compiled loop takes longer than the function
            moved = np.ravel(w) - self._period * np.floor(
                (np.ravel(w) - self.levels.boundaries[0]) / (self._period or 1)
            )
            return np.full(np.shape(w), self.function(self.data, float(moved[0])))
        flat = np.ascontiguousarray(w, dtype=np.float64).ravel()
        out = np.empty_like(flat)
        surrogates.backward(self._spec, flat, np.ones_like(flat), out)
        return out.reshape(np.shape(w))

    @cached_property
    def _sampled(self) -> Bounds:
        b, delta = self.levels.boundaries, self.levels.delta
        if self.cyclical and delta is not None:
            w = b[0] + np.linspace(0, delta, _SAMPLES + 1)  # both ends: a jump across the boundary is seen
        else:
            reach = float(self.levels.gaps.max())
            w = np.linspace(b[0] - 4 * reach, b[-1] + 4 * reach, _SAMPLES * (b.size + 1) + 1)
        slope = self._slope(w)
        return Bounds(float(slope.min()), float(slope.max()), float((np.abs(np.diff(slope)) / np.diff(w)).max()))

    def _constant(self, name: str) -> Constant:
        if self.known is None:
            return Constant(getattr(self._sampled, name), "sampled: no bound")
        return Constant(getattr(self.known, name), "given")

    @property
    def positive(self) -> bool:
        return self.low > 0

    @property
    def low(self) -> Constant:
        return self._constant("low")

    @property
    def high(self) -> Constant:
        return self._constant("high")

    @property
    def lipschitz(self) -> Constant:
        return self._constant("lipschitz")

    @cached_property
    def _table(self) -> "Antiderivative":
        from ._quadrature import Antiderivative

        b, delta, knots = self.levels.boundaries, self.levels.delta, np.array(self.knots)
        if self.cyclical and delta is not None:
            ends = b[0] + np.array([-delta / 2, 0, delta / 2])
            inner = ends[0] + np.mod(knots - ends[0], delta)
            return Antiderivative(self._slope, np.unique(np.concatenate([ends, inner])))
        gap = float(self.levels.gaps.max())
        span = np.concatenate([b, knots])
        ends = np.array([span.min() - gap, span.max() + gap])
        return Antiderivative(self._slope, np.unique(np.concatenate([span, ends])), gap)

    def _primitive(self, w: Vector) -> Vector:
        return self._table(w)

    @property
    def tolerance(self) -> float:
        return float(self.alphas.max()) * self._table.error

    def lower(self, real: type) -> Any:
        from ..core import surrogates

        numbers = (self.levels.boundaries[0], self._period)
        return surrogates.Custom(self.levels.lower(real), self.function, self.data, *map(real, numbers))
