"""verify: the same results for any number of jobs, one error budget, and evidence that adds up."""

import pytest

from qtheory import real_data
from qtheory.statistics import Interval
from qtheory.theorems import Evidence, Role, Verdict, find, judge, li2017, overall
from qtheory.theorems._base import Checked, Claim
from qtheory.verify import TOTAL_FAILURE, derived_seed, verify

SOME = ("li2017/rounding_error", "li2017/bc_quadratic")


@pytest.mark.slow
def test_results_do_not_depend_on_the_number_of_jobs():
    one, two = (verify(SOME, jobs=jobs, seed=5) for jobs in (1, 2))
    strip = lambda run: [repr((e.instance, e.claim, e.measured, e.verdict)) for e in run.evidence]  # noqa: E731
    assert strip(one) == strip(two) and one.unexpected() == two.unexpected() == []
    sampled = sum(e.measured.confidence < 1 for e in one.evidence)
    assert one.settings["share"] * sampled <= TOTAL_FAILURE
    assert {e.measured.confidence for e in one.evidence} == {1.0, 1 - one.settings["share"]}


def test_seeds_differ_and_do_not_depend_on_order():
    seeds = {derived_seed(s, t, i) for s in (0, 1) for t in "ab" for i in "cd"}
    assert len(seeds) == 8 and all(0 <= s < 2**63 for s in seeds)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.1, 0.9, "holds"), (1.0, 1.0, "holds"), (0.9, 1.1, "undecided"), (1.1, 1.2, "violated"),
        (-2.0, -1.5, "violated"),
    ],
)
def test_verdicts_follow_from_the_two_intervals(low, high, verdict):
    measured = Interval(low, high, low, 0.99, "test")
    assert judge([], Claim(-1.0, 1.0), measured) == verdict
    assert judge([Checked("x", False, "y")], Claim(-1.0, 1.0), measured) == Verdict.OUT_OF_SCOPE


def test_one_violation_is_enough_and_controls_do_not_count():
    def evidence(verdict, role=Role.INSIDE):
        return Evidence("t", "i", role, (), Claim(0, 1), Interval.exact(0.5), verdict, Verdict.HOLDS, 0.0)

    assert overall([evidence(Verdict.HOLDS), evidence(Verdict.VIOLATED)]) == Verdict.VIOLATED
    assert overall([evidence(Verdict.HOLDS), evidence(Verdict.UNDECIDED)]) == Verdict.UNDECIDED
    assert overall([evidence(Verdict.HOLDS), evidence(Verdict.VIOLATED, Role.CONTROL)]) == Verdict.HOLDS
    assert overall([evidence(Verdict.VIOLATED, Role.CONTROL)]) == Verdict.UNDECIDED


def test_find_knows_papers():
    assert len(find("li2017")) == len(li2017.ORDER) and [t.id for t in find("li2017/sr_convex")] == ["li2017/sr_convex"]


def test_real_data_cases_cover_every_method():
    cases = real_data.cases("digits")
    assert {i.method.name for i, _ in cases} == {"SGD", "R", "SR", "BC stochastic", "BC nearest"}
    assert real_data.optimum_gap(cases[0][0].problem) < 1e-9
    with pytest.raises(ValueError, match="dataset must be one of"):
        real_data.task("mnist")


def test_missing_images_are_skipped_with_a_reason(tmp_path):
    from qtheory.verify import _tasks

    tasks, skipped = _tasks([], "quick", tmp_path, True)
    assert {t.name for t in tasks} == {"digits"} and "fashion-mnist" in skipped and skipped["fashion-mnist"]


@pytest.mark.slow
def test_quantized_training_on_digits_keeps_to_its_bounds():
    for instance, theorem in real_data.cases("digits"):
        if theorem is not None and "1/16" in instance.name:
            row = real_data.measure(instance, theorem, seed=1, failure=1e-9)
            assert row.evidence.verdict == Verdict.HOLDS
