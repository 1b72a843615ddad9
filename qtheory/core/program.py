"""Programs: many steps in one compiled call, so that a network of small products does not wait for Python.

A `step` is a compiled function of one number, the address of its job: int64 words that hold its arguments one after the
other, an array as its address and its shape. A program (S, WIDTH) int64 has a step a row, the function's own address
and then the job. It trusts its words: who builds one keeps the arrays that they mean.
"""

from functools import cache

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np import numpy_support
from numba.np.arrayobj import make_array, populate_array

from .compile import jit

WIDTH = 32  # words of a step
HERE = 16  # words that the kind "here" takes
_I64 = ir.IntType(64)


def step(function):
    """A function of a job, compiled for programs alone: Python cannot call it."""
    return jit(no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)


def program(steps):
    """The program of pairs (compiled function, arguments): arrays, which must be C-contiguous, and integers."""
    table = np.zeros((len(steps), WIDTH), np.int64)
    for row, (function, arguments) in zip(table, steps, strict=True):
        words = [_address(function)]
        for x in arguments:
            words += [x.ctypes.data, *x.shape] if isinstance(x, np.ndarray) else [x]
        row[: len(words)] = words
    return table


@cache
def _address(function):
    function.compile((types.intp,))
    compiled = function.overloads[types.intp,]
    return compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)


@intrinsic(prefer_literal=True)
def arguments(context, job, kinds):
    """The tuple of arguments that a job holds, by their `kinds`, a literal text with a word for each.

    "n": an integer; "n3": a tuple of 3; "u8:2": an array of dtype "u8" with 2 axes, C-contiguous; "here": an array of
    HERE integers which are the next words of the job themselves.
    """
    plan = [_kind(kind) for kind in kinds.literal_value.split()]

    def build(c, builder, signature, values):
        made, at = [], 0
        for kind, count in plan:
            place = builder.add(values[0], ir.Constant(_I64, 8 * at))
            words = [_word(builder, place, i) for i in range(count)]
            at += count or HERE
            if not count:
                made.append(_array(c, builder, kind, place, [ir.Constant(_I64, HERE)]))
            elif isinstance(kind, types.Array):
                made.append(_array(c, builder, kind, words[0], words[1:]))
            else:
                made.append(c.make_tuple(builder, kind, words) if isinstance(kind, types.UniTuple) else words[0])
        return c.make_tuple(builder, signature.return_type, made)

    return types.Tuple([kind for kind, _ in plan])(job, kinds), build


def _kind(text):
    """The Numba type of a kind, and how many words are read for it."""
    if text == "here":
        return types.Array(types.int64, 1, "C"), 0
    if text[0] == "n":
        return (types.intp, 1) if text == "n" else (types.UniTuple(types.intp, int(text[1:])), int(text[1:]))
    dtype, axes = text.split(":")
    return types.Array(numpy_support.from_dtype(np.dtype(dtype)), int(axes), "C"), 1 + int(axes)


def _word(builder, address, i):
    return builder.load(builder.inttoptr(builder.add(address, ir.Constant(_I64, 8 * i)), _I64.as_pointer()))


def _array(c, builder, kind, address, shape):
    size = c.get_abi_sizeof(c.get_data_type(kind.dtype))
    strides = [ir.Constant(_I64, size)]
    for length in shape[:0:-1]:
        strides.insert(0, builder.mul(strides[0], length))
    array = make_array(kind)(c, builder)
    data = builder.inttoptr(address, array.data.type)
    populate_array(array, data, cgutils.pack_array(builder, shape), cgutils.pack_array(builder, strides), size, None)
    return array._getvalue()


@intrinsic
def _call(context, function, job):
    """Call the compiled function at an address with a job; what it raises goes on."""

    def build(c, builder, signature, values):
        kind = c.call_conv.get_function_type(types.none, (types.intp,))
        callee = builder.inttoptr(values[0], kind.as_pointer())
        status, _ = c.call_conv.call_function(builder, callee, types.none, (types.intp,), [values[1]])
        with builder.if_then(status.is_error, likely=False):
            c.call_conv.return_status_propagate(builder, status)
        return c.get_dummy_value()

    return types.void(types.intp, types.intp), build


@jit(nogil=True)
def execute(program):
    """Run the steps of a program in their order."""
    start = program.ctypes.data
    for s in range(program.shape[0]):
        _call(program[s, 0], start + 8 * (s * WIDTH + 1))
