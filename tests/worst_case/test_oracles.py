"""Worst cases that are known otherwise: in closed form, from the literature, and from PEPit."""

import math
from dataclasses import replace
from fractions import Fraction

import pytest

from qtheory.schedules import Constant, InverseSqrt, Table
from qtheory.worst_case import BC, MEASURES, SGD, SR, Convex, Program, Smooth, solve

LIPSCHITZ = Program(function=Convex(G=1), method=SGD(), schedule=Constant(1), horizon=2)
SMOOTH = replace(LIPSCHITZ, function=Smooth(L=1))


def value(program, **fields):
    return solve(replace(program, **fields)).value


def near(expected, rel=1e-7):
    return pytest.approx(expected, rel=rel)


@pytest.mark.parametrize("measure", MEASURES)
def test_one_point(measure):
    """F(w_1) - F* <= G D, and L D²/2 for smooth functions."""
    G, D, L = 3, 0.5, 4
    assert value(LIPSCHITZ, function=Convex(G=G), distance=D, horizon=1, measure=measure) == near(G * D)
    assert value(LIPSCHITZ, function=Smooth(L=L), distance=D, horizon=1, measure=measure) == near(L * D**2 / 2)
    # The slope may not exceed G: Huber's function.
    assert value(LIPSCHITZ, function=Smooth(L=L, G=1), distance=1, horizon=1, measure=measure) == near(1 - 1 / (2 * L))


@pytest.mark.parametrize(("alpha", "G", "D"), [(1, 1, 1), (0.3, 2, 1), (0.2, 1, 1), (0.01, 1, 3), (2, 1, 0.5)])
def test_two_points(alpha, G, D):
    """Proved in proofs/worst_case/programs.md: the angle between the two subgradients is all that is left to choose."""
    program = replace(LIPSCHITZ, function=Convex(G=G), schedule=Constant(alpha), distance=D)
    last = D**2 / (8 * alpha) + alpha * G**2 if 4 * alpha * G >= D else G * D - alpha * G**2
    assert value(program, measure="last") == near(last)
    mean = D**2 / (4 * alpha) + alpha * G**2 / 2 if 2 * alpha * G >= D else G * D - alpha * G**2 / 2
    assert value(program, measure="average value") == near(mean)


@pytest.mark.parametrize("kappa", [Fraction(1, 10), 0.4, 0.9])
@pytest.mark.parametrize(("alpha", "G", "D"), [(1, 1, 1), (0.5, 2, 0.75)])
def test_two_points_of_stochastic_rounding(kappa, alpha, G, D):
    """The floor κ G / 4 comes on top: half of κ G / 2, the second point's share."""
    program = replace(LIPSCHITZ, function=Convex(G=G), schedule=Constant(alpha), distance=D, method=SR(kappa=kappa))
    expected = D**2 / (4 * alpha) + alpha * G**2 / 2 + float(kappa) * G / 4
    assert value(program, measure="average value") == near(expected)


@pytest.mark.parametrize("steps", [1, 2, 5, 9])
def test_gradient_descent(steps):
    """L D²/(4N + 2) after N steps of length 1/L.   (Drori and Teboulle 2014, Theorem 3.1)"""
    L, D = 3, 0.5
    program = replace(SMOOTH, function=Smooth(L=L), schedule=Constant(1 / L), distance=D, horizon=steps + 1)
    assert value(program, measure="last") == near(L * D**2 / (4 * steps + 2))


@pytest.mark.parametrize("steps", [1, 3, 8])
def test_subgradient_method(steps):
    """G D/sqrt(N + 1) for the best of N + 1 points, steps D/(G sqrt(N + 1)).   (Drori and Teboulle 2016)"""
    G, D = 2, 3
    h = D / (G * math.sqrt(steps + 1))
    program = replace(LIPSCHITZ, function=Convex(G=G), schedule=Constant(h), distance=D, horizon=steps + 1)
    assert value(program, measure="best") == near(G * D / math.sqrt(steps + 1))


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_long_steps_on_smooth_functions(steps):
    """L D²/2 (1 - L h)^(2N): a parabola, which long steps overshoot.   (Taylor, Hendrickx, Glineur 2017, Section 4)"""
    L, mu, D, h = 1, 0.1, 2, 1.9
    program = replace(SMOOTH, function=Smooth(L=L, mu=mu), schedule=Constant(h), distance=D, horizon=steps + 1)
    assert value(program, measure="last") == near(L * D**2 / 2 * (1 - L * h) ** (2 * steps))


def test_strong_convexity_bounds_the_distance():
    """Without D: mu |w_1| <= G, and F(w_1) - F* <= G²/(2 mu)."""
    program = replace(LIPSCHITZ, function=Convex(G=3, mu=2), distance=None, horizon=1)
    assert value(program) == near(9 / 4)


