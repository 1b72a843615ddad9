"""Elementary functions that vectorise: LLVM does not vectorise calls of the mathematical library."""

import numpy as np
from numba import types
from numba.extending import overload

from .compile import CONTRACT, bits_float, inline

f32, i32 = np.float32, np.int32


def exponential(x):
    """exp(x) in the type of x. Single precision: relative error 2e-7, held between 2^-126 and 2^126."""
    raise NotImplementedError


@overload(exponential, jit_options={"forceinline": True, "fastmath": CONTRACT})
def _exponential(x):
    if x is types.float32:
        return lambda x: _single(x)
    return lambda x: np.exp(x)


@inline
def _single(x):
    # 2^t with t = x / log 2 = n + f, |f| <= 1/2: the Taylor polynomial of 2^f to the sixth degree, 2^n by the exponent.
    t = x * f32(1.44269504)
    t = f32(-126) if t < f32(-126) else t
    t = f32(126) if t > f32(126) else t
    n = np.floor(t + f32(0.5))
    f = t - n
    p = (f32(1.5403530e-4) * f + f32(1.3333558e-3)) * f + f32(9.6181291e-3)
    p = ((p * f + f32(5.5504109e-2)) * f + f32(2.4022651e-1)) * f + f32(6.9314718e-1)
    return (p * f + f32(1)) * bits_float(i32(i32(n) + i32(127)) << i32(23))
