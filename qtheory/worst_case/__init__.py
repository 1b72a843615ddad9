"""Exact worst cases of quantized training methods over classes of convex functions, by semidefinite programming.

`solve(Program(...))` is the largest gap, `certify` proves it in rational numbers, `worst_function` is a function that
attains it where nothing is random, and `search` looks for hard instances where the program is a relaxation.
"""

from .certificate import Certificate, certify
from .functions import Convex, Smooth
from .instances import WorstFunction, worst_function
from .methods import BC, SGD, SR
from .program import MEASURES, Program
from .search import Found, search, search_bc
from .solve import Solution, solve

__all__ = [
    "BC", "MEASURES", "SGD", "SR", "Certificate", "Convex", "Found", "Program", "Smooth", "Solution", "WorstFunction",
    "certify", "search", "search_bc", "solve", "worst_function",
]  # fmt: skip
