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
        exact,
        methods,
        optimum,
        plotting,
        problems,
        quantizers,
        schedules,
        simulate,
        statistics,
        theorems,
        verify,
    )
    from .exact import ExactLaw, ExactPaths, enumerate_paths, propagate
    from .methods import BC, SGD, SR, R
    from .optimum import Certificate, Optimum, lattice_optimum
    from .problems import (
        AbsoluteValue,
        CubicPerturbed,
        CustomProblem,
        DenseQuadratic,
        Gaussian,
        LeastSquares,
        Linear,
        LogisticRegression,
        NoNoise,
        OneBit,
        Problem,
        Rademacher,
        SeparableQuadratic,
    )
    from .quantizers import Grid, NearestRounding, StochasticRounding
    from .schedules import Constant, InverseSqrt, InverseTime, Table
    from .simulate import Ensemble
    from .statistics import Interval
    from .theorems import Evidence, Instance, Theorem, Verdict, all_theorems

__all__ = [
    "BC", "SGD", "SR", "AbsoluteValue", "Certificate", "Constant", "CubicPerturbed", "CustomProblem", "DenseQuadratic",
    "Ensemble", "Evidence", "ExactLaw", "ExactPaths", "Gaussian", "Grid", "Instance", "Interval", "InverseSqrt",
    "InverseTime", "LeastSquares", "Linear", "LogisticRegression", "NearestRounding", "NoNoise", "OneBit", "Optimum",
    "Problem", "R", "Rademacher", "SeparableQuadratic", "StochasticRounding", "Table", "Theorem", "Verdict",
    "__version__", "all_theorems", "datasets", "enumerate_paths", "exact", "lattice_optimum", "methods", "optimum",
    "plotting", "problems", "propagate", "quantizers", "schedules", "simulate", "statistics", "theorems", "verify",
]  # fmt: skip

_NAMES = {
    "datasets": "",
    "exact": "ExactLaw ExactPaths enumerate_paths propagate",
    "methods": "BC SGD SR R",
    "optimum": "Certificate Optimum lattice_optimum",
    "plotting": "",
    "problems": "AbsoluteValue CubicPerturbed CustomProblem DenseQuadratic Gaussian LeastSquares Linear "
    "LogisticRegression NoNoise OneBit Problem Rademacher SeparableQuadratic",
    "quantizers": "Grid NearestRounding StochasticRounding",
    "schedules": "Constant InverseSqrt InverseTime Table",
    "simulate": "Ensemble",
    "statistics": "Interval",
    "theorems": "Evidence Instance Theorem Verdict all_theorems",
    "verify": "",
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
