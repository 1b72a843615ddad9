import dataclasses
import json
import math

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from qtheory import tightness as module
from qtheory.cli import main
from qtheory.optimum import InaccurateSolve
from qtheory.testing import numbers
from qtheory.theorems import all_theorems
from qtheory.theorems.li2017._rates import _comparators, convex_rate, sharp_rate, strong_rate
from qtheory.tightness import Sandwich, candidates, published, sharp, tightness
from qtheory.worst_case import SGD, certify, solve

SR, SHARP, STRONG, BC, BC_STRONG = (
    f"li2017/{name}"
    for name in ("sr_convex", "sr_convex_sharp", "sr_strongly_convex", "bc_convex", "bc_strongly_convex")
)
ONE = {"D": 1.0, "G": 1.0, "c": 1.0}
ROW = Sandwich(SR, 3, 0.1, 1.0, "average point", 0.5, 0.6, 0.6, 0.7, 0.8, 1.0, 0.1)


def value(name, T, **fields):
    return solve(dataclasses.replace(all_theorems()[name].worst_case(T, **fields), method=SGD())).value


# A sharper rate, against semidefinite programs


@pytest.mark.parametrize("T", [1, 2, 3, 4, 7, 11])
@pytest.mark.parametrize("measure", ["average point", "average value"])
def test_without_rounding_the_sharp_rate_is_attained(T, measure):
    assert math.isclose(value(SR, T, measure=measure), sharp_rate(T, **ONE), rel_tol=1e-6)
    start = value(SR, T, measure=measure, domain="start")
    assert math.isclose(start, sharp_rate(T, **ONE, bounded=False), rel_tol=1e-6)


@pytest.mark.parametrize("T", [2, 3, 6])
def test_with_a_little_rounding_it_is_attained_by_the_average_of_the_gaps(T):
    program = all_theorems()[SHARP].worst_case(T, kappa=0.1, measure="average value")
    attained = sharp_rate(T, **ONE, kappa=0.1, bounded=False)
    assert math.isclose(solve(program).value, attained, rel_tol=1e-6)
    loose = dataclasses.replace(program, method=dataclasses.replace(program.method, adjacent=False))
    assert solve(loose).value > attained * 1.02


@pytest.mark.parametrize("c", [0.5, 2.0])
def test_it_is_attained_with_other_steps(c):
    found = value(SR, 5, c=c, domain="start")
    assert math.isclose(found, sharp_rate(5, **{**ONE, "c": c}, bounded=False), rel_tol=1e-6)


@pytest.mark.parametrize(("kappa", "T"), [(0.1, 4), (0.5, 6), (1.0, 3)])
@pytest.mark.parametrize("domain", ["start", "iterates"])
def test_it_bounds_sr(kappa, T, domain):
    program = all_theorems()[SR].worst_case(T, kappa=kappa, measure="average value", domain=domain)
    limit = sharp_rate(T, **ONE, kappa=kappa, bounded=domain == "iterates")
    assert 0.9 * limit < solve(program).value <= limit * (1 + 1e-6)


def test_a_bounded_start_needs_the_larger_bound():
    assert value(SR, 6, domain="start") > 1.05 * sharp_rate(6, **ONE)


@pytest.mark.parametrize("T", [2, 4])
def test_it_bounds_binaryconnect(T):
    program = all_theorems()[BC].worst_case(T, kappa=1.0, measure="average value")
    assert solve(program).value <= sharp(BC, T, kappa=1.0)


@pytest.mark.parametrize("T", [1, 5, 9])
def test_the_harmonic_rate_is_attained_by_the_average_of_the_gaps(T):
    assert math.isclose(value(STRONG, T, measure="average value"), strong_rate(T, mu=1, G=1), rel_tol=1e-6)


@given(st.integers(1, 400), numbers(0.0625, 16), numbers(0.125, 8), numbers(0.125, 8), st.sampled_from([0.0, 0.3]))
def test_every_bound_improves_on_the_one_before(T, c, D, G, kappa):
    symbols = {"c": c, "D": D, "G": G}
    simple = convex_rate(T, **symbols) + (1 - 1 / T) * kappa * G / 2
    old = D**2 / (2 * c * math.sqrt(T)) + c * G**2 / math.sqrt(T) + kappa * G / 2
    assert sharp_rate(T, **symbols, kappa=kappa) <= simple * (1 + 1e-12) and simple < old * (1 + 1e-12)
    assert sharp_rate(T, **symbols, kappa=kappa, bounded=False) >= sharp_rate(T, **symbols, kappa=kappa)


