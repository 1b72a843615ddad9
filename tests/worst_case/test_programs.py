"""Whatever can happen meets what the programs require: the modelling is sound."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from qtheory.schedules import Constant, InverseSqrt, Table
from qtheory.worst_case import BC, MEASURES, SGD, SR, Convex, Program, Smooth, solve
from qtheory.worst_case._run import DOMAINS
from qtheory.worst_case.methods import WITHIN_G

from .realized import Problem, expected

SIGNS = tuple((0.25, np.array(n) * 0.4) for n in itertools.product((-1, 1), repeat=2))
TWO_POINTS = tuple((0.5, s * np.array([0.3, -0.5])) for s in (-1, 1))
START = np.array([0.75, -0.25])


def kinked(center=(0.1, 0.3), slope=0.5, **fields):
    """slope (|w_1 - a_1| + |w_2 - a_2|)."""
    a = np.array(center)
    box = fields.get("box")
    return Problem(
        lambda w: slope * abs(w - a).sum(), lambda w: slope * np.sign(w - a), a if box is None else np.clip(a, *box),
        START, **fields,
    )  # fmt: skip


def bowl(center=(0.1, 0.3), curvature=(1.0, 0.5), **fields):
    """sum of curvature (w - a)² / 2."""
    a, h = np.array(center), np.array(curvature)
    box = fields.get("box")
    return Problem(
        lambda w: h @ (w - a) ** 2 / 2, lambda w: h * (w - a), a if box is None else np.clip(a, *box), START, **fields
    )


def energy(noise):
    return sum(p * np.sum(n**2 + np.zeros(2)) for p, n in noise)


def kappa(delta):
    return 2**0.5 * delta


G = 0.5 * 2**0.5  # of `kinked`
E, DELTA = energy(SIGNS), 0.25
ON_ALL, IN_BOX = {"domain": "start"}, {"domain": "projected", "distance": 8**0.5}
BOX = (-1.0, 1.0)
CASES = {
    "SGD": (Convex(G=G), SGD(), kinked(), ON_ALL),
    "SGD, noise": (Convex(G=G), SGD(noise=E**0.5), kinked(noise=SIGNS), ON_ALL),
    "SGD, noise within G": (Convex(G=(G**2 + E) ** 0.5), SGD(noise=WITHIN_G), kinked(noise=SIGNS), ON_ALL),
    "SGD, projected": (Convex(G=G), SGD(noise=1), kinked((0.1, 1.3), noise=TWO_POINTS, box=BOX), IN_BOX),
    "SR": (Convex(G=G), SR(kappa=kappa(DELTA)), kinked(delta=DELTA), ON_ALL),
    "SR, concave": (Convex(G=2), SR(kappa=kappa(DELTA), concave=True), kinked(delta=DELTA), ON_ALL),
    "SR, adjacent": (Convex(G=G), SR(kappa=kappa(DELTA), adjacent=True), kinked(delta=DELTA), ON_ALL),
    "SR, noise": (Convex(G=G), SR(kappa=kappa(DELTA), noise=E**0.5), kinked(delta=DELTA, noise=SIGNS), ON_ALL),
    "SR, concave, noise": (
        Convex(G=2), SR(kappa=kappa(DELTA), noise=WITHIN_G, concave=True), kinked(delta=DELTA, noise=TWO_POINTS), ON_ALL
    ),
    "SR, projected": (
        Convex(G=1), SR(kappa=kappa(DELTA), noise=WITHIN_G),
        kinked((1.2, 0.3), delta=DELTA, noise=TWO_POINTS, box=BOX), IN_BOX,
    ),
    "SR, strongly convex": (Convex(G=2, mu=0.5), SR(kappa=kappa(DELTA)), bowl(delta=DELTA), {"distance": None}),
    "BC": (Smooth(L=1, mu=0.5, G=2), BC(energy=DELTA**2 / 2, noise=1), bowl(delta=DELTA, noise=SIGNS), ON_ALL),
    "BC, adversarial": (Smooth(L=1), BC(energy=DELTA**2 / 2, stochastic=False), bowl(delta=DELTA), ON_ALL),
    "BC, projected": (
        Smooth(L=1, G=3), BC(energy=DELTA**2 / 2, noise=1),
        bowl((1.3, 0.2), delta=DELTA, noise=TWO_POINTS, box=BOX), IN_BOX,
    ),
}  # fmt: skip


def program_of(case, measure, horizon=3):
    function, method, _, fields = CASES[case]
    return Program(
        function=function, method=method, schedule=InverseSqrt(0.7), horizon=horizon, measure=measure, **fields
    )


@pytest.mark.parametrize("measure", ["average point", "average value", "last"])
@pytest.mark.parametrize("case", CASES)
def test_a_real_run_meets_what_is_required_and_is_no_worse(case, measure):
    program = program_of(case, measure)
    world, objective, gram, values = expected(program, CASES[case][2])
    for i, k in world.absent:
        assert abs(gram[i, k]) < 1e-12, (world.names[i], world.names[k])
    for r in world.required:
        most = 0 if r.under is None else float(r.factor) * r.under.at(gram, values) ** 0.5
        assert r.left.at(gram, values) <= most + 1e-9, r.name
    assert 0 <= objective.at(gram, values) <= solve(program).value


@pytest.mark.parametrize(
    ("case", "spoiled"),
    [
        ("SR", {"method": SR(kappa=kappa(DELTA) / 10)}),
        ("SGD, noise", {"method": SGD(noise=0.3)}),
        ("SGD", {"function": Convex(G=0.7)}),
        ("SGD", {"distance": 0.8}),
        ("BC", {"function": Smooth(L=0.9, mu=0.5, G=2)}),
        ("BC", {"function": Smooth(L=1, mu=0.6, G=2)}),
        ("SGD, projected", {"distance": 1.0}),
    ],
)
def test_a_run_that_breaks_an_assumption_is_noticed(case, spoiled):
    program = replace(program_of(case, "average point"), **spoiled)
    world, _, gram, values = expected(program, CASES[case][2])
    assert any(r.left.at(gram, values) > 1e-3 for r in world.required)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize(
    "method",
    [SGD(noise=WITHIN_G), SR(kappa=0.1, noise=0.2), BC(energy=0.1, noise=WITHIN_G)],
    ids=lambda m: type(m).__name__,
)
def test_what_is_random_is_new(method, domain, measure):
    """No point or gradient that a random vector is said to be orthogonal to may hold it."""
    program = Program(
        function=Smooth(L=1, G=1), method=method, schedule=Constant(0.5), horizon=4, domain=domain, measure=measure
    )
    world, _ = program.world()
    place = {name: k for k, name in enumerate(world.names)}
    random = [name for name in world.names if name[0] in "rn" and not name.startswith("normal")]
    for name in random:
        k = place[name]
        assert {(i, k) for i in range(k)} <= world.absent
        t = int(name.strip("n(wxr)"))
        after = [
            n for n in world.names
            if n == "g(mean)" or (n[:2] == "g(" and n != "g(w*)" and int(n[3:-1]) > t) or n.startswith(f"normal(p{t})")
            or n.startswith(f"normal(w{t + 1})") or (name[0] == "r" and isinstance(method, BC) and n == f"g(x{t})")
        ]  # fmt: skip
        if isinstance(method, SR) and name[0] == "r":  # it rounds what was projected
            after.remove(f"normal(p{t})") if f"normal(p{t})" in after else None
        assert all(place[n] > k for n in after)
        assert f"g(w{t})" not in place or place[f"g(w{t})"] < k


def test_steps_of_length_zero_change_nothing():
    fields = {"function": Convex(G=1), "method": SR(kappa=0.1), "distance": 1}
    paused = Program(schedule=Table([0.5, 0.0]), horizon=3, measure="last", **fields)
    short = Program(schedule=Table([0.5]), horizon=2, measure="last", **fields)
    assert solve(paused).value == pytest.approx(solve(short).value, rel=1e-7)
    projected = replace(paused, domain="projected")
    assert solve(projected).value == pytest.approx(solve(replace(short, domain="projected")).value, rel=1e-7)
    for measure in MEASURES:
        assert solve(replace(paused, measure=measure)).value > 0


def test_exactness_is_claimed_where_nothing_is_random():
    b = {"function": Convex(G=1), "schedule": Constant(1), "horizon": 3}
    s = b | {"function": Smooth(L=1, G=1)}
    exact = [
        Program(method=SGD(), **b),
        Program(method=SR(kappa=0), **b),
        Program(method=BC(energy=1, stochastic=False), **s),
        Program(method=BC(energy=0), **s),
    ]
    bounds = [
        Program(method=SGD(noise=1), **b),
        Program(method=SR(kappa=1), **b),
        Program(method=SGD(noise=WITHIN_G), **b),
        Program(method=SGD(noise=WITHIN_G), **s),
        Program(method=BC(energy=1), **s),
    ]
    assert all(p.exact for p in exact) and not any(p.exact for p in bounds)
