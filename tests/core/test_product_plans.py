"""Plans of a product, the choice of its kernel, and processes: forked ones, and machines with other instructions."""

import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from qtheory.core import bits, product

from .products import KERNELS, case, draw

# Plans and the dispatcher


def test_a_plan_sees_what_its_words_become_and_keeps_its_memory():
    words, weights, _ = case(5, 70, 200)
    for kernel in KERNELS:
        for out in ("int32", "bits"):
            run, y = product.plan(words, weights, out=out, kernel=kernel)
            words ^= bits.pack(draw(5, 200, seed=9))
            y.view(np.uint8)[...] = 255
            run()
            np.testing.assert_array_equal(y, product.multiply(words, weights, out=out, kernel="narrow"))
    for other in (words.astype(">u8"), np.asfortranarray(words)):
        with pytest.raises(ValueError, match="words must be native"):
            product.plan(other, weights)


@pytest.mark.parametrize("copied", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_plan_cannot_be_copied(copied):
    """The addresses in a copy would be those of arrays that it does not keep."""
    words, weights, _ = case(5, 70, 200)
    with pytest.raises(TypeError, match="a plan holds addresses"):
        copied(product.plan(words, weights))


@pytest.mark.parametrize("columns", [1, 64, 300, 5000])
@pytest.mark.parametrize("rows", [0, 1, 2, 7, 100])
def test_the_dispatcher_chooses_a_kernel_that_can(rows, columns):
    for n in (0, 1, 100, product.LONGEST, product.LONGEST + 1):
        assert product.choose(rows, columns, n) in (KERNELS if n <= product.LONGEST else ("narrow",))


FORKED = """
import os, signal
import numpy as np
from qtheory.core import product
product.SHARE = 1
weights, words = product.prepare(np.zeros((300, 4), np.uint64), 256), np.zeros((200, 4), np.uint64)
one = product.multiply(words, weights, threads=2)
child = os.fork()
if child == 0:
    signal.alarm(20)
    os._exit(0 if (product.multiply(words, weights, threads=2) == one).all() else 1)
print(os.waitpid(child, 0)[1])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_starts_threads_of_its_own():
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0"]


# Other machines: the same source for another set of instructions

NARROWER = """
import numpy as np
from qtheory.core import bits, product, product_emit
rng = np.random.default_rng(0)
for rows, columns, n in ((130, 300, 1000), (3, 70, 65)):
    a, b = (rng.choice(np.array([-1, 1], np.int8), (k, n)) for k in (rows, columns))
    exact = a.astype(np.int64) @ b.T.astype(np.int64)
    weights = product.prepare(bits.pack(b), n)
    for kernel in ("table", "subset", "narrow"):
        assert (product.multiply(bits.pack(a), weights, kernel=kernel) == exact).all()
        assert (product.multiply(bits.pack(a), weights, out="bits", kernel=kernel) == bits.pack(exact)).all()
print(product_emit.LANES, product_emit.TERNARY)
"""


@pytest.mark.slow
@pytest.mark.parametrize("features", ["+avx2,+avx,+sse4.2,+popcnt,+bmi,+fma", pytest.param("", marks=pytest.mark.deep)])
def test_machines_without_avx512_get_the_same_numbers(features, tmp_path):
    environment = {
        **os.environ, "NUMBA_CPU_FEATURES": features, "NUMBA_CPU_NAME": "generic", "XDG_CACHE_HOME": str(tmp_path),
    }  # fmt: skip
    root = Path(__file__).parent.parent.parent
    done = subprocess.run(
        [sys.executable, "-c", NARROWER], cwd=root, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["4", "False"]
