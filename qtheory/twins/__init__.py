"""Twin runs: one estimator, and the straight-through estimator that stands for it, fed with the same gradients.

    s = DSQ(Levels.uniform(2), k=6.5)
    pair = twins(s, start, Regression(teacher, batch=8, seed=1), rate=1e-3, steps=3000)
    pair.error, pair.quantized_agreement, pair.compressed_agreement

The first run has weights w, the second u: u_1 = M(w_1) and the rate α η with momentum (SGD: Momentum(0)), u_1 = w_1 and
the rate η with Adam. No history is stored: what is compared of whole runs is kept in a few numbers per coordinate.
"""

from .run import Pair, compress, twins
from .sources import Adam, Drawn, Momentum, Pull, Regression

__all__ = ["Adam", "Drawn", "Momentum", "Pair", "Pull", "Regression", "compress", "twins"]
