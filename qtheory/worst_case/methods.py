"""Quantized training methods, step by step, on unknown functions. Each reads like the algorithm.

What is random, stochastic rounding and noise, is known by its first two moments only: its mean is zero, given all that
came before, and its expected square is bounded as in the theorems. And what holds on every path is required in
expectation. So the worst case found is an upper bound, and exact where nothing is random, `BC` with an adversarial
error in a ball included.   (proofs/worst_case/programs.md)
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from .. import _check
from .._check import rational
from ._algebra import Expression, Vector
from ._run import Run

WITHIN_G = "within G"


@dataclass(frozen=True, kw_only=True)
class _Noisy:
    noise: Any = 0

    def __post_init__(self) -> None:
        if not (isinstance(self.noise, str) and self.noise == WITHIN_G):
            if isinstance(self.noise, str | bytes):
                raise ValueError(f'noise must be a number or "{WITHIN_G}", got {self.noise!r}')
            object.__setattr__(self, "noise", rational("noise", self.noise, least=0))

    @property
    def exact(self) -> bool:
        """Whether the program is exact for the method: nothing is random."""
        return self.noise == 0

    def gradient(self, run: Run, name: str, x: Vector) -> Vector:
        """The stochastic gradient at x."""
        s, _ = run.at(name, x)
        if self.noise == 0:
            run.F.bounded(name, s)
            return s
        within = self.noise == WITHIN_G
        n = run.world.zero_mean(f"n({name})", run.F.slope if within else self.noise)
        if within:
            run.F.bounded(name, s + n)
        else:
            run.F.bounded(name, s)
            run.world.require(f"|n({name})| <= noise", n.squared(), self.noise**2)
        return s + n


@dataclass(frozen=True, kw_only=True)
class SGD(_Noisy):
    """w_{t+1} = w_t - α_t g_t.

    Arguments:
        noise: 0; or sigma, with E|n|² <= sigma² for g_t = s_t + n_t, in units of F over units of w; or "within G",
            where E|g_t|² <= G² bounds gradient and noise together.

    Raises: ValueError naming the argument.
    """

    def step(self, run: Run, t: int, w: Vector, alpha: Fraction) -> Vector:
        g = self.gradient(run, f"w{t}", w)
        return run.projected(f"w{t + 1}", w - alpha * g, alpha)


@dataclass(frozen=True, kw_only=True)
class SR(_Noisy):
    """w_{t+1} = w_t - α_t g_t + r_t with E r_t = 0 and E|r_t|² <= κ α_t G.   (lemma li2017/rounding_error)

    Arguments:
        kappa: κ = sqrt(d) Δ, in units of w, >= 0.
        concave: the sharper energy bound κ α_t sqrt(E|g_t|²) instead.
        adjacent: besides, E|r_t|² <= κ²/4, as every rounding to one of the two adjacent levels has it.
        noise: see SGD. With sigma the energy bound is κ α_t sqrt(G² + sigma²).

    Raises: ValueError naming the argument.
    """

    kappa: Any
    concave: bool = False
    adjacent: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "kappa", rational("kappa", self.kappa, least=0))
        _flag("concave", self.concave)
        _flag("adjacent", self.adjacent)

    @property
    def exact(self) -> bool:
        return super().exact and self.kappa == 0

    def step(self, run: Run, t: int, w: Vector, alpha: Fraction) -> Vector:
        g = self.gradient(run, f"w{t}", w)
        if self.kappa == 0 or alpha == 0:
            return run.projected(f"w{t + 1}", w - alpha * g, alpha)
        p = run.projected(f"p{t}", w - alpha * g, alpha)
        r = run.world.zero_mean(f"r{t}", float(self.kappa * alpha * Fraction(run.F.slope)) ** 0.5)
        self._energy(run, f"|r{t}|² <= κ α G", r, alpha, g)
        if self.adjacent:
            run.world.require(f"|r{t}|² <= κ²/4", r.squared(), self.kappa**2 / 4)
        return run.inside(f"w{t + 1}", p + r)

    def _energy(self, run: Run, name: str, r: Vector, alpha: Fraction, g: Vector) -> None:
        G: Any = run.F.kind.G
        if self.concave:
            run.world.require_root(name, r.squared(), self.kappa * alpha, g.squared())
        elif self.noise in (0, WITHIN_G):
            run.world.require(name, r.squared(), self.kappa * alpha * G)
        else:
            run.world.require_root(name, r.squared(), self.kappa * alpha, Expression.of(G**2 + self.noise**2))


@dataclass(frozen=True, kw_only=True)
class BC(_Noisy):
    """w_{t+1} = w_t - α_t g_t with g_t a stochastic gradient at w_t + r_t and E|r_t|² <= energy.

    Arguments:
        energy: d Δ²/4 for rounding to an adjacent level on average, in units of w squared, >= 0.
        stochastic: E r_t = 0 given the past; otherwise r_t is any error in the ball.
        noise: see SGD.

    Raises: ValueError naming the argument.
    """

    energy: Any
    stochastic: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "energy", rational("energy", self.energy, least=0))
        _flag("stochastic", self.stochastic)

    @property
    def exact(self) -> bool:
        return super().exact and (self.energy == 0 or not self.stochastic)

    def step(self, run: Run, t: int, w: Vector, alpha: Fraction) -> Vector:
        g = self.gradient(run, f"x{t}", self._quantized(run, t, w))
        return run.projected(f"w{t + 1}", w - alpha * g, alpha)

    def _quantized(self, run: Run, t: int, w: Vector) -> Vector:
        if self.energy == 0:
            return w
        new = run.world.zero_mean if self.stochastic else run.world.vector
        r = new(f"r{t}", float(self.energy) ** 0.5)
        run.world.require(f"|r{t}|² <= energy", r.squared(), self.energy)
        return run.inside(f"x{t}", w + r)


Method = SGD | SR | BC


def _flag(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be True or False, got {value!r}")


def method(value: Any) -> Method:
    """Checked."""
    _check.instance("method", value, Method, "worst_case.SR(kappa=0.1)")
    return value
