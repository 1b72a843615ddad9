"""What the theorems on infinitely many samples share: the cases, and expectations by quadrature.

Rows of Z are independent, so an expectation is a sum over the signs of (z'w, z'w*) in every row, weighted by integrals
over the plane of w and w*. The masses are integrals over z'w of a Gaussian density times a Gaussian distribution
function, the vectors are integrals over the angle in that plane: neither uses the closed forms that they judge.
"""

import itertools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from scipy.integrate import quad
from scipy.special import gammainc, ndtr

from ...statistics import Interval
from ...two_layer.population import ESTIMATORS, angle
from .._base import Case, Checked, Claim, Role, Verdict

RESOLUTION = 1e-10  # to which an identity is resolved, in units of (|v|_1 + |v*|_1)^2
ROUNDING = 1e-13  # of sums of at most 4^5 terms, in the same units
MOST_UNITS = 5
COMPONENTS = ("along", "across", "right", "wrong")

Vector = tuple[float, ...]
Value = tuple[float, float]  # an integral, and a bound of its error


@dataclass(frozen=True, kw_only=True)
class PopulationCase(Case):
    """A student and a teacher, and what is measured of them.

    Arguments
        name, role, expected, trials, planted: see Case.
        w, w_star: (n,) hidden weights, n >= 2, not zero.   v, v_star: (m,) output weights, m <= 5.
        activation, ste: a row and an estimator of `qtheory.two_layer.population`.
        component: of E g: "along" w/|w|; "across", along the unit vector from w toward w* that is orthogonal to w; for
            w, w* in {-1, 1}^n the "right" or "wrong" coordinates: w*_k (E g)_k where w_k = w*_k, or where not.
        swapped: for controls: the estimator (for the loss: the activation) that is measured, not the one claimed.
    """

    w: Vector
    w_star: Vector
    v: Vector = (1.0,)
    v_star: Vector = (1.0,)
    activation: str = "heaviside"
    ste: str = "identity"
    component: str = "along"
    swapped: str = ""

    @property
    def theta(self) -> float:
        """The angle between w and w*."""
        return angle(self.w, self.w_star)

    @property
    def scale(self) -> float:
        """(|v|_1 + |v*|_1)^2, the unit of errors."""
        return sum(map(abs, self.v + self.v_star)) ** 2


@dataclass(frozen=True, kw_only=True)
class HittingCase(Case):
    """A latent start, a teacher and a step.

    Arguments
        name, role, expected, trials, planted: see Case.
        u: (n,) latent weights.   w_star: (n,) entries -1 and 1.   step: learning rate.
        v, v_star: (m,) output weights.   activation, ste: see PopulationCase.
        counted: for controls: "floor" claims max floor(abs(u_k) / h) + 1 over the wrong coordinates on either side.
    """

    u: Vector
    w_star: Vector
    step: float
    v: Vector = (1.0,)
    v_star: Vector = (1.0,)
    activation: str = "heaviside"
    ste: str = "identity"
    counted: str = ""


