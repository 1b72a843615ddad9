import math
import re
from dataclasses import replace
from fractions import Fraction
from importlib import import_module

import numpy as np
import pytest

from qtheory.schedules import InverseSqrt, InverseTime
from qtheory.worst_case import BC, MEASURES, SGD, SR, Convex, Program, Smooth, solve
from qtheory.worst_case._run import DOMAINS
from qtheory.worst_case._world import World
from qtheory.worst_case.methods import WITHIN_G
from qtheory.worst_case.solve import _Scaled

solving = import_module("qtheory.worst_case.solve")  # the name `solve` is the function's
PLAIN = Program(function=Convex(G=1), method=SR(kappa=0.2), schedule=InverseSqrt(1.0), horizon=4)
SMOOTH = replace(PLAIN, function=Smooth(L=1, G=1), method=BC(energy=0.05, stochastic=False, noise=WITHIN_G))
CASES = {
    "SGD": replace(PLAIN, method=SGD()),
    "SGD, noise": replace(PLAIN, method=SGD(noise=0.5)),
    "SR": PLAIN,
    "SR, concave": replace(PLAIN, method=SR(kappa=0.2, concave=True)),
    "SR, concave, noise": replace(PLAIN, method=SR(kappa=0.2, concave=True, noise=0.5)),
    "SR, projected": replace(PLAIN, domain="projected"),
    "SR, strongly convex": replace(PLAIN, function=Convex(G=1, mu=0.5), schedule=InverseTime(0.5), distance=None),
    "BC, adversarial": SMOOTH,
    "BC, strongly convex": replace(
        SMOOTH, function=Smooth(L=2, mu=1, G=1), method=BC(energy=0.05), schedule=InverseTime(1.0), distance=None
    ),
    "BC, projected": replace(SMOOTH, method=BC(energy=0.05, noise=0.5), domain="projected"),
}
LOOSE = 1e-7  # of a value, relative: far above the solver's tolerance, far below what is compared


def value(program, **fields):
    return solve(replace(program, **fields)).value


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("case", CASES)
def test_the_dual_solution_proves_the_value(case, measure):
    """objective = sum λ left - <S, Gram> + value, with λ and S of the right sign, and the primal attains it."""
    found = solve(replace(CASES[case], measure=measure))
    n = len(found.world.names)
    total = np.zeros((n, n))
    values = np.zeros(len(found.world.values))
    constant = 0.0
    for sign, part, multiplier in [(1, found.objective, 1.0)] + [
        (-1, r.left, m) for r, m in zip(found.required, found.multipliers, strict=True)
    ]:
        for key, a in part.floats().items():
            if len(key) == 2:
                total[key] += sign * multiplier * a / 2
                total[key[::-1]] += sign * multiplier * a / 2
            elif key:
                values[key[0]] += sign * multiplier * a
            else:
                constant += sign * multiplier * a
    for i, j in found.world.absent:
        total[i, j] = total[j, i] = found.slack[i, j] = found.slack[j, i] = 0.0
    scale = np.outer(found.world.sizes, found.world.sizes)
    assert abs((total + found.slack) * scale).max() < 1e-6
    assert abs(values * found.world.value_sizes).max() < 1e-6
    assert constant == pytest.approx(found.value, rel=1e-6)
    assert found.primal == pytest.approx(found.value, rel=1e-6)
    assert found.primal <= found.value * (1 + 1e-6)
    assert found.multipliers.min() > -1e-8
    assert np.linalg.eigvalsh(found.gram / scale)[0] > -1e-6
    for r in found.required:
        assert r.left.at(found.gram, found.values) < 1e-6


@pytest.mark.parametrize("case", CASES)
def test_units_do_not_matter(case):
    """value(G, D, c D/G, κ D) = G D value(1, 1, c, κ), for lengths scaled by `length` and values by `height`."""
    program = CASES[case]
    plain = value(program)
    for length, height in ((1e-3, 1.0), (1e3, 1e-3), (Fraction(7, 10**6), 10**6)):
        assert value(in_units(program, length, height)) == pytest.approx(plain * float(height), rel=1e-6)


def in_units(program, length, height):
    slope, bend = Fraction(height) / Fraction(length), Fraction(height) / Fraction(length) ** 2
    f, m, d = program.function, program.method, program.distance
    function = replace(f, G=f.G * slope, mu=f.mu * bend, **({"L": f.L * bend} if isinstance(f, Smooth) else {}))
    fields = {} if m.noise == WITHIN_G else {"noise": m.noise * slope}
    fields |= {"kappa": m.kappa * Fraction(length)} if isinstance(m, SR) else {}
    fields |= {"energy": m.energy * Fraction(length) ** 2} if isinstance(m, BC) else {}
    schedule = type(program.schedule)(
        float(Fraction(program.schedule.c) / bend)
        if isinstance(program.schedule, InverseSqrt)
        else float(Fraction(program.schedule.mu) * bend)
    )
    distance = None if d is None else d * Fraction(length)
    return replace(program, function=function, method=replace(m, **fields), schedule=schedule, distance=distance)


def more_of(program):
    f, m = program.function, program.method
    yield "G", {"function": replace(f, G=f.G * 2)}
    if program.distance is not None:
        yield "D", {"distance": program.distance * 2}
    if isinstance(m, SR):
        yield "kappa", {"method": replace(m, kappa=m.kappa * 2)}
    if isinstance(m, BC):
        yield "energy", {"method": replace(m, energy=m.energy * 2)}
    if m.noise not in (0, WITHIN_G):
        yield "noise", {"method": replace(m, noise=m.noise * 2)}
    if isinstance(f, Smooth):
        yield "L", {"function": replace(f, L=f.L * 2)}


