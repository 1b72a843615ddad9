"""Running twins, and what they had in common."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .._check import Vector, array, count, instance, number
from ..surrogates import STE, Levels, Surrogate
from .sources import CHUNK, Adam, Drawn, Momentum, Pull, Regression, Source

PLAIN = Momentum(0.0)  # SGD


@dataclass(frozen=True, eq=False)
class Pair:
    """Where two runs are, and what they had in common.

    Arguments:
        levels: the quantizer.   steps: done.   w, u: (n,) latent weights.   mirrored: (n,) what u is compared with:
            M(w), or w.
        spent: (n,) Σ φ(Λ η |h|) along the first run, φ(x) = -log(1 - x) - x.   largest: (2, n) of |h|.
        jump: (n,) largest η |h - h~|.   path: (2, n) Σ |step|.   apart: (n,) steps after which Q(w) != Q(u).
        changes, compressed: (n,) whether both runs had the same sequence of levels; and the same compressed one.
    """

    levels: Levels
    steps: int
    w: Vector
    u: Vector
    mirrored: Vector
    spent: Vector
    largest: Vector
    jump: Vector
    path: Vector
    apart: Vector
    changes: Vector
    compressed: Vector

    @cached_property
    def error(self) -> Vector:
        """(n,) |M(w) - u|, or |w - u| for Adam."""
        return np.abs(self.mirrored - self.u)

    @property
    def alignment_error(self) -> float:
        """Σ error over the length of the second run's path; 0 where neither moved."""
        return float(self.error.sum() / max(self.path[1].sum(), np.finfo(float).tiny))

    @property
    def differs(self) -> np.ndarray:
        """(n,) where Q(w) != Q(u) now."""
        return self.levels.index(self.w) != self.levels.index(self.u)

    @property
    def quantized_agreement(self) -> float:
        """Share of coordinates with Q(w) = Q(u) now."""
        return float(1 - self.differs.mean())

    @property
    def exact_agreement(self) -> float:
        """Share of coordinates with the same change-point sequence (compared by 64-bit hashes)."""
        return float(self.changes.mean())

    @property
    def compressed_agreement(self) -> float:
        """Share of coordinates with the same change-point sequence once a, b, a, b counts as a, b."""
        return float(self.compressed.mean())

    @property
    def margin(self) -> Vector:
        """(n,) distance of `mirrored` from the nearest boundary."""
        return boundary_distance(self.levels, self.mirrored)


def twins(
    surrogate: Surrogate,
    start: Any,
    source: Source,
    *,
    rate: float | Callable[[Any], Any],
    steps: int,
    rule: Momentum | Adam = PLAIN,
    mirror: bool | None = None,
    ratio: float | None = None,
    twin: Surrogate | None = None,
    stop: bool = False,
) -> Pair:
    """Run both for `steps` steps.

    Arguments:
        surrogate: of the first run.   start: (n,) w_1.   source: of the gradients.
        rate: η, or a function of the steps (k,) 1, 2, ... to rates (k,).   rule: of both runs.
        mirror: whether u_1 = M(w_1), not w_1, and M(w) is what u is compared with; by default for momentum only.
        ratio: of the second run's rate; by default α for momentum and 1 for Adam.
        twin: of the second run; STE by default.
        stop: whether to end after the first step that leaves Q(w) != Q(u).

    Errors raised: ValueError for bad arguments, a surrogate without a mirror map where one is wanted, and weights that
    leave the floating-point numbers.
    """
    instance("surrogate", surrogate, Surrogate, "DSQ(Levels.uniform(2), k=6.5)")
    instance("source", source, Drawn | Regression | Pull, "Drawn([1.0])")
    instance("rule", rule, Momentum | Adam, "Momentum(0.9)")
    size = max(np.size(getattr(source, name, 0.0)) for name in ("mean", "teacher", "target"))
    w, steps = array("start", start, shape=(size,)), count("steps", steps, least=0)
    plain = isinstance(rule, Momentum)
    mirror = plain if mirror is None else mirror
    ratio = number("ratio", (surrogate.alpha if plain else 1.0) if ratio is None else ratio, above=0)
    other = STE(surrogate.levels) if twin is None else twin
    instance("twin", other, Surrogate, "STE(Levels.uniform(2))")
    if other.levels != surrogate.levels:
        raise ValueError(f"twin must have the levels of the surrogate, {surrogate.levels}, got {other.levels}")
    state = _state(surrogate, w, surrogate.mirror(w) if mirror else w)
    done = _advance(surrogate, other, rule, source, _rates(rate), ratio, steps, state, stop)
    return _pair(surrogate, state, done, mirror)


