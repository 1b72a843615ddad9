"""Finite Markov chains of training: SR on its grid, its limit for small steps, and the latent weight of BinaryConnect.

`sr_chain` is the chain T_alpha, `sr_limit` the generator K that it follows as alpha -> 0, `bc_chain` the latent weight
of BC on its lattice. A `Chain` answers for its stationary law, spectral gap, mixing time, occupancies, hitting times
and escape rates, each with an error bound, or in exact fractions.
"""

from ._chain import Chain
from ._clock import MixingTime
from ._latent import bc_chain, deployed
from ._stationary import Law
from ._steps import closed_form, sr_chain, sr_limit

__all__ = ["Chain", "Law", "MixingTime", "bc_chain", "closed_form", "deployed", "sr_chain", "sr_limit"]
