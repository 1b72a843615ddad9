import numpy as np
import pytest

from qtheory.theorems.schoenbauer2024._twins import SHARP, steepest
from qtheory.theorems.schoenbauer2024.error_order import THEOREM, OrderCase, leading
from qtheory.twins import Adam, Momentum
from tests.theorems.checks import about, shipped


def test_shipped_instances():
    shipped(THEOREM)


def limits():
    """c = lim error / η for constant gradients from the steepest point of DSQ, over a path of length tau."""
    start, tau = steepest(SHARP), 0.02
    k, m, end = SHARP.k, SHARP.levels.boundaries[0], None
    end = SHARP.mirror_inverse(SHARP.mirror(start) - SHARP.alpha * tau)
    g = lambda w: float(SHARP.slope(w))  # noqa: E731
    # SGD: alpha/2 * |integral of g' dτ|, dτ = -dw/g: alpha/2 * |log g(end)/g(start)|
    sgd = SHARP.alpha / 2 * abs(np.log(g(end) / g(start)))
    adam = abs((0.9 / 0.1 - 0.95 / 0.05) * np.log(g(start - tau) / g(start)))
    assert k * abs(start - m) < k * SHARP.levels.delta / 2
    return start, tau, sgd, adam


def test_the_constants_of_the_leading_terms():
    start, tau, sgd, adam = limits()
    more = {"start": start, "tau": tau, "law": "constant", "name": "x", "span": 2.0}
    for rule, rate, c in (
        (Momentum(0.0), 1e-5, sgd), (Momentum(0.5), 1e-5, 3 * sgd), (Momentum(0.9), 4e-6, 19 * sgd),
        (Adam(0.9, 0.95), 1e-6, adam),
    ):  # fmt: skip
        case = OrderCase(rule=rule, rate=rate, **more)
        assert case.errors(0)[-1] / case.rates[-1] == about(c, rel=0.03)


def test_rates_make_whole_even_numbers_of_steps():
    case = OrderCase(name="x", rate=1e-3)
    steps = case.tau / case.rates
    assert steps == pytest.approx(np.round(steps)) and (np.round(steps) % 2 == 0).all()
    assert case.rates[0] / case.rates[-1] == about(30, rel=0.05)


def test_where_the_slope_is_flat_the_order_is_two():
    for rate in (1e-2, 1e-3):
        case = OrderCase(name="x", rate=rate, start=0.0, law="alternating")  # at a boundary, the top of a bell
        evidence = THEOREM.check(case)
        assert evidence.verdict == "out of scope" and evidence.assumptions[-1].assumption == "the leading term is not 0"
        assert THEOREM.measure(case, seed=0, failure=1e-9).estimate == about(2, abs=0.1)


@pytest.mark.parametrize("coordinates", [1, 3])
def test_the_leading_term_is_the_error(coordinates):
    for law, drift, deviation, tau in (("alternating", 0.0, 1.0, 0.1), ("sign", 0.3, 0.7, 0.02)):
        more = {"law": law, "drift": drift, "deviation": deviation, "tau": tau, "start": steepest(SHARP)}
        case = OrderCase(name="x", rate=1e-4, coordinates=coordinates, **more)
        error = case.run(0, steps=round(case.tau / case.rate)).error.mean()
        assert SHARP.alpha / 2 * case.rate * leading(case, case.rate) == about(error, rel=0.05)


def test_the_telescoped_sum_is_the_sum():
    case = OrderCase(name="x", rate=1e-5, tau=0.02, law="constant", start=steepest(SHARP))
    w, total, eps = case.weights, 0.0, 1e-6
    for _ in range(round(case.tau / case.rate)):
        total += (SHARP.slope(w + eps) - SHARP.slope(w - eps))[0] / (2 * eps)
        w = w - case.rate * SHARP.slope(w)
    assert leading(case, case.rate) == about(case.rate * abs(total), rel=1e-3)
