"""Problems refuse what they cannot use, by name, and take arrays of any layout."""

import numpy as np
import pytest

from qtheory.problems import (
    AbsoluteValue,
    CubicPerturbed,
    CustomProblem,
    DenseQuadratic,
    Gaussian,
    LeastSquares,
    Linear,
    LogisticRegression,
    OneBit,
    Rademacher,
    SeparableQuadratic,
)
from tests.test_problems import CENTER, LABELS, MATRIX, D, X, quartic, quartic_gradient

A, B = [1.0, 2.0], [[1.0, 0.0], [0.0, 2.0]]
BAD = [
    (SeparableQuadratic, ([1.0, 0.0],), r"curvature must be positive \(mu > 0\), got 0"),
    (SeparableQuadratic, ([1.0, -1.0],), "curvature must be positive"),
    (SeparableQuadratic, ([1.0, np.nan],), "curvature must be finite, got 1 NaN or infinite"),
    (SeparableQuadratic, ([1.0, np.inf],), "curvature must be finite"),
    (SeparableQuadratic, ([],), "curvature must not be empty"),
    (SeparableQuadratic, (2.0,), "curvature must have 1 dimension"),
    (SeparableQuadratic, (B,), "curvature must have 1 dimension"),
    (SeparableQuadratic, (A, [0.0]), r"center must have shape \(2,\), got \(1,\)"),
    (SeparableQuadratic, (A, np.nan), "center must be finite"),
    (SeparableQuadratic, ("12",), "curvature must be an array of real numbers"),
    (SeparableQuadratic, (["1", "2"],), "curvature must be an array of real numbers"),
    (
        SeparableQuadratic,
        (np.array([1, 2], dtype=object),),
        "curvature must be an array of real numbers, got dtype object",
    ),
    (SeparableQuadratic, (np.array([1 + 0j, 2]),), "curvature must be an array of real numbers, got dtype complex128"),
    (SeparableQuadratic, ([[1.0], [1.0, 2.0]],), "curvature must be an array of real numbers"),
    (DenseQuadratic, ([[1.0, 2.0], [2.0, 1.0]],), r"matrix must be positive definite \(mu > 0\), least eigenvalue -1"),
    (DenseQuadratic, ([[1.0, 1.0], [1.0, 1.0]],), "matrix must be positive definite"),
    (DenseQuadratic, ([[1.0, 0.5], [0.0, 1.0]],), "matrix must be symmetric"),
    (DenseQuadratic, (np.ones((2, 3)),), r"matrix must be square, got shape \(2, 3\)"),
    (DenseQuadratic, (A,), "matrix must have 2 dimensions"),
    (DenseQuadratic, (B, [0.0, 0.0, 0.0]), r"center must have shape \(2,\)"),
    (LeastSquares, (B, [1.0]), r"y must have shape \(2,\), got \(1,\)"),
    (LeastSquares, (A, A), "X must have 2 dimensions"),
    (LeastSquares, (B, A, -0.1), "l2 must be at least 0, got -0.1"),
    (LeastSquares, (B, A, 0.0, -1), "batch must be at least 0, got -1"),
    (LeastSquares, (B, A, 0.0, 1.5), "batch must be an integer, got 1.5"),
    (LogisticRegression, (B, [0.0, 1.0], 0.1), r"y must hold the labels -1 and \+1 only"),
    (LogisticRegression, (B, [[1.0], [1.0]], 0.1), "y must have 1 dimension"),
    (Linear, ([np.inf],), "slopes must be finite"),
    (AbsoluteValue, ([1.0, 0.0], 1.0), "left and right must be positive"),
    (AbsoluteValue, (A, -1.0), "left and right must be positive"),
    (AbsoluteValue, (A, A, [1.0]), r"center must have shape \(2,\)"),
    (CubicPerturbed, (0, 2.0), "dimension must be at least 1, got 0"),
    (CubicPerturbed, (2.0, 2.0), "dimension must be an integer"),
    (CubicPerturbed, (2, 1.1), "kappa must be greater than 1.1547, got 1.1"),
    (CustomProblem, (quartic.py_func, quartic_gradient, 2), "objective must be a function compiled with numba.njit"),
    (CustomProblem, (quartic, None, 2), "derivative must be a function compiled with numba.njit"),
    (CustomProblem, (quartic, quartic_gradient, True), "dimension must be an integer"),
    (CustomProblem, (quartic, quartic_gradient, 2, (), (1.0, 2.0)), "known must be"),
    (CustomProblem, (quartic, quartic_gradient, 2, (), None, [1.0]), r"minimiser must have shape \(2,\)"),
    (Gaussian, (-1.0,), "sigma must be at least 0, got -1.0"),
    (Rademacher, (np.nan,), "sigma must be finite"),
    (OneBit, (0.0,), "scale must be greater than 0"),
    (OneBit, ("1",), "scale must be a real number"),
]


@pytest.mark.parametrize(("kind", "arguments", "message"), BAD)
def test_bad_problems_are_refused_by_name(kind, arguments, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        kind(*arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"box": (1.0, -1.0)}, "box must have low < high"),
        ({"box": (0.0, np.inf)}, "box high end must be finite"),
        ({"box": 1.0}, r"box must be a pair \(low, high\)"),
        ({"noise": 0.5}, r"noise must be a noise law such as Gaussian\(1.0\), got 0.5"),
        ({"noise": Gaussian}, "noise must be a noise law"),
    ],
)
def test_bad_boxes_and_noises_are_refused(options, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        SeparableQuadratic(A, **options)


def test_constants_of_a_custom_problem_must_be_given_to_be_asked_for():
    with pytest.raises(ValueError, match="known must give the problem's Constants"):
        _ = CustomProblem(quartic, quartic_gradient, D, CENTER).constants


@pytest.mark.parametrize("like", ["read-only", "fortran", "big-endian", "strided", "float32", "list"])
def test_arrays_of_any_layout_give_the_same_problem(like):
    data = np.round(X * 8) / 8  # exact in float32
    arrangements = {
        "read-only": np.array(data), "fortran": np.asfortranarray(data), "big-endian": data.astype(">f8"),
        "strided": np.repeat(data, 2, axis=1)[:, ::2], "float32": data.astype(np.float32), "list": data.tolist(),
    }  # fmt: skip
    given = arrangements[like]
    if like == "read-only":
        given.setflags(write=False)
    problem = LogisticRegression(given, LABELS.astype(int), 0.1)
    assert problem.X.dtype == np.dtype("=f8") and problem.X.flags.c_contiguous and np.array_equal(problem.X, data)
    assert problem.value(CENTER) == LogisticRegression(data, LABELS, 0.1).value(CENTER)


def test_problems_keep_copies_that_nobody_can_change():
    matrix = MATRIX.copy()
    problem = DenseQuadratic(matrix)
    matrix[0, 0] = -1
    assert problem.matrix[0, 0] == MATRIX[0, 0]
    with pytest.raises(ValueError, match="read-only"):
        problem.matrix[0, 0] = 0
