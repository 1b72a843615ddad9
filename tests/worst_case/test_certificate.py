"""Certified values: proofs, as good as the solver, for every kind of program; the checker derives the same premises."""

import contextlib
import dataclasses
from fractions import Fraction
from itertools import cycle, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtheory.optimum import InaccurateSolve
from qtheory.schedules import Constant, InverseSqrt, InverseTime, Table
from qtheory.theorems import all_theorems
from qtheory.worst_case import BC, MEASURES, SGD, SR, Convex, Program, Smooth, checker, solve
from qtheory.worst_case._exact import tangent
from qtheory.worst_case._world import Required
from qtheory.worst_case.certificate import Certificate, _name, certify, decimal, describe

WITHIN = "within G"
FUNCTIONS = [Convex(), Convex(mu=1), Smooth(), Smooth(mu=Fraction(1, 3)), Smooth(G=1), Smooth(L=2, mu=1, G=1)]
METHODS = [
    SGD(), SGD(noise=0.5), SGD(noise=WITHIN),
    SR(kappa=0.1), SR(kappa=0.1, concave=True), SR(kappa=0.1, noise=0.5), SR(kappa=0.1, noise=WITHIN, concave=True),
    SR(kappa=0.1, adjacent=True),
    SR(kappa=0), BC(energy=0.01), BC(energy=0.01, stochastic=False), BC(energy=0.01, noise=0.5),
    BC(energy=0.01, noise=WITHIN), BC(energy=0),
]  # fmt: skip
DOMAINS = "start", "iterates", "projected"


def sensible(function, method, domain):
    """SR's energy, the noise and a projected domain need bounded gradients."""
    needs = isinstance(method, SR) or method.noise == WITHIN or domain == "projected"
    return function.G is not None or not needs


def everything(horizon):
    for function, method, domain, measure in product(FUNCTIONS, METHODS, DOMAINS, MEASURES):
        if sensible(function, method, domain):
            for distance in (1, None) if function.mu and function.G and domain == "start" else (1,):
                yield Program(
                    function=function, method=method, schedule=InverseSqrt(1), horizon=horizon, distance=distance,
                    domain=domain, measure=measure,
                )  # fmt: skip


def some(horizon):
    """Every class with every method and domain, with the measures in turn."""
    groups = {}
    for program in everything(horizon):
        groups.setdefault((program.function, program.method, program.domain, program.distance), []).append(program)
    return [
        next(p for p in group if p.measure == m) for group, m in zip(groups.values(), cycle(MEASURES), strict=False)
    ]


def proved(program):
    return proof_of(solve(program))


def proof_of(solution):
    certificate = certify(solution)
    assert certificate.value >= Fraction(solution.primal) * (1 - Fraction(1, 10**8))
    assert certificate.value <= Fraction(solution.value) * (1 + Fraction(1, 10**6))
    assert f"F - F* <= {decimal(certificate.value)} " in certificate.verified()
    return certificate


def label(program):
    f, m = program.function, program.method
    return f"{type(f).__name__}-{float(f.mu):.1f}-{f.G}-{type(m).__name__}-{m.noise}-{program.domain}-{program.measure}"


@pytest.mark.parametrize("program", some(2)[::2], ids=label)
def test_two_points(program):
    proved(program)


@pytest.mark.parametrize("program", some(3)[1::4], ids=label)
def test_three_points(program):
    proved(program)


@pytest.mark.parametrize(("G", "D"), [(1e3, 1e-3), (1e-3, 1e3), (1e-4, 1e-3), (1e4, 1e4)])
def test_other_units(G, D):
    for mu in (0, G / D):
        program = Program(
            function=Convex(G=G, mu=mu), method=SR(kappa=D / 10), schedule=Constant(D / G), horizon=4, distance=D
        )
        proved(program)


@pytest.mark.deep
@pytest.mark.parametrize("horizon", [1, 2, 3])
def test_every_program(horizon):
    """Where the solver fails, which it says, there is nothing to certify; that is rare."""
    programs, failed = list(everything(horizon)), []
    for program in programs:
        try:
            solution = solve(program)
        except InaccurateSolve:
            failed.append(label(program))
        else:
            proof_of(solution)
    assert len(failed) <= len(programs) / 100, failed


@pytest.mark.parametrize("name", ["sr_convex", "bc_convex", "sr_strongly_convex", "bc_strongly_convex"])
def test_the_theorems_bounds_are_above_their_certified_worst_cases(name):
    theorem = all_theorems()[f"li2017/{name}"]
    certificate = proved(theorem.worst_case(6, kappa=0.1))
    assert float(certificate.value) <= theorem.worst_bound(6, kappa=0.1)


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("method", [SGD(noise=0.5), SR(kappa=0.1), BC(energy=0.01)], ids=lambda m: type(m).__name__)
def test_steps_of_length_zero(method, domain):
    function, schedule = Smooth(G=1), Table([0.5, 0.0, 0.25])
    proved(Program(function=function, method=method, schedule=schedule, horizon=4, domain=domain, measure="last"))


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_gradient_descent_has_its_known_constant(steps):
    """LD²/(4N+2): a certified value below it would be the proof of a falsehood.   (Drori and Teboulle 2014)"""
    certificate = proved(
        Program(function=Smooth(), method=SGD(), schedule=Constant(1), horizon=steps + 1, measure="last")
    )
    exact = Fraction(1, 4 * steps + 2)
    assert exact <= certificate.value <= exact * (1 + Fraction(1, 10**6))


