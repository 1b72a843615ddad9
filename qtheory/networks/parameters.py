"""The arrays that training moves, each with the method that moves it: the compiled pass of `qtheory.core.network`."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..methods import BC, QAT, SR, Method, R
from ..quantizers import NearestRounding

Box = tuple[float, float] | None
LARGEST = 700.0  # logarithm of a scale: then the scale, its inverse and their product with small numbers are floats


class Diverged(ArithmeticError):
    """What is trained has left the floating-point numbers."""


class Moving:
    """The weights of one layer, or any other array, under one method.

    Attributes (flat, of one real type):
        x: the method's state.   w: the deployed weights.   m, v: moments of the gradient.
        first, before: weights deployed at the start of training, and of the epoch.
        path (1,): how far all latent weights of QAT have travelled, sum_t sum_j |x_j(t + 1) - x_j(t)|.
    """

    ARRAYS: tuple[str, ...] = "x", "m", "v", "w", "first", "before"

    def __init__(self, method: Method | QAT, start: np.ndarray, key: int, seed: int, optimizer: str) -> None:
        from ..core import network as core

        real, box = start.dtype.type, box_of(method, len(start))
        self.method, self.spec = method, _spec(method, real, box, len(start))
        self.shape, self.key, self.seed = start.shape, key, seed
        self.x = np.ascontiguousarray(method.encode(start, box), dtype=real).reshape(-1).copy()
        self.m, self.v = np.zeros_like(self.x), np.zeros(self.x.size if optimizer == "adam" else 0, real)
        self.w = np.empty_like(self.x)
        core.deploy(seed, self.spec, 1, key, self.x, self.w)
        self.first, self.before = self.w.copy(), self.w.copy()
        self.rate, self.path = getattr(method, "rate", 1.0), np.zeros(1)
        self.arrays = (*self.ARRAYS, "path") if isinstance(method, QAT) else self.ARRAYS

    @property
    def weight(self) -> np.ndarray:
        """The deployed weights in their shape: a view that `step` keeps up to date."""
        return self.w.reshape(self.shape)

    def begin(self, epoch: int) -> None:
        """Before epoch 0, 1, ...: remember the deployed weights."""
        self.before[...] = self.w

    def deployed(self, nearest: bool) -> np.ndarray:
        """A copy of the deployed weights in their shape; BC's latent ones rounded to nearest, if `nearest`."""
        if not (nearest and isinstance(self.method, BC)):
            return self.weight.copy()
        return NearestRounding(self.method.grid)(self.x).astype(self.x.dtype).reshape(self.shape)

    def step(self, rule: Any, alpha: float, t: int, gradient: np.ndarray) -> np.ndarray:
        """Move by step t = 1, 2, ...; (2,) how many deployed weights now differ from `first`, and from `before`."""
        from ..core import network as core

        real, g = self.x.dtype.type, np.ascontiguousarray(gradient).reshape(-1)
        moments, deployed = (self.x, self.m, self.v), (self.w, self.first, self.before)
        old = self.x.copy() if "path" in self.arrays else None
        changed = core.move(self.seed, self.spec, rule, real(alpha * self.rate), t, self.key, g, *moments, *deployed)
        if old is not None:
            self.path += np.abs(self.x - old).sum(dtype=np.float64)
        return np.array(changed)

    def state(self) -> Iterator[tuple[str, np.ndarray]]:
        """Names and copies of all arrays."""
        for name in self.arrays:
            yield name, getattr(self, name).copy()

    def restore(self, prefix: str, arrays: Mapping[str, np.ndarray]) -> None:
        """The inverse of `state`, in place, from names under `prefix`."""
        for name in self.arrays:
            fill(getattr(self, name), f"{prefix}.{name}", arrays)


def scales_of(logarithms: np.ndarray) -> tuple[float, float]:
    """alpha and beta from their logarithms (2,). Raises: Diverged where these are beyond ±LARGEST, or NaN."""
    if not (np.abs(logarithms) <= LARGEST).all():
        raise Diverged(f"log alpha and log beta became {logarithms.tolist()}")
    alpha, beta = np.exp(logarithms.astype(np.float64)).tolist()
    return alpha, beta


def fill(mine: np.ndarray, name: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Copy arrays[name] into `mine`. ValueError where it is missing, or of another shape or type."""
    theirs = arrays.get(name)
    if theirs is None or np.shape(theirs) != mine.shape or theirs.dtype != mine.dtype:
        got = "nothing" if theirs is None else f"shape {np.shape(theirs)}, {theirs.dtype}"
        raise ValueError(f"resume[{name!r}] must have shape {mine.shape} and type {mine.dtype}, got {got}")
    mine[...] = theirs


def box_of(method: Any, inputs: int) -> Box:
    """Where the (latent) weights of a layer live: the grid's box, or QAT's; anywhere where there is none."""
    if isinstance(method, QAT):
        return method.box(inputs)
    return method.grid.box if isinstance(method, R | SR | BC) else None


def _spec(method: Method | QAT, real: type, box: Box, inputs: int) -> Any:
    return method.lower(real, box, inputs) if isinstance(method, QAT) else method.lower(real, box)


def start_of(method: Any, inputs: int, outputs: int, rng: np.random.Generator, real: type) -> np.ndarray:
    """Initial weights (inputs, outputs): uniform in the box, rounded to nearest where the method lives on the grid;
    uniform with variance 2 / (inputs + outputs) where there is no box (Glorot and Bengio 2010)."""
    u, box = rng.uniform(-1.0, 1.0, (inputs, outputs)), box_of(method, inputs)
    if box is None:
        return (u * np.sqrt(6 / (inputs + outputs))).astype(real)
    u = (box[0] + box[1]) / 2 + u * (box[1] - box[0]) / 2
    if isinstance(method, QAT):
        return method.start(u, inputs).astype(real)
    return (u if isinstance(method, BC) else NearestRounding(method.grid)(u)).astype(real)


def given_start(method: Any, x: np.ndarray) -> np.ndarray:
    """First weights (inputs, outputs) from those x of an earlier run: as they are, or for a method on a box with the
    root mean square of a uniform start, held to the box, and rounded where the method lives on the grid."""
    box = box_of(method, len(x))
    if box is None:
        return x
    middle, half = (box[0] + box[1]) / 2, (box[1] - box[0]) / 2
    rms = float(np.sqrt(np.mean(x.astype(np.float64) ** 2))) or 1.0
    held = np.clip(middle + x.astype(np.float64) * (half / np.sqrt(3) / rms), *box)
    return held if isinstance(method, BC | QAT) else NearestRounding(method.grid)(held)