@dataclass(frozen=True)
class Plane:
    """Integrals over the plane of w and w*, for z standard normal in it.

    Arguments: theta: the angle.   sign: whether the activation is sign.   ste: the estimator.   a: 1 / |w|.
    """

    theta: float
    sign: bool
    ste: str
    a: float
    masses: dict[tuple[int, int], Value] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "masses", {s: self._mass(*s) for s in itertools.product((1, -1), repeat=2)})

    def outputs(self, signs: tuple[int, int]) -> tuple[float, float]:
        """σ(z'w), σ(z'w*) where these have the given signs."""
        return tuple(float(s if self.sign else s > 0) for s in signs)

    def _mass(self, first: int, second: int) -> Value:
        """P(z'w has the sign `first`, z'w* `second`), integrated over t = abs(z'w): z'w* = t cos θ + s sin θ."""
        cosine, sine = first * second * math.cos(self.theta), math.sin(self.theta)
        if sine == 0.0:
            return 0.5 * (cosine > 0), 0.0
        return _integral(lambda t: _density(t) * ndtr(t * cosine / sine), 0.0, math.inf)

    def vectors(self) -> dict[tuple[int, int], tuple[Value, Value]]:
        """E[1{signs} μ'(z'w) z]: along w/|w|, and across it, toward w*."""
        found = {}
        cuts = sorted({c % (2 * math.pi) for b in (0.0, self.theta) for c in (b + math.pi / 2, b - math.pi / 2)})
        for low, high in zip(cuts, [*cuts[1:], cuts[0] + 2 * math.pi], strict=True):
            middle = (low + high) / 2
            signs = (_sign(math.cos(middle)), _sign(math.cos(middle - self.theta)))
            parts = tuple(_integral(self._ray(side), low, high) for side in (math.cos, math.sin))
            before = found.get(signs, ((0.0, 0.0), (0.0, 0.0)))
            found[signs] = tuple(_plus(x, y) for x, y in zip(before, parts, strict=True))
        return found

    def _ray(self, side: Callable[[float], float]) -> Callable[[float], float]:
        """In polar coordinates (ρ, φ): the integral of μ' ρ^2 e^(-ρ²/2) / 2π over ρ, times cos φ or sin φ."""
        return lambda phi: self._radial(math.cos(phi)) * side(phi) * math.sqrt(math.pi / 2) / (2 * math.pi)

    def _radial(self, cosine: float) -> float:
        """Up to where μ' ends: the chi distribution with 3 degrees of freedom."""
        if self.ste == "identity":
            return 1.0
        if self.ste == "relu":
            return float(cosine > 0)
        if self.ste == "clipped" and cosine <= 0:
            return 0.0
        reach = self.a / max(abs(cosine), 1e-300)
        return float(gammainc(1.5, min(reach, 1e3) ** 2 / 2))


def half_square(case: PopulationCase, activation: str) -> Interval:
    """E r^2 / 2, by the law of the signs in every row."""
    plane = Plane(case.theta, activation == "sign", "identity", 1.0)
    total, error = 0.0, ROUNDING * case.scale
    for signs in itertools.product(plane.masses, repeat=len(case.v)):
        chance, uncertain = _times(plane.masses[s] for s in signs)
        loss = _residual(case, plane, signs) ** 2 / 2
        total, error = total + loss * chance, error + loss * uncertain
    return Interval.exact(total, error)


def mean_gradient(case: PopulationCase, ste: str) -> tuple[Value, Value]:
    """E g along w/|w| and across it: row by row, over the signs of all rows."""
    plane = Plane(case.theta, case.activation == "sign", ste, 1 / math.hypot(*case.w))
    vectors = plane.vectors()
    total, error = np.zeros(2), np.full(2, ROUNDING * case.scale)
    for row, signs in itertools.product(range(len(case.v)), itertools.product(plane.masses, repeat=len(case.v))):
        if signs[row] not in vectors:  # where θ is 0 or pi
            continue
        weight = case.v[row] * _residual(case, plane, signs)
        rest = [plane.masses[s] for i, s in enumerate(signs) if i != row]
        for side, vector in enumerate(vectors[signs[row]]):
            value, uncertain = _times([*rest, vector])
            total[side] += weight * value
            error[side] += abs(weight) * uncertain
    return tuple((float(t), float(e)) for t, e in zip(total, error, strict=True))


def component(case: PopulationCase, ste: str) -> Interval:
    """The case's component of E g."""
    (along, first), (across, second) = mean_gradient(case, ste)
    if case.component == "along":
        return Interval.exact(along, first)
    if case.component == "across":
        return Interval.exact(across, second)
    # w*_k times coordinate k of w/|w| and of (w*/|w*| - cos θ w/|w|) / sin θ
    side, root = (1 if case.component == "right" else -1), math.sqrt(len(case.w))
    sine = math.sin(case.theta)
    slant = (1 - side * math.cos(case.theta)) / sine if sine > 1e-8 else 0.0
    return Interval.exact((side * along + slant * across) / root, (first + abs(slant) * second) / root)


