"""What the product kernels emit: logic on vectors of bits, carry-save adders and trees of them, transposed stores.

A vector is LANES uint64, and stands for COLUMNS = 64 LANES columns of the result, one bit each: column SIZE r + q is
bit r of byte q, SIZE = 8 LANES being the vector's bytes. A counter for every column is a pile of such vectors, its
planes; plane p weighs 2^p. `proofs/inference/carry_save_product.md` derives what is done with them.

LANES follows from the features that Numba compiles for, which are part of the identity of everything in its cache.
One source serves all machines: where AVX-512 is missing, three-operand logic becomes ands and xors, and LLVM splits
whatever is too wide.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils, config
from numba.core.codegen import get_host_cpu_features
from numba.extending import intrinsic

PLANES = 16  # so that 8 x 8 transposes fit; counts stay below 2^16
I8, I16, I32, I64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))

_features = config.CPU_FEATURES if config.CPU_FEATURES is not None else get_host_cpu_features()
FEATURES = {f for f in _features.split(",") if f.startswith("+")}
TERNARY = {"+avx512f", "+avx512bw"} <= FEATURES
COUNTS = "+avx512vpopcntdq" in FEATURES  # population counts of whole vectors
LANES = 8 if TERNARY else 4
SIZE, COLUMNS = 8 * LANES, 64 * LANES
WORDS = ir.VectorType(I64, LANES)
BYTES = ir.VectorType(I8, SIZE)


def table(function):
    """The truth table of a function of three bits, as vpternlog's immediate: bit 4 a + 2 b + c is function(a, b, c)."""
    return sum((int(function(i >> 2 & 1, i >> 1 & 1, i & 1)) & 1) << i for i in range(8))


def majority(a, b, c):
    """1 where at least two of three bits are."""
    return a & b | a & c | b & c


class Vectors:
    """Instructions on the vectors above, appended to a builder; an address is an integer, an offset is in vectors."""

    def __init__(self, builder):
        self.b = builder

    def at(self, address, offset, kind=WORDS):
        """A pointer `offset` vectors beyond an address."""
        b = self.b
        return b.inttoptr(b.add(address, I64(offset * SIZE)) if offset else address, kind.as_pointer())

    def load(self, address, offset=0):
        """An aligned vector."""
        return self.b.load(self.at(address, offset), align=SIZE)

    def store(self, value, address, offset=0):
        """An aligned vector."""
        self.b.store(value, self.at(address, offset), align=SIZE)

    def splat(self, value, kind=WORDS):
        """A scalar in all lanes of a vector of type `kind`."""
        if isinstance(value, int):
            return ir.Constant(kind, [value & (1 << kind.element.width) - 1] * kind.count)
        first = self.b.insert_element(ir.Constant(kind, ir.Undefined), value, I32(0))
        return self.b.shuffle_vector(first, first, ir.Constant(ir.VectorType(I32, kind.count), [0] * kind.count))

    def invert(self, x):
        """The complement."""
        return self.b.xor(x, self.splat(-1))

    def ternary(self, a, b, c, immediate):
        """vpternlog."""
        kind = ir.FunctionType(WORDS, [WORDS, WORDS, WORDS, I32])
        name = f"llvm.x86.avx512.pternlog.q.{8 * SIZE}"
        return self.b.call(cgutils.get_or_insert_function(self.b.module, kind, name), [a, b, c, I32(immediate)])

    def parity(self, a, b, c):
        """a ^ b ^ c."""
        if TERNARY:
            return self.ternary(a, b, c, table(lambda x, y, z: x ^ y ^ z))
        return self.b.xor(self.b.xor(b, c), a)

    def majority(self, a, b, c, flips=(0, 0, 0)):
        """The majority of three vectors, those complemented whose flip is 1."""
        p, q, r = flips
        if TERNARY:
            return self.ternary(a, b, c, table(lambda x, y, z: majority(x ^ p, y ^ q, z ^ r)))
        a, b, c = (self.invert(x) if flip else x for x, flip in zip((a, b, c), flips, strict=True))
        return self.b.xor(a, self.b.and_(self.b.xor(a, b), self.b.xor(a, c)))

    def full_adder(self, state, a, c):
        """The sum bit and the carry of state + a + c; by the new sum, so that no register need be copied."""
        total = self.parity(state, a, c)
        if TERNARY:
            return total, self.ternary(a, c, total, table(lambda x, y, s: x if x == y else 1 - s))
        return total, self.b.or_(self.b.and_(self.b.xor(a, c), state), self.b.and_(a, c))

    def tree(self, leaf, states):
        """Add leaf(0), ..., leaf(2^d - 1) to the d planes `states`, in place; the carry, of weight 2^d.

        Level l takes two carries of level l - 1 at a time, so that only d vectors wait at any moment.
        """

        def carry(level, first):
            if level == 0:
                return leaf(first)
            a, c = carry(level - 1, first), carry(level - 1, first + (1 << level - 1))
            states[level - 1], out = self.full_adder(states[level - 1], a, c)
            return out

        return carry(len(states), 0)

    def ripple(self, states, carry):
        """Add a carry to the planes `states`, in place."""
        for p, state in enumerate(states):
            states[p], carry = self.b.xor(state, carry), self.b.and_(state, carry)

    def transpose(self, planes):
        """In place, of 8 vectors: bit r of byte q of plane i becomes bit i of byte q of vector r."""
        b = self.b
        for shift, mask in (4, 0x0F), (2, 0x33), (1, 0x55):
            by, keep = self.splat(shift), self.splat(mask * 0x0101010101010101)
            for i in (i for i in range(8) if not i & shift):
                moved = b.and_(b.xor(b.lshr(planes[i], by), planes[i + shift]), keep)
                planes[i + shift] = b.xor(planes[i + shift], moved)
                planes[i] = b.xor(planes[i], b.shl(moved, by))


