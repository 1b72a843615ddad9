"""Sweeps that can be killed and resumed: many tasks, one file for each result, on one machine or on a cluster.

    found = Sweep("errors", measure, version="1").run([{"n": n, "seed": 0} for n in (16, 32)], jobs=2)

A task is a plain mapping of settings that JSON can hold; a function turns it into a mapping of numbers. Each result is
kept under <folder>/<name>/<hash>.json, where the hash is of the function's name, its version and the settings. What is
found there is trusted only if it says, with a checksum, that it belongs to this very task; anything else is computed
again. The process that calls `run` does all the writing, each file in one step, so that a kill loses only the tasks
under way, and workers on other machines need no shared disk. Neither results nor files depend on the order of tasks, on
the number of processes, or on where they ran.
"""

from ._names import derived_seed, fingerprint, identity
from ._sweep import Sweep

__all__ = ["Sweep", "derived_seed", "fingerprint", "identity"]
