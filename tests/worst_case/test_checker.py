"""The checker: it stands alone, and refuses every certificate that was tampered with, in one line."""

import ast
import contextlib
import copy
import itertools
import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from qtheory.schedules import InverseSqrt
from qtheory.worst_case import BC, SGD, SR, Convex, Program, Smooth, certify, checker, solve

SOURCE = Path(checker.__file__)
ROUNDED = Program(function=Convex(), method=SR(kappa=0.1), schedule=InverseSqrt(1), horizon=3, domain="iterates")
SMOOTH = Program(
    function=Smooth(L=2, mu=1, G=1), method=BC(energy=0.01, noise=0.5), schedule=InverseSqrt(1), horizon=2,
    measure="average value",
)  # fmt: skip
FILES = [certify(solve(program)).to_json() for program in (ROUNDED, SMOOTH)]

each_file = pytest.mark.parametrize("file", FILES, ids=["SR", "BC"])


def changed(file, *path, to):
    """A copy with another entry; `to` may be a function of the old one. DELETE: without it."""
    new = copy.deepcopy(file)
    part = new
    for key in path[:-1]:
        part = part[key]
    if to is DELETE:
        del part[path[-1]]
    else:
        part[path[-1]] = to(part[path[-1]]) if callable(to) else to
    return new


DELETE = object()


def refused(file, match=None):
    with pytest.raises(ValueError, match=match) as caught:
        checker.check(checker.read(json.dumps(file)))
    assert len(str(caught.value).splitlines()) == 1
    return True


def scaled(factor):
    return lambda text: str(Fraction(text) * factor)


@each_file
def test_what_is_right_is_proved(file):
    assert checker.check(checker.read(json.dumps(file))) == Fraction(file["value"])