def compress(sequence: Any) -> list[float]:
    """A sequence in which a, b, a, b is replaced by a, b, from the left: one crossing, however often repeated."""
    stack: list[float] = []
    for value in np.asarray(sequence, dtype=np.float64).ravel().tolist():
        stack.append(value)
        if len(stack) > 3 and stack[-4:-2] == stack[-2:]:
            del stack[-2:]
    return stack


def boundary_distance(levels: Levels, x: Vector) -> Vector:
    """(n,) distance of x from the nearest boundary."""
    after = np.clip(np.searchsorted(levels.boundaries, x), 1, max(levels.boundaries.size - 1, 1))
    near = levels.boundaries[np.stack([after - 1, np.minimum(after, levels.boundaries.size - 1)])]
    return np.abs(near - x).min(axis=0)


def _rates(rate: float | Callable[[Any], Any]) -> Callable[[Any], Any]:
    if callable(rate):
        return rate
    eta = number("rate", rate, above=0)
    return lambda t: np.full(np.shape(t), eta)


def _state(surrogate: Surrogate, w: Vector, u: Vector) -> Any:
    from ..core import twins as core

    n, x = w.size, np.array([w, u])
    q = surrogate.quantize(x)
    zeros, whole = np.zeros((11, 2, n)), np.zeros((2, 2, n), np.int64)
    levels = np.array(surrogate.levels.levels)
    code = (np.searchsorted(levels, q) + 1).astype(np.uint64)  # as `core.number_of`
    top = np.full((2, n, 3), np.nan)
    top[..., 0] = q
    return core.State(
        levels=levels, x=x, m=zeros[0], v=zeros[1], q=q, h=zeros[2], path=zeros[3], largest=zeros[4], spent=zeros[5, 0],
        jump=zeros[6, 0], apart=whole[0, 0], code=code, count=whole[1] + 1, short=code.copy(),
        depth=np.ones((2, n), np.int64), top=top,
    )  # fmt: skip


def _advance(
    surrogate: Surrogate, other: Surrogate, rule: Momentum | Adam, source: Source, rates: Callable[[Any], Any],
    ratio: float, steps: int, state: Any, stop: bool,
) -> int:  # fmt: skip
    """How many steps were done."""
    from ..core import twins as core

    done, lipschitz = 0, float(surrogate.lipschitz)
    specs = surrogate.spec, other.spec, rule.spec
    while done < steps:
        size = min(CHUNK, steps - done)
        chunk, t = source.chunk(done // CHUNK, size), np.arange(done + 1, done + size + 1)
        eta = array("rate", rates(t), shape=(size,))
        if (eta < 0).any():
            raise ValueError(f"rate must be at least 0 in every step, got {eta.min():g}")
        now = core.advance(*specs, chunk, eta, ratio, lipschitz, done + 1, state, stop)
        done += now
        if now < size or (stop and (state.q[0] != state.q[1]).any()):
            break
    return done


def _pair(surrogate: Surrogate, state: Any, done: int, mirror: bool) -> Pair:
    w, u = state.x
    if not np.isfinite(state.x).all():
        raise ValueError("rate must be smaller, or the slope bounded: the weights left the floating-point numbers")
    same = (state.count[0] == state.count[1]) & (state.code[0] == state.code[1])
    short = (state.depth[0] == state.depth[1]) & (state.short[0] == state.short[1])
    return Pair(
        surrogate.levels, done, w, u, surrogate.mirror(w) if mirror else w, state.spent, state.largest, state.jump,
        state.path, state.apart, same, short,
    )  # fmt: skip
