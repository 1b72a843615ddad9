"""simulate refuses what it cannot use, by name, before it computes anything."""

import numpy as np
import pytest

from qtheory.methods import SGD, SR
from qtheory.problems import DenseQuadratic, LeastSquares, Linear, LogisticRegression, SeparableQuadratic
from qtheory.quantizers import Grid
from qtheory.schedules import Constant, Table
from qtheory.simulate import simulate
from tests.test_simulate import METHOD, PROBLEM, SCHEDULE

X, LABELS = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([1.0, -1.0])
BAD = [
    ({"steps": 0}, "steps must be at least 1|steps must be between 1"),
    ({"steps": -3}, "steps must be between 1"),
    ({"steps": 10.0}, "steps must be an integer, got 10.0"),
    ({"steps": True}, "steps must be an integer, got True"),
    ({"steps": "10"}, "steps must be an integer, got '10'"),
    ({"steps": 2**60}, "steps must be between 1 and"),
    ({"trials": 0}, "trials must be at least 1, got 0"),
    ({"trials": 2.5}, "trials must be an integer"),
    ({"trials": 10**12}, r"first_trial \+ trials must be at most 2\^32"),
    ({"trials": 2**31}, r"trials x recorded steps must fit in 4.0 GiB, got 2147483648 trials and \d+ steps"),
    ({"trials": 2**24, "record": [1], "keep_final": True, "problem": SeparableQuadratic(np.ones(999))}, "trials x"),
    ({"seed": -1}, "seed must be between 0 and"),
    ({"seed": 2**63}, "seed must be between 0 and"),
    ({"seed": 1.0}, "seed must be an integer"),
    ({"seed": None}, "seed must be an integer"),
    ({"first_trial": -1}, "first_trial must be at least 0"),
    ({"threads": 0}, "threads must be at least 1, got 0"),
    ({"threads": -2}, "threads must be at least 1"),
    ({"precision": "half"}, "precision must be 'double' or 'single', got 'half'"),
    ({"record": 0}, "record must be between 1 and"),
    ({"record": 10**12}, "record must be between 1 and"),
    ({"record": []}, "record must be a number of steps or a non-empty 1-D array of integers"),
    ({"record": [1.5]}, "record must be a number of steps or"),
    ({"record": [[1]]}, "record must be a number of steps or"),
    ({"record": [True]}, "record must be a number of steps or"),
    ({"record": "all"}, "record must be an integer, got 'all'"),
    ({"record": [0, 1]}, "record must lie between 1 and steps = 50, got 0 to 1"),
    ({"record": [51]}, "record must lie between 1 and steps = 50"),
    ({"start": [0.1, 0.0, 0.0]}, r"start must lie on the grid of SR .* its rounding-error lemma needs w_1 on the grid"),
    ({"start": [1.125, 0.0, 0.0]}, "start must lie on the grid of SR .*box="),
    ({"start": [1.125, 0.0, 0.0], "method": SGD()}, r"start must lie in the problem's box \[-1, 1\]"),
    ({"start": [0.0, 0.0]}, r"start must have shape \(3,\) or \(40, 3\), got \(2,\)"),
    ({"start": np.zeros((41, 3))}, r"start must have shape \(3,\) or \(40, 3\), got \(41, 3\)"),
    ({"start": 0.0}, "start must have shape"),
    ({"start": [np.nan, 0.0, 0.0]}, "start must be finite, got 1 NaN or infinite entries"),
    ({"start": [1j, 0, 0]}, "start must be an array of real numbers"),
    ({"start": np.array([None] * 3)}, "start must be an array of real numbers, got dtype object"),
    ({"method": SR(0.3)}, r"box must lie on the grid of points 0.3 \* \(k \+ 0\), got -1.0"),
    ({"method": SR(Grid(0.25, 0.5))}, "box must lie on the grid"),
    ({"method": "SR"}, r"method must be a method such as SR\(0.1\), got 'SR'"),
    ({"method": SR}, "method must be a method"),
    ({"problem": X}, "problem must be a problem such as"),
    ({"schedule": 0.1}, r"schedule must be a schedule such as InverseTime\(1.0\), got 0.1"),
    ({"schedule": Table(np.ones(48))}, "the schedule's table needs 49 values, got 48"),
    ({"problem": Linear([1.0, 2.0, 3.0]), "method": SGD()}, "a linear objective has no optimum without a box"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "message"), BAD)
def test_bad_input_is_refused_by_name(options, message):
    options = {"steps": 50, "trials": 40, "problem": PROBLEM, "method": METHOD, "schedule": SCHEDULE} | options
    with pytest.raises(ValueError, match=f"^({message})"):
        simulate(options.pop("problem"), options.pop("method"), options.pop("schedule"), **options)


def test_a_table_needs_no_value_for_the_last_iterate():
    table = Table(SCHEDULE(np.arange(1, 50)))
    assert table.values.size == 49
    with pytest.raises(ValueError, match="needs 50 values"):
        simulate(PROBLEM, METHOD, table, steps=51)


@pytest.mark.parametrize(
    "problem", [DenseQuadratic(np.eye(2)), LeastSquares(X, LABELS), LogisticRegression(X, LABELS, 1.0)]
)
def test_problems_that_are_not_separable_are_checked_alike(problem):
    with pytest.raises(ValueError, match=r"^start must have shape \(2,\)"):
        simulate(problem, SGD(), Constant(0.1), steps=5, start=[0.0])
