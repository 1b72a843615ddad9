"""Threads that are kept for work that releases the interpreter's lock."""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache


def together(work, shares):
    """work(share) of every share (a sequence), each in a thread of its own, the first one in the caller's."""
    jobs = [_pool(len(shares) - 1).submit(work, share) for share in shares[1:]]
    try:
        work(shares[0])
    finally:  # nobody works on when this returns
        for job in jobs:
            job.result()


@cache
def _pool(threads):
    return ThreadPoolExecutor(threads, "qtheory-workers")


if hasattr(os, "register_at_fork"):  # a child has the pools, but not their threads
    os.register_at_fork(after_in_child=_pool.cache_clear)
