"""The training methods of Li et al. 2017, section 3. A method is a small value; the compiled core does the stepping.

    SGD   w <- Pi(w - alpha g(w))
    R     w <- Q_d(w - alpha g(w))
    SR    w <- Q_s(w - alpha g(w))
    BC    w_r <- Pi(w_r - alpha g(Q(w_r))), and Q(w_r) is deployed

Pi projects on the problem's box; R and SR round into it.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ._check import Vector
from .quantizers import Grid, NearestRounding, StochasticRounding

Box = tuple[float, float] | None


def _faces(real: type, box: Box) -> tuple[Any, Any]:
    low, high = (-np.inf, np.inf) if box is None else box
    return real(low), real(high)


class _RealState:
    """Methods whose state is the real weight itself."""

    def encode(self, w: Vector, box: Box) -> Vector:
        """The state of weights w; ValueError for a start outside the box."""
        if box is not None and ((w < box[0]) | (w > box[1])).any():
            span = f"[{w.min():g}, {w.max():g}]"
            raise ValueError(f"start must lie in the problem's box [{box[0]:g}, {box[1]:g}], got entries in {span}")
        return w

    def decode(self, x: Vector, box: Box) -> Vector:
        """The weights of a state."""
        return x


@dataclass(frozen=True)
class SGD(_RealState):
    """Stochastic gradient descent in full precision, projected on the problem's box."""

    name = "SGD"

    def lower(self, real: type, box: Box) -> Any:
        """The spec for the compiled core."""
        from .core import steps

        return steps.Sgd(*_faces(real, box))


@dataclass(frozen=True, init=False)
class _OnGrid:
    grid: Grid
    name: ClassVar[str]
    _spec: ClassVar[str]  # the class of the core

    def __init__(self, grid: Grid | float) -> None:
        object.__setattr__(self, "grid", Grid.of(grid))

    @property
    def quantizer(self) -> NearestRounding | StochasticRounding:
        """What rounds the weights."""
        raise NotImplementedError

    def encode(self, w: Vector, box: Box) -> Vector:
        """The grid indices of weights w; ValueError for a start off the grid, where the theory does not hold."""
        grid, w = self.grid.within(box), np.asarray(w, dtype=np.float64)
        if not grid.contains(w).all():
            bad = w[~grid.contains(w)].flat[0]
            raise ValueError(
                f"start must lie on the grid of {self.name} (delta={grid.delta:g}, offset={grid.offset:g}, "
                f"box={grid.box}): its rounding-error lemma needs w_1 on the grid; got the entry {float(bad)!r}"
            )
        return grid.index(w)

    def decode(self, x: Vector, box: Box) -> Vector:
        """The weights of grid indices."""
        return self.grid.point(x)

    def lower(self, real: type, box: Box) -> Any:
        """The spec for the compiled core. ValueError where the problem's box is not on the grid."""
        from .core import steps

        return getattr(steps, self._spec)(self.quantizer.lower(real, box))


class R(_OnGrid):
    """Rounding to nearest: the weights live on the grid, w <- Q_d(w - alpha g(w))."""

    name, _spec = "R", "OnGridNearest"

    @property
    def quantizer(self) -> NearestRounding:
        return NearestRounding(self.grid)


class SR(_OnGrid):
    """Stochastic rounding: the weights live on the grid, w <- Q_s(w - alpha g(w))."""

    name, _spec = "SR", "OnGridStochastic"

    @property
    def quantizer(self) -> StochasticRounding:
        return StochasticRounding(self.grid)


@dataclass(frozen=True)
class BC(_RealState):
    """BinaryConnect: real weights take the steps, quantized weights ask for the gradients.

    Arguments:
        quantizer: StochasticRounding or NearestRounding, or a number (stochastic, of that resolution).
    """

    quantizer: NearestRounding | StochasticRounding

    def __post_init__(self) -> None:
        if not isinstance(self.quantizer, NearestRounding | StochasticRounding):
            object.__setattr__(self, "quantizer", StochasticRounding(self.quantizer))

    @property
    def grid(self) -> Grid:
        return self.quantizer.grid

    @property
    def name(self) -> str:
        return "BC stochastic" if isinstance(self.quantizer, StochasticRounding) else "BC nearest"

    def lower(self, real: type, box: Box) -> Any:
        """The spec for the compiled core. ValueError where the problem's box is not on the grid."""
        from .core import steps

        stochastic = isinstance(self.quantizer, StochasticRounding)
        spec = steps.LatentStochastic if stochastic else steps.LatentNearest
        return spec(self.quantizer.lower(real, box), *_faces(real, box))


Method = SGD | R | SR | BC