@pytest.mark.parametrize("horizon", [2, 5])
def test_the_subgradient_method_has_its_known_constant(horizon):
    schedule = Constant(1 / np.sqrt(horizon))
    certificate = proved(Program(function=Convex(), method=SGD(), schedule=schedule, horizon=horizon, measure="best"))
    square = certificate.value**2 * horizon
    assert 1 - Fraction(1, 10**12) <= square <= 1 + Fraction(1, 10**5)


def expanded(required, world):
    """The terms of `left`, by names."""
    total = {}
    for key, a in required.left.terms.items():
        names = tuple(sorted(world.names[i] for i in key)) if len(key) == 2 else key
        total[world.values[key[0]].removeprefix("F(").removesuffix(")") if len(key) == 1 else names] = a
    return total


def tangential(r, m):
    """left <= factor (under / m + m) / 2."""
    if r.under is None:
        return r
    half = r.factor / 2
    return Required(r.name, r.left - half / m * r.under - half * m)


@pytest.mark.parametrize("program", some(3), ids=label)
def test_the_checker_derives_the_same_premises(program):
    world, objective = program.world()
    required = [tangential(r, Fraction(2, 3)) for r in world.required]
    names = [_name(r, world.names) for r in required]
    found = {n: str(m) for n, a, b in zip(names, world.required, required, strict=True) if (m := tangent(a, b))}
    run = checker.Run({**describe(program), "tangents": found})
    assert run.vectors == world.names
    absent = {tuple(sorted((world.names[i], world.names[k]))) for i, k in world.absent}
    before = {a: run.vectors[:i] for i, a in enumerate(run.vectors)}
    assert absent == {tuple(sorted((a, b))) for a in run.fresh for b in before[a]}
    for name, r in zip(names, required, strict=True):
        terms = run.total({name: Fraction(1)}, objective=False)
        assert {k: a for k, a in terms.items() if a and k not in absent} == expanded(r, world), name
    # None that the program lacks, unless it says nothing, or follows: |g|² <= |g|² + |n|² = |g + n|².
    follows = {f"|g({x})| <= G" for x in run.gradients if f"|g({x}) + n({x})| <= G" in run.premises}
    for name in set(run.premises) - set(names) - follows:
        terms = run.total({name: Fraction(1)}, objective=False)
        assert not {k for k, a in terms.items() if a and k not in absent and k != ()}, name
        assert terms.get((), 0) <= 0, name
    goal = {world.values[k].removeprefix("F(").removesuffix(")"): a for (k,), a in objective.terms.items()}
    assert run.objective == goal


SOLUTION = solve(Program(function=Convex(), method=SR(kappa=0.1), schedule=InverseTime(1), horizon=3))


@pytest.mark.parametrize(("size", "mended"), [(1e-9, 10), (1e-7, 10), (1e-4, 0), (1, 0)])
def test_bad_multipliers_prove_nothing_false(size, mended):
    """The smallest errors are repaired at a small price; the largest are not."""
    rng, proofs = np.random.default_rng(0), 0
    for _ in range(10):
        factors = 1 + size * rng.normal(size=len(SOLUTION.multipliers))
        wrong = dataclasses.replace(SOLUTION, multipliers=SOLUTION.multipliers * factors)
        with contextlib.suppress(InaccurateSolve):
            assert certify(wrong).value >= Fraction(SOLUTION.primal) - Fraction(1, 10**9)
            proofs += 1
    assert proofs == mended


def test_hopeless_multipliers_are_refused():
    wrong = dataclasses.replace(SOLUTION, multipliers=0 * SOLUTION.multipliers, slack=0 * SOLUTION.slack)
    with pytest.raises(InaccurateSolve, match="too inaccurate"):
        certify(wrong)


def test_a_certificate_on_disk(tmp_path):
    certificate = certify(SOLUTION)
    certificate.save(tmp_path / "a.json")
    again = Certificate.load(tmp_path / "a.json")
    assert again.to_json() == certificate.to_json() and again.theorem() == certificate.theorem()
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
    text = (tmp_path / "a.json").read_text()
    (tmp_path / "b.json").write_text(text[:-100])
    (tmp_path / "c.json").write_bytes(b"\xff\xfe")
    (tmp_path / "d.json").write_text("[" * 100_000)
    for name in ("b.json", "c.json", "d.json"):
        with pytest.raises(ValueError, match=f"{name} must be a certificate"):
            Certificate.load(tmp_path / name)
    for name in ("none.json", ""):
        with pytest.raises(ValueError, match=str(tmp_path)):
            Certificate.load(tmp_path / name)
    with pytest.raises(ValueError, match="No such file"):
        certificate.save(tmp_path / "none" / "a.json")


def test_only_solutions_are_certified():
    with pytest.raises(ValueError, match="solution must be a solution"):
        certify(1)


@given(st.fractions(-3, 3, max_denominator=10**30))
def test_decimals_are_rounded_up(x):
    assert x <= Fraction(decimal(x)) < x + Fraction(1, 10**9)