@given(st.integers(2, 300), numbers(0.0625, 16))
def test_the_comparators_decrease_and_stay_below_the_steps(T, c):
    y, alpha = _comparators(T, c), c / np.sqrt(np.arange(1, T))
    assert (np.diff(y) <= 1e-15 * y[0]).all() and (y[1:] ** 2 <= alpha * (1 + 1e-12)).all()


@given(st.integers(2, 60), numbers(0.125, 8))
def test_the_last_place_is_the_simple_proof_with_the_sums_themselves(T, c):
    alpha = c / np.sqrt(np.arange(1, T))
    simple = (1 / alpha[-1] + alpha.sum() + alpha[-1]) / (2 * T)
    assert math.isclose(sharp_rate(T, D=1, G=1, c=c, first=T), simple, rel_tol=1e-12)


@given(numbers(0.125, 8), numbers(0.125, 8), st.integers(1, 30))
def test_it_scales(D, G, T):
    scaled = sharp_rate(T, D=D, G=G, c=0.7 * D / G, kappa=0.2 * D)
    assert math.isclose(scaled, D * G * sharp_rate(T, D=1, G=1, c=0.7, kappa=0.2), rel_tol=1e-12)


def test_the_limit_of_the_note():
    assert abs(sharp_rate(10**5, **ONE) * 10**2.5 - 1.40363 + 0.73 * 10**-2.5) < 1e-4
    assert abs(sharp_rate(10**5, **{**ONE, "c": 0.4284}) * 10**2.5 - 1.1238) < 2e-3


# The sandwich


def test_the_candidates_are_the_corrected_theorems():
    assert set(candidates()) == {SR, SHARP, STRONG, BC, BC_STRONG}


@pytest.mark.parametrize("name", [SR, SHARP, STRONG, BC, BC_STRONG])
def test_it_is_in_order(name):
    rows = tightness([name], horizons=[1, 3], kappas=[0, 0.5])
    assert [(r.horizon, r.kappa) for r in rows] == [(1, 0.0), (1, 0.5), (3, 0.0), (3, 0.5)]
    for row in rows:
        assert row.violated() == [] and not row.failed and row.certified >= row.value * (1 - 1e-9)
        assert row.bound == all_theorems()[name].worst_bound(row.horizon, kappa=row.kappa)
        assert row.kappa or row.hardest is not None
        assert 0.4 < row.ratio <= 1 + 1e-6


def test_the_worst_function_attains_the_value_where_nothing_is_random():
    [row] = tightness([SR], horizons=[4], kappas=[0], certified=False)
    assert row.attained and row.certified is None and math.isclose(row.hardest, row.sharp, rel_tol=1e-6)


def test_a_smaller_first_term_would_be_refuted(monkeypatch):
    half = 1 / (2 * math.sqrt(4))
    monkeypatch.setattr(module, "published", lambda *a, **k: published(*a, **k) - half)
    [row] = tightness([SR], horizons=[4], kappas=[0], certified=False)
    assert row.refutes  # from T = 3 on
    assert not tightness([SR], horizons=[2], kappas=[0], certified=False)[0].refutes


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hardest": 0.61}, "hardest run 0.61 is above value 0.6"),
        ({"value": 0.62}, "value 0.62 is above certified value 0.6"),
        ({"bound": 0.65}, "sharp bound 0.7 is above bound 0.65"),
        ({"bound": 0.55, "sharp": None}, "value 0.6 is above bound 0.55"),
    ],
)
def test_what_is_out_of_order_is_said(change, said):
    assert ROW.violated() == [] and math.isclose(ROW.ratio, 0.75)
    wrong = dataclasses.replace(ROW, **change)
    assert any(said in line for line in wrong.violated()) and module.complaints([wrong]) == wrong.violated()


