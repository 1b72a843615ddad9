"""The training methods of Li et al. 2017, section 3. A method is a small value; the compiled core does the stepping.

    SGD   w <- Pi(w - alpha g(w))
    R     w <- Q_d(w - alpha g(w))
    SR    w <- Q_s(w - alpha g(w))
    BC    w_r <- Pi(w_r - alpha g(Q(w_r))), and Q(w_r) is deployed

Pi projects on the problem's box; R and SR round into it. For networks only, with a surrogate derivative Q^' of the
hard quantizer Q (Schoenbauer et al. 2024), taken in before the optimizer's moments:

    QAT   w_r <- Pi(w_r - alpha Q^'(w_r) g(Q(w_r))), and Q(w_r) is deployed
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from . import _check
from ._check import Vector
from .quantizers import Grid, NearestRounding, StochasticRounding

if TYPE_CHECKING:
    from .surrogates import Surrogate

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


@dataclass(frozen=True)
class QAT(_RealState):
    """Quantization-aware training: latent weights in [-R, R], hard quantized weights, a surrogate derivative.

    The surrogate speaks of weights in a unit of its own: a layer with the unit s deploys s Q(x / s), multiplies its
    gradients by Q^'(x / s), and holds x in s [lowest level, highest level].

    Arguments:
        surrogate: the estimator with its levels, for instance DSQ(Levels.uniform(2), k=6.5).
        limit: R, the largest |weight|, > 0; None: sqrt(6 / inputs) of each layer (He et al. 2015).
        mirror: a surrogate of the same levels: the start w_0 is replaced by M(w_0), with its map M; None: it is not.
        rate: multiplies the learning rate of the quantized weights, > 0.

    Raises: ValueError naming the argument.

    References:
        Schoenbauer, Moro, Lew, Howard, "Custom Gradient Estimators are Straight-Through Estimators in Disguise" (2024).
        He, Zhang, Ren, Sun, "Delving deep into rectifiers", ICCV 2015.
    """

    surrogate: "Surrogate"
    limit: float | None = None
    mirror: "Surrogate | None" = None
    rate: float = 1.0

    def __post_init__(self) -> None:
        from .surrogates import Surrogate

        for name in ("surrogate", "mirror"):
            if name == "surrogate" or self.mirror is not None:
                _check.instance(name, getattr(self, name), Surrogate, "DSQ(Levels.uniform(2), k=6.5)")
        if self.mirror is not None and self.mirror.levels != self.surrogate.levels:
            raise ValueError(f"mirror must have the levels of the surrogate, {self._levels}, got {self.mirror!r}")
        if not self.surrogate.bounded:
            raise ValueError(f"surrogate must have a bounded slope, as ReSTE has with cut > 0, got {self.surrogate!r}")
        if self.limit is not None:
            object.__setattr__(self, "limit", _check.number("limit", self.limit, above=0))
        object.__setattr__(self, "rate", _check.number("rate", self.rate, above=0))

    @property
    def name(self) -> str:
        return f"QAT {type(self.surrogate).__name__}"

    @property
    def _levels(self) -> Vector:
        return self.surrogate.levels.levels

    def unit(self, inputs: int) -> float:
        """s of a layer with that many inputs."""
        limit = np.sqrt(6 / inputs) if self.limit is None else self.limit
        return float(limit / np.abs(self._levels).max())

    def box(self, inputs: int) -> tuple[float, float]:
        """Where the latent weights of a layer with that many inputs live."""
        s = self.unit(inputs)
        return float(s * self._levels[0]), float(s * self._levels[-1])

    def start(self, w: Vector, inputs: int) -> Vector:
        """The first latent weights, for a start w drawn in the box: w, or M(w)."""
        if self.mirror is None:
            return w
        s = self.unit(inputs)
        return np.clip(s * np.asarray(self.mirror.mirror(w / s)), *self.box(inputs))

    def encode(self, w: Vector, box: Box) -> Vector:
        """The weights, held to the box: a start in single precision may be rounded past it."""
        return w if box is None else np.clip(w, *box)

    def twin(self, optimizer: str) -> "QAT":
        """The straight-through method that trains alike where the rate is small (Schoenbauer et al. 2024).

        For "sgd", with or without momentum: it starts at M(w_0), with alpha times the rate; close only where the
        surrogate is cyclical, or its `alphas` are nearly equal. For "adam": nothing else.

        Raises: ValueError for another optimizer, or a method with a mirror of its own.
        """
        if optimizer not in ("sgd", "adam"):
            raise ValueError(f"optimizer must be one of sgd, adam, got {optimizer!r}")
        if self.mirror is not None:
            raise ValueError(f"mirror must be None, for a start that is not mapped already, got {self.mirror!r}")
        from .surrogates import STE

        plain = STE(self.surrogate.levels)
        if optimizer == "adam":
            return QAT(plain, self.limit, None, self.rate)
        return QAT(plain, self.limit, self.surrogate, self.rate * float(self.surrogate.alpha))

    def lower(self, real: type, box: Box, inputs: int = 1) -> Any:
        """The spec for the compiled core, of a layer with that many inputs; `box` is that of the layer."""
        from .core import network

        s = self.unit(inputs)
        return network.Surrogated(self.surrogate.lower(real), real(s), real(1 / s), *_faces(real, box))


Method = SGD | R | SR | BC