@pytest.mark.parametrize("case", CASES)
def test_weaker_assumptions_give_larger_values(case):
    program = CASES[case]
    plain = value(program)
    for name, fields in more_of(program):
        assert value(program, **fields) >= plain * (1 - LOOSE), name
    rises = [value(program, **fields) > plain * 1.01 for _, fields in more_of(program)]
    assert any(rises)


@pytest.mark.parametrize("case", CASES)
def test_the_order_of_the_measures(case):
    """F(w̄) <= mean of F(w_t) by convexity; best <= mean; best <= last."""
    point, average, last, best = (value(CASES[case], measure=m) for m in MEASURES)
    assert point <= average * (1 + LOOSE) and best <= average * (1 + LOOSE) and best <= last * (1 + LOOSE)
    assert best < last


@pytest.mark.parametrize("case", [case for case in CASES if "strongly" not in case and "projected" not in case])
def test_a_bound_at_the_start_alone_is_weaker(case):
    at_start, always = (value(CASES[case], domain=domain) for domain in DOMAINS[:2])
    assert at_start >= always * (1 - LOOSE)
    if case == "SR":
        assert at_start > always * 1.001


def test_the_concave_energy_is_sharper():
    """κ α G bounds κ α sqrt(E|g|²). It helps where gradients must be short; else the worst function keeps |g| = G."""
    for function, least in ((Convex(G=1), 0.0), (Smooth(L=0.2, G=1), 0.05)):
        program = replace(PLAIN, function=function, domain="iterates")
        plain, concave = (value(program, method=SR(kappa=0.5, concave=which)) for which in (False, True))
        assert concave <= plain * (1 - least + LOOSE)


def looks_back(required):
    """Whether the subgradient of an interpolation condition was asked for after its other point, or that is w*."""
    found = re.fullmatch(r"F\((.*)\) >= F\((.*)\) \+ \.\.\.", required.name)
    places = [{"w*": -1, "mean": math.inf}.get(n) or int(n[1:]) for n in found.groups()] if found else [0, 0]
    return places[0] <= places[1] or places[1] == -1


def test_adjacent_levels_bound_the_error_of_long_steps():
    """κ²/4 < κ α G if and only if κ < 4 α G."""
    for kappa, counts in ((0.1, True), (3, True), (5, False)):
        plain, adjacent = (
            value(PLAIN, method=SR(kappa=kappa, adjacent=which), schedule=InverseSqrt(1.0), horizon=2)
            for which in (False, True)
        )
        assert adjacent <= plain * (1 + LOOSE)
        assert (adjacent < plain * 0.999) is counts


@pytest.mark.parametrize("c", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("domain", DOMAINS[:2])
@pytest.mark.parametrize("method", [SGD(), SR(kappa=0.2), SR(kappa=0.2, concave=True)], ids=["SGD", "SR", "concave"])
@pytest.mark.parametrize("mu", [0, 0.3])
def test_noise_within_G_is_between_two_programs_without_it(mu, method, domain, c):
    """A theorem of proofs/worst_case/programs.md. Where mu = 0, all three agreed so far."""
    program = replace(PLAIN, function=Convex(G=1, mu=mu), method=method, domain=domain, schedule=InverseSqrt(c))
    plain, noisy = value(program), value(program, method=replace(method, noise=WITHIN_G))
    above = without(program, lambda r: not looks_back(r)) if not getattr(method, "concave", False) else math.inf
    assert plain * (1 - LOOSE) <= noisy <= above * (1 + LOOSE)
    if mu == 0:
        assert noisy == pytest.approx(plain, rel=1e-6)


def test_noise_within_G_matters_for_strongly_convex_functions_and_long_steps():
    program = replace(PLAIN, function=Convex(G=1, mu=0.3), method=SGD(), schedule=InverseSqrt(3.0), horizon=5)
    assert value(program, method=SGD(noise=WITHIN_G)) > 1.01 * value(program)


def test_noise_within_G_matters_where_gradients_are_smooth():
    """L D < G: no gradient is as long as G, but with noise a step is."""
    program = replace(PLAIN, function=Smooth(L=0.2, G=1), method=SGD())
    assert value(program, method=SGD(noise=WITHIN_G)) > 1.2 * value(program)


# Controls: what is left out must be missed


def without(program, drop):
    world, objective = program.world()
    objective = world.kept(objective)
    kept = [r for r in world.required if not drop(r)]
    assert 0 < len(kept) < len(world.required)
    gram, values, *_ = _Scaled(world, objective).solve(kept)
    return objective.at(gram, values)


@pytest.mark.parametrize(
    ("case", "name"),
    [
        ("SGD", "F(w1) >= F(mean) + ..."),
        ("SGD", "F(w1) >= F(w2) + ..."),
        ("SR", "F(w2) >= F(mean) + ..."),
        ("SR", "F(w*) >= F(mean) + ..."),
        ("SR, strongly convex", "F(w*) >= F(w2) + ..."),
        ("BC, adversarial", "F(x2) >= F(mean) + ..."),
        ("SR, projected", "normal(p1) turns from w*"),
    ],
)
def test_every_condition_counts(case, name):
    assert without(CASES[case], lambda r: r.name == name) > value(CASES[case]) * 1.0001


@pytest.mark.parametrize("case", ["SR", "SGD, noise", "BC, strongly convex"])
def test_orthogonality_counts(case, monkeypatch):
    plain = value(CASES[case])
    monkeypatch.setattr(World, "zero_mean", World.vector)
    assert value(CASES[case]) > plain * 1.001
