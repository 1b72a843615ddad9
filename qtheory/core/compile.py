"""How the core is compiled: one decorator, one cache folder that can never serve stale code, two intrinsics.

Numba's cache notices a change of the file that holds a function, but not of the files that it calls. The folder's name
therefore carries a hash of every source of the core, so that an edit anywhere starts an empty cache.
"""

import hashlib
import os
import tempfile
from pathlib import Path

import numba
from llvmlite import binding, ir
from numba import types
from numba.core import config
from numba.core.caching import FunctionCache
from numba.extending import intrinsic, overload

CONTRACT = {"contract", "nsz"}  # fused multiply-add allowed; everything else is IEEE
RELAXED = CONTRACT | {"arcp", "afn", "nnan", "ninf"}  # where arguments are finite by construction


def _fingerprint() -> str:
    digest = hashlib.sha256(f"{numba.__version__} {binding.get_host_cpu_name()}".encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def cache_folder() -> Path:
    """The folder of the compiled cache, made if need be: the user's cache directory, else the temporary one."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    for base in (Path(home), Path(tempfile.gettempdir())):
        folder = base / "qtheory" / _fingerprint()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    raise OSError("qtheory needs a writable folder for its compiled cache: set XDG_CACHE_HOME to one")


_CACHE = str(cache_folder())


class _Cache(FunctionCache):
    """Leaves out what was compiled for a user's own specs and functions.

    The folder's name says nothing of the user's sources, so their edits would go unnoticed; and an index that names a
    user's module cannot be read where that module is missing.
    """

    def save_overload(self, sig, data):
        if not any(map(foreign, sig)):
            super().save_overload(sig, data)


def foreign(kind):
    """Whether a Numba type involves code from outside the core: a function, or a NamedTuple that is not the core's."""
    named = spec(kind)
    outside = named is not None and named.__module__.rpartition(".")[0] != __package__
    return outside or isinstance(kind, types.Callable) or any(map(foreign, getattr(kind, "types", ())))


def jit(*, fastmath=CONTRACT, **options):
    """`numba.njit` with the core's settings, cached in `cache_folder()`."""

    def decorate(function):
        compiled = numba.njit(error_model="numpy", fastmath=fastmath, forceinline=False, **options)(function)
        before, config.CACHE_DIR = config.CACHE_DIR, _CACHE
        try:
            compiled._cache = _Cache(function)
        finally:
            config.CACHE_DIR = before
        return compiled

    return decorate


def inline(function):
    """A scalar piece that must be inlined into a vectorised loop: without it the loop is ten times slower."""
    return numba.njit(error_model="numpy", fastmath=CONTRACT, forceinline=True)(function)


def spec(numba_type):
    """The NamedTuple class behind a Numba type, or None: what the verbs dispatch on."""
    return getattr(numba_type, "instance_class", None)


def verb(function):
    """Make `function(spec, ...)` an open verb: `@verb.of(Spec)` gives its body for one spec.

    The body is a plain function that Numba compiles and inlines; the verb itself cannot be called from Python. A spec
    that extends another inherits the bodies that it does not give itself.
    """
    bodies = {}

    def choose(first, *_, **__):
        kinds = getattr(spec(first), "__mro__", ())  # a spec inherits the bodies of the spec that it extends
        return next((bodies[kind] for kind in kinds if kind in bodies), None)

    def of(*classes):
        def register(body):
            bodies.update(dict.fromkeys(classes, body))
            return body

        return register

    def stub(*_):
        raise NotImplementedError(f"{function.__name__} is a verb of the compiled core")

    stub.__name__, stub.__doc__, stub.of = function.__name__, function.__doc__, of
    _overload(stub, function, choose)
    return stub


def _overload(stub, function, choose):
    # Numba wants the typing function to have the very signature of the verb.
    names = ", ".join(function.__code__.co_varnames[: function.__code__.co_argcount])
    scope = {"choose": choose}
    exec(f"def typing({names}): return choose({names})", scope)
    overload(stub, jit_options={"fastmath": CONTRACT, "error_model": "numpy", "forceinline": True})(scope["typing"])


def like(x, c):
    """The constant `c` in the floating-point type of `x`: keeps single precision single."""
    raise NotImplementedError


@overload(like, jit_options={"forceinline": True})
def _like(x, c):
    real = x
    return lambda x, c: real(c)


@intrinsic
def float_bits(context, x):
    """The bits of a float32 as an int32."""

    def build(c, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.int32(types.float32), build


@intrinsic
def bits_float(context, x):
    """The float32 with the bits of an int32."""

    def build(c, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), build


@intrinsic
def trailing_zeros(context, x):
    """The number of zero bits below the lowest one of a uint64 that is not 0."""

    def build(c, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), build


@intrinsic
def wide(context):
    """Ask for 512-bit vectors in the calling function, where the machine has them; harmless elsewhere.

    LLVM prefers 256 bits on several server processors; the random-number stages gain about a third. The attribute is a
    string that llvmlite does not list, hence `set.add`.
    """

    def build(c, builder, signature, arguments):
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        builder.function.attributes.add("noinline")
        return c.get_dummy_value()

    return types.void(), build