@pytest.mark.parametrize("distance", [1, 1000])
@pytest.mark.parametrize("function", [Smooth(L=1002, mu=1000, G=2), Convex(mu=1000, G=2)], ids=["smooth", "convex"])
def test_a_distance_that_says_nothing_costs_no_digits(function, distance):
    """G²/(2 mu), far below G D."""
    assert value(LIPSCHITZ, function=function, distance=distance, horizon=1) == near(0.002, 1e-6)


PROTOTYPE = {2: 0.75, 3: 0.6534, 5: 0.5420, 8: 0.4565, 12: 0.3934}
ROUNDED = {2: (0.7742, 0.7750), 3: (0.6923, 0.6936), 5: (0.5911, 0.5922), 8: (0.5110, 0.5120), 12: (0.4511, 0.4518)}


@pytest.mark.parametrize("T", PROTOTYPE)
def test_prototype(T):
    """The numbers of an earlier, independent program, to the four digits that it gave."""
    program = replace(LIPSCHITZ, schedule=InverseSqrt(1.0), horizon=T)
    rounded = replace(program, method=SR(kappa=0.1))
    for measure, expected in zip(("average point", "average value"), ROUNDED[T], strict=True):
        assert value(program, measure=measure) == pytest.approx(PROTOTYPE[T], abs=6e-5)
        assert value(rounded, measure=measure) == pytest.approx(expected, abs=6e-5)


# PEPit


def pepit():
    for part in ("functions", "primitive_steps"):
        pytest.importorskip(f"PEPit.{part}")
    return pytest.importorskip("PEPit")


def of_pepit(problem):
    return problem.solve(wrapper="cvxpy", solver="CLARABEL", verbose=0)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("T", [2, 3, 4])
@pytest.mark.parametrize("averaged", [False, True])
def test_pepit_subgradient_method(T, averaged):
    P = pepit()
    alpha, problem = [0.9, 0.5, 0.7], P.PEP()
    F = problem.declare_function(P.functions.ConvexLipschitzFunction, M=1)
    star = F.stationary_point()
    w = [problem.set_initial_point()]
    problem.set_initial_condition((w[0] - star) ** 2 <= 1)
    for t in range(T - 1):
        w.append(w[-1] - alpha[t] * F.gradient(w[-1]))
    problem.set_performance_metric(F(sum(w[1:], w[0]) / T if averaged else w[-1]) - F(star))
    program = replace(LIPSCHITZ, schedule=Table(alpha), horizon=T)
    measure = "average point" if averaged else "last"
    assert value(program, measure=measure) == near(of_pepit(problem), 1e-5)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("L", "mu"), [(1, 0), (2, 0.5)])
@pytest.mark.parametrize("T", [2, 4])
def test_pepit_adversarial_binary_connect(T, L, mu):
    P = pepit()
    alpha, energy, problem = 0.8 / L, 0.05, P.PEP()
    F = problem.declare_function(P.functions.SmoothStronglyConvexFunction, L=L, mu=mu)
    star = F.stationary_point()
    w = [problem.set_initial_point()]
    problem.set_initial_condition((w[0] - star) ** 2 <= 1)
    for _ in range(T - 1):
        r = P.Point()
        problem.add_constraint(r**2 <= energy)
        w.append(w[-1] - alpha * F.gradient(w[-1] + r))
    problem.set_performance_metric(sum((F(x) for x in w[1:]), F(w[0])) / T - F(star))
    program = replace(
        SMOOTH, function=Smooth(L=L, mu=mu), method=BC(energy=energy, stochastic=False), schedule=Constant(alpha),
        horizon=T,
    )  # fmt: skip
    assert value(program, measure="average value") == near(of_pepit(problem), 1e-5)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("T", [2, 3])
def test_pepit_projected_subgradient_method(T):
    P = pepit()
    alpha, problem = [0.9, 0.5], P.PEP()
    F = problem.declare_function(P.functions.ConvexLipschitzFunction, M=1)
    inside = problem.declare_function(P.functions.ConvexIndicatorFunction, D=1)
    star = (F + inside).stationary_point()
    w = [P.primitive_steps.proximal_step(problem.set_initial_point(), inside, 1)[0]]
    for t in range(T - 1):
        w.append(P.primitive_steps.proximal_step(w[-1] - alpha[t] * F.gradient(w[-1]), inside, 1)[0])
    problem.set_performance_metric(F(w[-1]) - F(star))
    program = replace(LIPSCHITZ, schedule=Table(alpha), horizon=T, domain="projected")
    assert value(program, measure="last") == near(of_pepit(problem), 1e-5)
