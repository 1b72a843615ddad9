"""Objectives as a user knows them: data, F, gradient, and the constants mu, L, L2, G, D, each with how it is known."""

from ._base import Constants, Known, Problem, Separable
from .coupled import CubicPerturbed, CustomProblem, DenseQuadratic
from .interpolant import Interpolant
from .ising import Ising
from .linear_models import LeastSquares, LogisticRegression
from .noise import Finite, FromCdf, Gaussian, Noise, NoNoise, OneBit, Rademacher
from .piecewise import PiecewiseQuadratic
from .separable import AbsoluteValue, Linear, SeparableQuadratic

__all__ = [
    "AbsoluteValue", "Constants", "CubicPerturbed", "CustomProblem", "DenseQuadratic", "Finite", "FromCdf", "Gaussian",
    "Interpolant", "Ising", "Known", "LeastSquares", "Linear", "LogisticRegression", "NoNoise", "Noise", "OneBit",
    "PiecewiseQuadratic", "Problem", "Rademacher", "Separable", "SeparableQuadratic",
]  # fmt: skip
