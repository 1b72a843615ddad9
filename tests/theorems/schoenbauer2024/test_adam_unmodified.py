import numpy as np
import pytest

from qtheory.theorems.schoenbauer2024._twins import SHARP
from qtheory.theorems.schoenbauer2024.adam_unmodified import THEOREM, _layer
from qtheory.twins import Adam, Drawn, twins
from tests.theorems.checks import shipped, value


def test_shipped_instances():
    shipped(THEOREM)


TABLE = [(0.95, 1e-3, 0.0076), (0.999, 1e-3, 0.184), (0.999, 1e-2, 0.17)]


@pytest.mark.parametrize(("beta2", "rate", "expected"), TABLE)
def test_the_table_of_shared_gradients(beta2, rate, expected):
    # The law of the table's gradients is not known: sizes are compared roughly. Adam's do not depend on their scale.
    error = _layer("x", beta2, rate).run(0).error.mean()
    assert expected / 1.6 < error < 1.6 * expected


def test_it_fails_by_more_than_chance():
    found = value(THEOREM, "β2 = 0.999, η = 0.001")
    assert found.verdict == "violated" and found.measured.low > 2 * found.bound


def test_with_a_memory_longer_than_the_path_the_speed_is_the_root_of_alpha_over_the_mean_slope():
    w = np.linspace(0, 2 / 3, 200_001)[:-1]
    speed = np.sqrt(SHARP.alpha / np.mean(SHARP.slope(w)))
    assert speed == pytest.approx(0.674, abs=0.001)
    for eta in (1e-2, 1e-3):
        pair = twins(SHARP, [0.0], Drawn([1.0], 0.0), rate=eta, steps=round(40 / eta), rule=Adam(0.0, 1 - 1e-9))
        assert pair.u[0] == pytest.approx(-40, rel=1e-6) and pair.w[0] == pytest.approx(-40 * speed, rel=0.03)


def test_there_adam_is_sgd_in_the_mirror():
    # beta1 = 0: w follows the mirror of a straight-through run with the rates alpha eta / sqrt(v).
    eta, w, v, moved = 1e-4, 0.1, 0.0, 0.0
    for t in range(1, 5001):
        g = float(SHARP.slope(w))
        v += (g * g - v) / t
        w, moved = w - eta * g / np.sqrt(v), moved + eta / np.sqrt(v)
    assert SHARP.mirror(w) == pytest.approx(SHARP.mirror(0.1) - SHARP.alpha * moved, abs=3 * eta)
    assert abs(w - 0.1 + 0.5) > 0.1  # which is not where the straight-through run is
