"""Expectations without sampling: the law of R and SR on their grid, and the tree of outcomes of any method.

`propagate` moves the law of the iterate forward (long runs); `enumerate_paths` follows every path (short runs, all
methods, and the law of the mean iterate). Both work in floating point, or in exact fractions.
"""

from ._law import ExactLaw, propagate
from ._paths import ExactPaths, enumerate_paths

__all__ = ["ExactLaw", "ExactPaths", "enumerate_paths", "propagate"]
