"""Files that are made to tire the checker, to fool a terminal, or to let it crash, are refused in one line."""

import time

import pytest

from qtheory.worst_case import checker

from .test_checker import FILES, changed, each_file, refused


def coprime(n):
    return [f"1/{10**600 + 2 * k + 1}" for k in range(n)]


@each_file
def test_numbers_whose_sums_would_take_for_ever_are_refused_at_once(file):
    steps = ["1/2"] * 98
    names = checker.Run({**file, "steps": steps, "tangents": {}}).premises
    for many in (
        {"steps": steps, "multipliers": dict(zip(names, coprime(len(names)), strict=True))},
        {"steps": coprime(98), "multipliers": dict.fromkeys(names, "1"), "measure": "average point"},
    ):
        begin = time.perf_counter()
        refused({**file, "tangents": {}, **many})
        assert time.perf_counter() - begin < 10
    refused({**file, "multipliers": dict(zip(names, coprime(len(names)), strict=True)), "steps": steps}, "denominator")


def test_what_is_refused_is_said_in_printable_characters():
    name = "\x1b[2J\nproved"
    for to in ("-1", "1"):
        with pytest.raises(ValueError, match=r"multiplier|premise") as caught:
            checker.check(changed(FILES[0], "multipliers", name, to=to))
        assert str(caught.value).isprintable()


@each_file
def test_a_bound_of_gradients_is_needed(file):
    without = changed({**file, "function": {"class": "Smooth", "L": "2", "mu": "0", "G": None}}, "distance", to="1")
    for method in (
        {"name": "SR", "noise": "0", "kappa": "1", "concave": True, "adjacent": False},
        {"name": "SGD", "noise": "within G"},
    ):
        refused({**without, "method": method}, "need a bound G")
