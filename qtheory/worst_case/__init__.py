"""Exact worst cases of quantized training methods over classes of convex functions, by semidefinite programming."""

from .functions import Convex, Smooth
from .methods import BC, SGD, SR
from .program import MEASURES, Program
from .solve import Solution, solve

__all__ = ["BC", "MEASURES", "SGD", "SR", "Convex", "Program", "Smooth", "Solution", "solve"]