def read(case: PopulationCase, vector: np.ndarray) -> float:
    """The case's component of a vector in the plane of w and w*."""
    w, w_star = np.array(case.w), np.array(case.w_star)
    if case.component in ("right", "wrong"):
        return float((w_star * vector)[(w == w_star) == (case.component == "right")][0])
    w, w_star = w / math.hypot(*w), w_star / math.hypot(*w_star)
    if case.component == "along":
        return float(vector @ w)
    rest = w_star - (w_star @ w) * w
    return float(vector @ rest) / math.hypot(*rest) if math.sin(case.theta) > 1e-8 else 0.0


def resolved(value: float, case: PopulationCase) -> Claim:
    """The value, to the resolution."""
    return Claim(value - RESOLUTION * case.scale, value + RESOLUTION * case.scale)


def assumptions(case: PopulationCase) -> Iterable[Checked]:
    """Of all statements about expectations."""
    yield Checked("the rows of Z are independent and standard normal", True, "they are integrated over as such")
    known = ESTIMATORS.get(case.activation, ())
    yield Checked("the estimator belongs to the activation", case.ste in known, f"{case.ste}, {case.activation}")
    m = len(case.v)
    yield Checked("m <= 5 (a limit of the check)", m == len(case.v_star) and m <= MOST_UNITS, f"m = {m}")
    long = math.hypot(*case.w) > 0 and math.hypot(*case.w_star) > 0
    yield Checked("w and w* are not zero", long and len(case.w) == len(case.w_star) > 1, f"n = {len(case.w)}")
    if case.component in ("right", "wrong"):
        signs = all(abs(x) == 1 for x in case.w + case.w_star)
        there = any((x == y) == (case.component == "right") for x, y in zip(case.w, case.w_star, strict=True))
        yield Checked(f"w, w* in {{-1, 1}}^n, a {case.component} coordinate exists", signs and there, f"{case.w}")


def drift(case: PopulationCase | HittingCase) -> Iterable[Checked]:
    """What makes E g a multiple of q - w*."""
    yield Checked("the estimator has no window", case.ste in ("identity", "relu"), case.ste)
    yield Checked("v = v*, not zero", case.v == case.v_star and any(case.v), f"v = {case.v}, v* = {case.v_star}")


def at_angle(name: str, theta: float, *, length: float = 1.0, **more) -> PopulationCase:
    """A case in two dimensions: w of the given length, w* of length 2, the angle θ between them."""
    return PopulationCase(
        name=name, w=(length, 0.0), w_star=(2 * math.cos(theta), 2 * math.sin(theta) if theta < math.pi else 0.0),
        **more,
    )  # fmt: skip


def vertex(name: str, n: int, distance: int, **more) -> PopulationCase:
    """A case on the cube: q and w* in {-1, 1}^n that differ in the first `distance` signs."""
    w_star = tuple(1.0 if k % 3 else -1.0 for k in range(n))
    q = tuple(-x if k < distance else x for k, x in enumerate(w_star))
    return PopulationCase(name=name, w=q, w_star=w_star, **more)


WRONG: dict = {"role": Role.CONTROL, "expected": Verdict.VIOLATED}
OUTSIDE: dict = {"role": Role.CONTROL, "expected": Verdict.OUT_OF_SCOPE}
STUDENT: dict = {"v": (0.5, -1.0, 2.0), "v_star": (1.0, 0.25, -0.5)}


def _integral(f: Callable[[float], float], low: float, high: float) -> Value:
    value, error = quad(f, low, high, epsabs=1e-13, epsrel=1e-13, limit=400)[:2]
    return float(value), float(error)


def _plus(x: Value, y: Value) -> Value:
    return x[0] + y[0], x[1] + y[1]


def _times(values: Iterable[Value]) -> Value:
    """The product of quantities that are known to within their errors."""
    value, least, most = 1.0, 1.0, 1.0
    for x, error in values:
        value, least, most = value * x, least * abs(x), most * (abs(x) + error)
    return value, most - least


def _density(t: float) -> float:
    return math.exp(-t * t / 2) / math.sqrt(2 * math.pi)


def _sign(x: float) -> int:
    return 1 if x > 0 else -1


def _residual(case: PopulationCase, plane: Plane, signs: tuple[tuple[int, int], ...]) -> float:
    outputs = [plane.outputs(s) for s in signs]
    return sum(v * a - u * b for v, u, (a, b) in zip(case.v, case.v_star, outputs, strict=True))
