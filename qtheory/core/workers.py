"""Threads that are kept for work that releases the interpreter's lock."""

import os
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache


def together(work, threads):
    """Run work() in so many threads, the caller's among them: it must take what there is to do from one place.

    A thread that is still busy for others when the caller's finds nothing more to do is not waited for. Raises what
    work does, once all have returned: nobody works on when this returns.
    """
    jobs = []
    try:
        for _ in range(threads - 1):
            jobs.append(_pool(threads - 1).submit(work))
        work()
    finally:
        begun = [job for job in jobs if not job.cancel()]
        wait(begun)
    for job in begun:
        job.result()


@cache
def _pool(threads):
    return ThreadPoolExecutor(threads, "qtheory-workers")


if hasattr(os, "register_at_fork"):  # a child has the pools, but not their threads
    os.register_at_fork(after_in_child=_pool.cache_clear)
