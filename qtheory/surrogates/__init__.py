"""Surrogate gradients: estimators of a quantizer's derivative, and the change of variables that makes them the STE.

After Schoenbauer, Moro, Lew and Howard, *Custom Gradient Estimators are Straight-Through Estimators in Disguise*
(2024), whose abstract and public experiment code were at hand, not its theorems. A weight w is quantized to Q(w);
backward the derivative of Q, zero almost everywhere, is replaced by a slope. With the mirror map M of
`qtheory.surrogates.Surrogate`, M' = α / slope, SGD with that slope follows, to first order in its rate, M⁻¹ of SGD with
slope 1 and the rate times α, where one α holds in every bin (cyclical surrogates); elsewhere only while a weight stays
in bins of one α_i.
"""

from ._base import Constant, Surrogate
from ._bells import DSQ, BinaryTanh, SigmoidSum
from ._custom import Bounds, Custom
from ._ewgs import EWGS
from ._levels import Levels
from ._plain import MAD, STE, Clipped, ReSTE

__all__ = [
    "DSQ", "EWGS", "MAD", "STE", "BinaryTanh", "Bounds", "Clipped", "Constant", "Custom", "Levels", "ReSTE",
    "SigmoidSum", "Surrogate",
]  # fmt: skip
