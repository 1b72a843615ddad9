"""Exact worst cases of quantized training methods over classes of convex functions, by semidefinite programming.

    Program             a method, a class of functions, a schedule and a horizon
    solve               its value, in floating point, with the dual solution
    certify             a proof of that value in rational numbers, a `Certificate`, which `checker` verifies
    worst_function      a function that attains the value, where nothing is random, and its run
    search, search_bc   hard instances where the value is only an upper bound
    seconds             about how long `solve` takes

A function and a module of one name, `solve` and `search`: here it is the function.
"""

from .certificate import Certificate, certify
from .cost import seconds
from .functions import Convex, Smooth
from .instances import WorstFunction, worst_function
from .methods import BC, SGD, SR
from .program import MEASURES, Program
from .search import Found, search, search_bc
from .solve import Solution, solve

__all__ = [
    "BC", "MEASURES", "SGD", "SR", "Certificate", "Convex", "Found", "Program", "Smooth", "Solution", "WorstFunction",
    "certify", "search", "search_bc", "seconds", "solve", "worst_function",
]  # fmt: skip
