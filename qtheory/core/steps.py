"""One step of each method, coordinate by coordinate.

    SGD        w <- Pi(w - alpha g(w))
    R, SR      w <- Q(w - alpha g(w))            the state is the index of w on the grid
    BC         w_r <- Pi(w_r - alpha g(Q(w_r)))   the state is the real weight w_r

A method tells two points apart: its `weight` (w, or w_r) and the `query` at which it asks for a gradient, which is
also the weight that it would deploy. Pi projects on the box [low, high].
"""

from typing import NamedTuple

from .compile import verb
from .rounding import Nearest, Stochastic, clip, jump, level, point


class Sgd(NamedTuple):
    low: float
    high: float


class OnGridNearest(NamedTuple):
    """R: the weights live on the grid, rounding to nearest."""

    q: Nearest


class OnGridStochastic(NamedTuple):
    """SR: the weights live on the grid, rounding is stochastic."""

    q: Stochastic


class LatentNearest(NamedTuple):
    """BinaryConnect with the deterministic quantizer."""

    q: Nearest
    low: float
    high: float


class LatentStochastic(NamedTuple):
    """BinaryConnect with the stochastic quantizer."""

    q: Stochastic
    low: float
    high: float


_ON_GRID = OnGridNearest, OnGridStochastic
_LATENT = LatentNearest, LatentStochastic


@verb
def rounding_words(method):
    """How many random words the rounding of a coordinate needs: 0 or 1."""


@rounding_words.of(Sgd, OnGridNearest, LatentNearest)
def _none(method):
    return 0


@rounding_words.of(OnGridStochastic, LatentStochastic)
def _one(method):
    return 1


@verb
def query_words(method):
    """How many of these words its query needs: 0 or 1."""


@query_words.of(Sgd, *_ON_GRID, LatentNearest)
def _query_none(method):
    return 0


@query_words.of(LatentStochastic)
def _query_one(method):
    return 1


@verb
def weight(method, x):
    """The weight that the state x stands for (affine in x)."""


@weight.of(Sgd, *_LATENT)
def _weight_real(method, x):
    return x


@weight.of(*_ON_GRID)
def _weight_grid(method, x):
    return point(method.q, x)


@verb
def latent(method):
    """Whether the query differs from the weight."""


@latent.of(Sgd, *_ON_GRID)
def _open(method):
    return False


@latent.of(*_LATENT)
def _latent(method):
    return True


@verb
def query(method, x, u):
    """The weight at which the gradient is taken."""


@query.of(Sgd)
def _query_real(method, x, u):
    return x


@query.of(*_ON_GRID)
def _query_grid(method, x, u):
    return point(method.q, x)


@query.of(*_LATENT)
def _query_quantized(method, x, u):
    return point(method.q, level(method.q, x, u))


@verb
def advance(method, x, step, u):
    """The next state, for the step -alpha g."""


@advance.of(Sgd, *_LATENT)
def _advance_real(method, x, step, u):
    return clip(x + step, method.low, method.high)


@advance.of(*_ON_GRID)
def _advance_grid(method, x, step, u):
    return jump(method.q, x, step * method.q.inverse, u)