def test_it_uses_the_standard_library_alone():
    tree = ast.parse(SOURCE.read_text())
    found = {n.name for node in ast.walk(tree) if isinstance(node, ast.Import) for n in node.names}
    found |= {f"{'.' * n.level}{n.module}" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert found <= set(sys.stdlib_module_names)


def test_a_copy_runs_alone(tmp_path):
    (tmp_path / "checker.py").write_text(SOURCE.read_text())
    (tmp_path / "good.json").write_text(json.dumps(FILES[0]))
    (tmp_path / "bad.json").write_text(json.dumps(changed(FILES[0], "value", to=scaled(Fraction(99, 100)))))

    def run(*arguments):
        command = [sys.executable, "-I", "-S", "checker.py", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)

    good, bad, usage = run("good.json"), run("bad.json"), run()
    assert good.returncode == 0 and good.stdout.startswith("proved: E F - F* <= 0.6") and not good.stderr
    assert bad.returncode == 1 and bad.stderr.startswith("refused: the constants") and not bad.stdout
    assert usage.returncode == 1 and usage.stderr.startswith("usage")


@pytest.mark.parametrize("text", ["[" * 10**5, "", "{", "[]", "null", "NaN", "1e999", "9" * 5000, '{"a": 1, "a": 2}'])
def test_what_is_no_certificate(text, tmp_path, capsys):
    (tmp_path / "a.json").write_text(text)
    assert checker.main([str(tmp_path / "a.json")]) == 1
    said = capsys.readouterr()
    assert said.err.startswith("refused: ") and len(said.err.splitlines()) == 1 and not said.out


def test_files_that_cannot_be_read(tmp_path, capsys):
    (tmp_path / "a.json").write_bytes(b"\xff\xfe\x00")
    assert [checker.main([str(tmp_path / name)]) for name in ("a.json", "none.json", "")] == [1, 1, 1]


@each_file
def test_every_truncation_is_refused(file):
    text = json.dumps(file)
    for end in range(0, len(text), 97):
        with pytest.raises(ValueError):  # noqa: PT011
            checker.check(checker.read(text[:end]))


@each_file
def test_another_claim_is_refused(file):
    for factor in (Fraction(1, 2), 1 - Fraction(1, 10**12), 1 + Fraction(1, 10**12), -1):
        refused(changed(file, "value", to=scaled(factor)), "constants")


@each_file
def test_every_multiplier_counts(file):
    for name in file["multipliers"]:
        for to in (scaled(1 - Fraction(1, 10**6)), scaled(1 + Fraction(1, 10**6)), DELETE):
            refused(changed(file, "multipliers", name, to=to))
        refused(changed(file, "multipliers", name, to=scaled(-1)), "must be at least 0")
    refused(changed(file, "multipliers", "F(w9) >= F(w1) + ...", to="1"), "is no premise")
    refused(changed(file, "multipliers", to={}))


@each_file
def test_every_constant_of_the_program_counts(file):
    for t in range(len(file["steps"])):
        refused(changed(file, "steps", t, to=scaled(Fraction(101, 100))))
    for path in (("distance",), ("function", "G"), ("function", "mu"), ("function", "L"), ("method", "noise"),
                 ("method", "kappa"), ("method", "energy")):  # fmt: skip
        part = file if len(path) == 1 else file[path[0]]
        if path[-1] in part:
            refused(changed(file, *path, to=lambda text: str(Fraction(text) + Fraction(1, 100))))
            refused(changed(file, *path, to="-1"))
            refused(changed(file, *path, to=0.1), "as text p/q")
    for other in {*checker.MEASURES, ""} - {file["measure"]}:
        refused(changed(file, "measure", to=other))
    for other in {"start", "projected", ""} - {file["domain"]}:  # not "iterates", which assumes all that "start" does
        refused(changed(file, "domain", to=other))
    refused(changed(file, "steps", to=file["steps"] + ["1"]))
    refused(changed(file, "steps", to=file["steps"][:-1]))
    refused(changed(file, "steps", to=["1"] * 100), "fewer than 100")
    refused(changed(file, "distance", to=None))


@each_file
def test_every_number_of_the_factor_counts(file):
    for i, row in enumerate(file["factor"]["rows"]):
        j = max(range(len(row)), key=lambda j: abs(row[j]))
        refused(changed(file, "factor", "rows", i, j, to=lambda a: a + abs(a) // 100 + 2**40), "semidefinite")
        refused(changed(file, "factor", "rows", i, to=[0] * (i + 1)), "semidefinite")
        refused(changed(file, "factor", "rows", i, to=row[:-1]), "row i")
        refused(changed(file, "factor", "rows", i, 0, to=1.5), "row i")
        refused(changed(file, "factor", "rows", i, 0, to=True), "row i")
        refused(changed(file, "units", i, to=scaled(Fraction(11, 10))), "semidefinite")
        refused(changed(file, "units", i, to="0"), "greater than 0")
    refused(changed(file, "factor", "denominator", to=scaled(2)), "semidefinite")
    refused(changed(file, "factor", "denominator", to="1/0"), "as text p/q")
    refused(changed(file, "vectors", 0, to="w2"), "vectors")


def test_orthogonality_is_granted_to_zero_mean_errors_alone():
    """The proof for stochastic rounding is none for any rounding."""
    program = Program(function=Smooth(), method=BC(energy=0.01), schedule=InverseSqrt(1), horizon=3)
    file = certify(solve(program)).to_json()
    checker.check(file)
    refused(changed(file, "method", "stochastic", to=False), "semidefinite")


def square(rows):
    """Terms of a symmetric matrix in the three vectors of two steps of SGD, all of whose entries count."""
    run = checker.Run({**FILES[0], "method": {"name": "SGD", "noise": "0"}, "steps": ["1"], "measure": "last"})
    a = run.vectors
    terms = {}
    for i, j in itertools.combinations_with_replacement(range(3), 2):
        terms[tuple(sorted((a[i], a[j])))] = Fraction(rows[i][j] * (1 if i == j else 2))
    return run, terms


UNITS, ONE, NO_FACTOR = [Fraction(1)] * 3, Fraction(1), [[0], [0, 0], [0, 0, 0]]


def test_every_row_must_be_dominant():
    for places in itertools.permutations(range(3)):
        good = np.array([[3, 2, 0], [2, 2, 0], [0, 0, 0]])[np.ix_(places, places)].tolist()
        bad = np.array([[1, 2, 0], [2, 2, 0], [0, 0, 0]])[np.ix_(places, places)].tolist()
        for rows, holds in ((good, True), (bad, False)):
            run, terms = square(rows)
            assert run.semidefinite(terms, UNITS, ONE, NO_FACTOR) == holds


@given(arrays(np.int64, (3, 3), elements=st.integers(-4, 4)), st.lists(st.integers(-2, 2), min_size=6, max_size=6))
def test_what_passes_is_semidefinite(half, factor):
    matrix = half + half.T
    run, terms = square(matrix.tolist())
    if run.semidefinite(terms, UNITS, ONE, [factor[:1], factor[1:3], factor[3:]]):
        assert np.linalg.eigvalsh(matrix)[0] >= -1e-9


def test_the_tangent_counts():
    program = Program(function=Convex(), method=SR(kappa=0.1, noise=0.5), schedule=InverseSqrt(1), horizon=3)
    file = certify(solve(program)).to_json()
    checker.check(file)
    assert file["tangents"]
    for name in file["tangents"]:
        refused(changed(file, "tangents", name, to=scaled(Fraction(101, 100))), "constants")
        refused(changed(file, "tangents", name, to="-1"), "greater than 0")
        refused(changed(file, "tangents", name, to=DELETE), "no premise")
    refused(changed(file, "tangents", "x", to="1"), "belongs to no premise")


@each_file
def test_the_shape_is_fixed(file):
    for key in file:
        refused(changed(file, key, to=DELETE), "must have the entries")
        for wrong in (None, 1, 0.5, True, "x", [], {}, [1], {"a": 1}, [None], "NaN", float("nan"), float("inf")):
            if (key, wrong) not in (("tangents", {}),):
                refused(changed(file, key, to=wrong))
    refused(changed(file, "format", to=lambda text: text.replace("1", "2")), "format")
    refused(changed(file, "more", to=1), "must have the entries")
    refused(changed(file, "method", "name", to=["SR"]))
    for key in {"concave", "adjacent", "stochastic"} & {*file["method"]}:
        for wrong in (0, 1, "true", None):
            refused(changed(file, "method", key, to=wrong), "true or false")
    text = json.dumps(file)
    with pytest.raises(ValueError, match="repeated"):
        checker.read(text.replace('"value"', '"value": "0", "value"'))
    refused(changed(file, "value", to="9" * 2001), "as text p/q")
    refused(changed(file, "value", to="٣"), "as text p/q")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.fractions().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=150)
@given(st.data())
def test_a_random_change_is_refused_or_harmless(data):
    """It never crashes, and never proves another value."""
    file = data.draw(st.sampled_from(FILES))
    path, part = [], file
    while isinstance(part, dict | list) and part and (not path or data.draw(st.integers(0, 3))):
        path.append(data.draw(st.sampled_from(sorted(part) if isinstance(part, dict) else range(len(part)))))
        part = part[path[-1]]
    new = changed(file, *path, to=data.draw(JSON))
    with contextlib.suppress(ValueError):
        assert checker.check(checker.read(json.dumps(new))) == Fraction(file["value"])


@settings(max_examples=150)
@given(st.data())
def test_a_changed_character_is_refused_or_harmless(data):
    """It proves no other value."""
    file = data.draw(st.sampled_from(FILES))
    text = json.dumps(file)
    place, character = data.draw(st.integers(0, len(text) - 1)), data.draw(st.sampled_from('0123456789-/"[]{},: eE.wx'))
    with contextlib.suppress(ValueError):
        new = checker.read(text[:place] + character + text[place + 1 :])
        assert checker.check(new) == Fraction(file["value"])


def test_a_value_below_the_truth_has_no_certificate():
    """The multipliers of a smaller program do not fit a larger one."""
    small = certify(solve(Program(function=Convex(), method=SGD(), schedule=InverseSqrt(1), horizon=4))).to_json()
    refused(
        changed(small, "method", to={"name": "SR", "noise": "0", "kappa": "1", "concave": False, "adjacent": False})
    )