def each(builder, number):
    """`with each(builder, number) as i`: a loop."""
    return cgutils.for_range(builder, number)


def _store(kind, real=False):
    @intrinsic
    def store(context, planes, y, n):
        """Write n - 2 count for the COLUMNS columns whose counts are in PLANES planes, in order, to the address y."""

        def build(c, builder, signature, arguments):
            planes, y, n = arguments
            v = Vectors(builder)
            halves = [[v.load(planes, 8 * h + p) for p in range(8)] for h in (0, 1)]
            for half in halves:
                v.transpose(half)
            some = ir.VectorType(kind, min(SIZE, 512 // kind.width))
            length = v.splat(builder.trunc(n, kind), some)
            for r in range(8):
                low, high = (builder.bitcast(half[r], BYTES) for half in halves)
                for first in range(0, SIZE, some.count):
                    chosen = ir.Constant(ir.VectorType(I32, some.count), list(range(first, first + some.count)))
                    lo, hi = (builder.zext(builder.shuffle_vector(x, x, chosen), some) for x in (low, high))
                    count = builder.or_(lo, builder.shl(hi, v.splat(8, some)))
                    value = builder.sub(length, builder.add(count, count))
                    if real:
                        value = builder.sitofp(value, ir.VectorType(ir.FloatType(), some.count))
                    at = builder.add(y, I64((r * SIZE + first) * kind.width // 8))
                    builder.store(value, builder.inttoptr(at, value.type.as_pointer()), align=kind.width // 8)
            return c.get_dummy_value()

        return types.void(types.intp, types.intp, types.intp), build

    return store


store_int16, store_int32, store_float32 = _store(I16), _store(I32), _store(I32, real=True)


@intrinsic
def store_bits(context, planes, limits, y):
    """Write the bit (count >= limit) ^ flip for each of COLUMNS columns, in order, to the address y.

    limits: PLANES planes of the limits, then one of the complemented flips. count < limit is the borrow of count -
    limit, found bit by bit.
    """

    def build(c, builder, signature, arguments):
        planes, limits, y = arguments
        v = Vectors(builder)
        borrow = v.splat(0)
        for p in range(PLANES):
            borrow = v.majority(v.load(planes, p), v.load(limits, p), borrow, (1, 0, 0))
        bits = builder.xor(borrow, v.load(limits, PLANES))
        for r in range(8):  # bit r of the bytes: the bits of SIZE columns that follow each other
            top = builder.bitcast(builder.shl(bits, v.splat(7 - r)), BYTES)
            chosen = builder.bitcast(builder.icmp_signed("<", top, v.splat(0, BYTES)), ir.IntType(SIZE))
            builder.store(chosen, builder.inttoptr(builder.add(y, I64(r * LANES)), chosen.type.as_pointer()), align=1)
        return c.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp), build
