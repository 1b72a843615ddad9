"""The compiled core: arrays in, arrays out; it knows nothing of theorems, files or plots.

Small immutable *specs* (NamedTuples) say what to run; a handful of verbs are overloaded on the type of a spec, so that
Numba composes one loop (`ensemble.advance`) from N methods, M objectives, K noises and L schedules, and inlines them.
"""