def test_published_bounds():
    assert math.isclose(published(SR, 4), 1 / 2 + math.sqrt(5) / 8)
    assert math.isclose(published(STRONG, 4, kappa=1), (1 + math.log(5)) / 8 + 1 / 2)
    assert published(BC_STRONG, 4) is None and sharp(BC_STRONG, 4) is None


def test_the_last_point_is_not_bounded_by_the_theorems():
    with pytest.raises(ValueError, match="measure must be one of 'average point', 'average value', got 'last'"):
        tightness([SR], horizons=[2], kappas=[0], measure="last")


def fails(*arguments, **options):
    raise InaccurateSolve("residual 1")


def test_a_proof_that_fails_leaves_a_row_that_says_so(monkeypatch):
    monkeypatch.setattr(module, "certify", fails)
    [row] = tightness([SR], horizons=[2], kappas=[0])
    assert row.value is not None and row.certified is None
    assert module.complaints([row]) == [f"{SR}, T = 2, kappa = 0: no certificate: residual 1"]


def test_the_certified_float_is_proved():
    [row] = tightness([SR], horizons=[3], kappas=[0.1])
    assert row.certified > certify(solve(all_theorems()[SR].worst_case(3, kappa=0.1))).value


def test_what_takes_too_long_is_refused_before_anything_is_solved(monkeypatch):
    monkeypatch.setattr(module, "solve", lambda *arguments, **options: pytest.fail("was solved"))
    with pytest.raises(ValueError, match="got 90,"):
        tightness([SR], horizons=[2, 90], kappas=[0], patience=10)


def test_what_is_asked_for_twice_is_done_once():
    assert [(case.horizon, case.kappa) for case in module.plan([SR], horizons=[2, 3, 2], kappas=[0, 0.0])] == [
        (2, 0.0), (3, 0.0),
    ]  # fmt: skip


def test_a_solver_that_fails_leaves_a_row_that_says_so(monkeypatch):
    monkeypatch.setattr(module, "solve", fails)
    [row] = tightness([SR], horizons=[2], kappas=[0])
    assert row.value is row.hardest is row.ratio is None and not row.attained
    assert module.complaints([row]) == [f"{SR}, T = 2, kappa = 0: no value: residual 1"]


# The command


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(main, ["tightness", *map(str, arguments)])


def test_the_table_fits_a_terminal(run, tmp_path):
    result = run("--horizons", "1,3", "--kappa", "0,0.5")
    assert result.exit_code == 0 and max(map(len, result.output.splitlines())) <= 80
    assert "bc_strongly_convex" in result.output and "…" not in result.output
    assert len(json.loads((tmp_path / "results" / "tightness.json").read_text())) == 20


def test_json(run):
    result = run("--only", SR, "--horizons", 2, "--kappa", 0, "--measure", "average value", "--json")
    [row] = json.loads(result.output)
    assert row["theorem"] == SR and row["measure"] == "average value" and math.isclose(row["ratio"], 1, rel_tol=1e-6)


def test_a_violated_sandwich_is_exit_code_one(run, monkeypatch):
    monkeypatch.setattr(type(all_theorems()[SR]), "worst_bound", lambda self, horizon, **options: 0.5)
    result = run("--only", SR, "--horizons", 2, "--kappa", 0)
    assert result.exit_code == 1 and "is above bound 0.5" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--only", "li2017/sr_conex"), "did you mean li2017/sr_convex"),
        (("--only", "li2017/sr_convex_stated"), "has no bound to be compared"),
        (("--only", "li2017/sr_escape"), "has no bound to be compared"),
        (("--horizons", "2,x"), "horizons must be numbers with commas between them, got '2,x'"),
        (("--horizons", "0"), "horizons must be at least 1"),
        (("--kappa", "-1"), "kappas must be"),
        (("--kappa", "nan"), "kappas must be"),
        (("--c", "0", "--horizons", "2"), "c must be"),
        (("--horizons", "100000", "--only", SR), "100000"),
        (("--out", "/dev/null/x"), "out must be a folder that can be written"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(run, arguments, message):
    result = run(*arguments)
    assert result.exit_code == 2 and message in result.output and "Traceback" not in result.output
