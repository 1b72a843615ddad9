"""Packed networks as programs: what stands between the products, and how the inputs come in.

What is behind a name is said in `packed_layers`; the order of a job's arguments is that of the function there, but for
scores, which come first so that `OUT` is where their address is in the last step.
"""

from . import packed_layers
from .bits import pack_into
from .compile import jit
from .program import arguments, execute, step

OUT = 1  # the word of a program's last step that is the address of the scores


@step
def below_int32(job):
    packed_layers.below_into(*arguments(job, "i4:2 i4:2 u8:1 u8:2"))


@step
def below_int64(job):
    packed_layers.below_into(*arguments(job, "i8:2 i8:2 u8:1 u8:2"))


@step
def from_planes_int16(job):
    packed_layers.from_planes_into(*arguments(job, "i2:2 i8:1 i8:2"))


@step
def from_planes_int32(job):
    packed_layers.from_planes_into(*arguments(job, "i4:2 i8:1 i8:2"))


@step
def sums(job):
    packed_layers.sums_into(*arguments(job, "u8:2 f8:2 f8:2"))


@step
def scores_int32(job):
    out, z, mean, factor, shift = arguments(job, "f8:2 i4:2 f8:1 f8:1 f8:1")
    packed_layers.affine_into(z, mean, factor, shift, out)


@step
def scores_float64(job):
    out, z, mean, factor, shift = arguments(job, "f8:2 f8:2 f8:1 f8:1 f8:1")
    packed_layers.affine_into(z, mean, factor, shift, out)


@step
def patches(job):
    packed_layers.patches_into(*arguments(job, "u8:2 n3 n2 n2 n2 n2 u8:2"))


@step
def join(job):
    packed_layers.join_into(*arguments(job, "u8:2 n u8:2"))


# --- for Python


@jit(nogil=True)
def from_signs(x, words, program, scores):
    """Overwrite `scores` (R, k) with those of rows x (R, n) of numbers; False, and nothing, if not all are finite.

    words (at least R, W) is where the program looks for their signs.
    """
    if not packed_layers.all_finite(x):
        return False
    pack_into(x, words)
    finish(program, scores)
    return True


@jit(nogil=True)
def from_bytes(x, words, program):
    """Run a program on 8-bit rows x (R, n), the planes of which it looks for in `words` (at least 8 R, W)."""
    packed_layers.planes_into(x, words)
    execute(program)


@jit(nogil=True)
def finish(program, scores):
    """Run a program whose last step writes `scores`."""
    program[-1, OUT] = scores.ctypes.data
    execute(program)
