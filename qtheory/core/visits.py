"""Counting where gradients are taken: a histogram of the queries of every step, if anybody asked for one."""

from typing import NamedTuple

import numpy as np

from .compile import jit, like, verb, wide
from .random import uniform
from .steps import query

TABLES = 4  # of counts: an increment that follows another at the same address would wait for it


class NoVisits(NamedTuple):
    """Nobody asked."""

    nothing: int = 0


class Visits(NamedTuple):
    """Levels delta * (k + offset), k = low, ..., low + bins - 1; a query counts for the nearest of them."""

    inverse: float  # 1 / delta, in the precision of the weights
    shift: float  # low + offset
    begin: int  # the lanes [begin, end) count
    end: int
    counts: np.ndarray  # (TABLES, bins) int64
    places: np.ndarray  # (lanes,) int32: scratch


@verb
def visit(visits, method, x, j, words, k, o):
    """Count the queries of coordinate j at the states x (d, lanes), rounded by words[k, o:o + lanes]."""


@visit.of(NoVisits)
def _nothing(visits, method, x, j, words, k, o):
    pass


@visit.of(Visits)
def _visit(visits, method, x, j, words, k, o):
    _find(visits, method, x, j, words, k, o, visits.places)
    _count(visits.places, visits.begin, visits.end, visits.counts)


@jit()
def _find(visits, method, x, j, words, k, o, places):
    wide()
    last = visits.counts.shape[1] - 1
    for i in range(places.size):
        w = query(method, x[j, i], uniform(words[k, o + i], x[j, i]))
        place = np.rint(w * visits.inverse - visits.shift)
        place = like(w, 0.0) if place < like(w, 0.0) else place
        places[i] = np.int32(like(w, last) if place > like(w, last) else place)


@jit()
def _count(places, begin, end, counts):
    i = begin
    while i + TABLES <= end:
        for table in range(TABLES):
            counts[table, places[i + table]] += 1
        i += TABLES
    while i < end:
        counts[0, places[i]] += 1
        i += 1
