"""qtheory: a laboratory for the theory of quantized neural-network training.

The public names stand here and in the modules that define them; all are imported on first use, so that
`import qtheory` costs nothing (no JIT, no solver, no plotting). A name that is a module's stays the module's: the
functions `simulate`, `optimum` and `verify` are `qtheory.simulate.simulate` and so on.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:  # for type checkers and editors, which read this and `__all__`; Python reads `_NAMES`
    from . import (
        datasets,
        estimators,
        exact,
        markov,
        methods,
        networks,
        optimum,
        plotting,
        problems,
        quantizers,
        relaxation,
        schedules,
        simulate,
        statistics,
        theorems,
        verify,
        worst_case,
    )
    from .estimators import BinaryNetworkClassifier
    from .exact import ExactLaw, ExactPaths, enumerate_paths, propagate
    from .markov import Chain, bc_chain, sr_chain, sr_limit
    from .methods import BC, SGD, SR, R
    from .optimum import Certificate, Optimum, lattice_optimum
    from .problems import (
        AbsoluteValue,
        CubicPerturbed,
        CustomProblem,
        DenseQuadratic,
        Finite,
        FromCdf,
        Gaussian,
        Ising,
        LeastSquares,
        Linear,
        LogisticRegression,
        NoNoise,
        OneBit,
        PiecewiseQuadratic,
        Problem,
        Rademacher,
        SeparableQuadratic,
    )
    from .quantizers import Grid, NearestRounding, StochasticRounding
    from .relaxation import relaxation_bound
    from .schedules import Constant, InverseSqrt, InverseTime, Table
    from .simulate import Ensemble
    from .statistics import Interval
    from .theorems import Evidence, Instance, Theorem, Verdict, all_theorems

__all__ = [
    "BC", "SGD", "SR", "AbsoluteValue", "BinaryNetworkClassifier", "Certificate", "Chain", "Constant", "CubicPerturbed",
    "CustomProblem", "DenseQuadratic", "Ensemble", "Evidence", "ExactLaw", "ExactPaths", "Finite", "FromCdf",
    "Gaussian", "Grid", "Instance", "Interval", "InverseSqrt", "InverseTime", "Ising", "LeastSquares", "Linear",
    "LogisticRegression", "NearestRounding", "NoNoise", "OneBit", "Optimum", "PiecewiseQuadratic", "Problem", "R",
    "Rademacher", "SeparableQuadratic", "StochasticRounding", "Table", "Theorem", "Verdict", "__version__",
    "all_theorems", "bc_chain", "datasets", "enumerate_paths", "estimators", "exact", "lattice_optimum", "markov",
    "methods", "networks", "optimum", "plotting", "problems", "propagate", "quantizers", "relaxation",
    "relaxation_bound", "schedules", "simulate", "sr_chain", "sr_limit", "statistics", "theorems", "verify",
    "worst_case",
]  # fmt: skip

_NAMES = {
    "datasets": "",
    "estimators": "BinaryNetworkClassifier",
    "exact": "ExactLaw ExactPaths enumerate_paths propagate",
    "markov": "Chain bc_chain sr_chain sr_limit",
    "methods": "BC SGD SR R",
    "networks": "",
    "optimum": "Certificate Optimum lattice_optimum",
    "plotting": "",
    "problems": "AbsoluteValue CubicPerturbed CustomProblem DenseQuadratic Finite FromCdf Gaussian Ising "
    "LeastSquares Linear LogisticRegression NoNoise OneBit PiecewiseQuadratic Problem Rademacher SeparableQuadratic",
    "quantizers": "Grid NearestRounding StochasticRounding",
    "relaxation": "relaxation_bound",
    "schedules": "Constant InverseSqrt InverseTime Table",
    "simulate": "Ensemble",
    "statistics": "Interval",
    "theorems": "Evidence Instance Theorem Verdict all_theorems",
    "verify": "",
    "worst_case": "",
}
_HOME = {name: module for module, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return import_module(f"{__name__}.{name}")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
