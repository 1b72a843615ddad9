"""The worst case of a method over a class of functions, as a semidefinite program (Drori and Teboulle 2014)."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from .. import _check
from .._check import rational
from ..schedules import Schedule
from ._algebra import Expression, Vector
from ._run import DOMAINS, Run
from ._world import World, mean
from .functions import Class
from .methods import SR, WITHIN_G, Method, method

AVERAGES = "average point", "average value"
MEASURES = *AVERAGES, "last", "best"


@dataclass(frozen=True, kw_only=True)
class Program:
    """max of a measure of F after `horizon` points w_1, ..., w_T, over all functions of a class and all dimensions.

    The value is attained (`exact`) where nothing is random: SGD without noise, SR with kappa = 0, BC with energy = 0 or
    an adversarial error, for every class, domain and measure. Otherwise expectations relax the problem, and the value
    is an upper bound: of noise and rounding only the first two moments are known, and the conditions on functions hold
    on average over paths.   (proofs/worst_case/programs.md)

    Arguments:
        function: a class of functions, `Convex` or `Smooth`.
        method: `SGD`, `SR` or `BC` of this package.
        schedule: α_t, of `qtheory.schedules`; the float64 numbers that it gives are meant, exactly.
        horizon: T >= 1.
        distance: D > 0, in units of w; None for a strongly convex class, where G and mu bound |w_1 - w*|.
        domain: where D holds: "start", |w_1 - w*| <= D; "iterates", E|w_t - w*|² <= D² for all t <= T; "projected",
            all points in a convex set of diameter D to which steps are projected.
        measure: "average point", E F(w̄_T) - F*, where G bounds the subgradient at w̄_T too; "average value", the mean of
            E F(w_t) - F*; "last", E F(w_T) - F*; "best", the least E F(w_t) - F*.

    Raises: ValueError naming the argument.
    """

    function: Class
    method: Method
    schedule: Schedule
    horizon: int
    distance: Any = 1
    domain: str = "start"
    measure: str = "average point"

    def __post_init__(self) -> None:
        _check.instance("function", self.function, Class, "worst_case.Convex(G=1)")
        method(self.method)
        _check.instance("schedule", self.schedule, Schedule, "InverseSqrt(1.0)")
        object.__setattr__(self, "horizon", _check.count("horizon", self.horizon))
        if self.distance is not None:
            object.__setattr__(self, "distance", rational("distance", self.distance, above=0))
        elif not (self.function.mu and self.function.G) or self.domain != "start":
            raise ValueError('distance must be given, but for a class with mu > 0 and a bound G and domain "start"')
        for name, value, choices in (("domain", self.domain, DOMAINS), ("measure", self.measure, MEASURES)):
            if value not in choices:
                raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")
        needs = isinstance(self.method, SR) or self.method.noise == WITHIN_G or self.domain == "projected"
        if needs and self.function.G is None:
            raise ValueError(
                f'function must be a class with a bound G for SR, for noise "{WITHIN_G}" and on domain "projected", '
                f"got {self.function!r}"
            )
        if self.horizon > 1:
            self._reaches(min(self.horizon - 1, 2**53))

    @property
    def exact(self) -> bool:
        """Whether a function of the class, in some dimension, attains the value, which else bounds it from above."""
        return self.method.exact

    def alpha(self, t: int) -> Fraction:
        """α_t."""
        return Fraction(_check.number("schedule", float(self.schedule(t)), least=0))

    def _reaches(self, last: int) -> None:
        try:
            self.alpha(last)
        except ValueError as error:
            raise ValueError(f"schedule must reach as far as step {last}: {error}") from None

    def world(self) -> tuple[World, Expression]:
        """The unknowns with what is required of them, and what is to be maximized."""
        run = Run(self.function, self.distance, self.domain)
        w = [run.start()]
        for t in range(1, self.horizon):
            if self.measure in ("average value", "best"):
                run.at(f"w{t}", w[-1])
            w.append(self.method.step(run, t, w[-1], self.alpha(t)))
        found = _MEASURES[self.measure](run, w)
        return run.close(), found


def _average_point(run: Run, w: list[Vector]) -> Expression:
    return _value(run, "mean", mean(w))


def _average_value(run: Run, w: list[Vector]) -> Expression:
    return mean(_value(run, f"w{t}", x) for t, x in enumerate(w, 1))


def _last(run: Run, w: list[Vector]) -> Expression:
    return _value(run, f"w{len(w)}", w[-1])


def _best(run: Run, w: list[Vector]) -> Expression:
    least = run.world.value("least", run.F.slope * run.F.length)
    for t, x in enumerate(w, 1):
        run.world.require(f"least <= F(w{t})", least, _value(run, f"w{t}", x))
    return least


def _value(run: Run, name: str, x: Vector) -> Expression:
    g, f = run.at(name, x)
    run.F.bounded(name, g)
    return f


_MEASURES: dict[str, Callable[[Run, list[Vector]], Any]] = dict(
    zip(MEASURES, (_average_point, _average_value, _last, _best), strict=True)
)
