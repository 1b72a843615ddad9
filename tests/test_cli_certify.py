"""`qtheory certify`: what it prints and writes, and that what cannot be certified is one line and exit code 2."""

import json
import time
from fractions import Fraction

import pytest
from click.testing import CliRunner

from qtheory.cli import main
from qtheory.optimum import InaccurateSolve
from qtheory.theorems import all_theorems
from qtheory.worst_case import _commands, checker


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(main, ["certify", *(str(a) for a in arguments)])


def test_it_prints_and_writes_what_the_checker_proves(run, tmp_path, capsys):
    result = run("li2017/sr_convex", "--horizon", 4, "--kappa", 0.1, "--out", "new/folder")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0] == "li2017/sr_convex, T = 4, kappa = 0.1, c = 1: average point"
    value, solver, bound = (next(line.split()[1] for line in lines if line.split()[0] == k) for k in
                            ("certified", "solver", "bound"))  # fmt: skip
    assert float(solver) - 1e-8 <= float(value) <= float(solver) + 1e-6 and float(value) < float(bound)
    (path,) = (tmp_path / "new" / "folder").iterdir()
    assert str(path.name) in result.output
    assert checker.main([str(path)]) == 0
    assert f"proved: E F - F* <= {value} (rounded up)" in capsys.readouterr().out


def test_json(run):
    said = json.loads(run("li2017/bc_strongly_convex", "--horizon", 3, "--kappa", 0.2, "--json").output)
    assert said["id"] == "li2017/bc_strongly_convex" and said["horizon"] == 3 and not said["attained"]
    assert Fraction(said["fraction"]) <= Fraction(said["certified"]) < Fraction(said["fraction"]) + Fraction(1, 10**9)
    assert said["bound"] == all_theorems()[said["id"]].worst_bound(3, kappa=0.2)
    with open(said["file"]) as file:
        assert checker.check(checker.read(file.read())) == Fraction(said["fraction"])


def test_every_program_has_a_file_of_its_own(run, tmp_path):
    for kappa in ("0.1", "0.1000001", "0", "0.0"):
        result = run("li2017/sr_convex", "--horizon", 2, "--kappa", kappa)
        assert f"kappa = {kappa.removesuffix('.0')}, c = 1: average point" in result.output
    assert {p.name for p in (tmp_path / "results").iterdir()} == {
        f"li2017_sr_convex_T2_kappa{kappa}_c1_average_point.json" for kappa in ("0.1", "0.1000001", "0")
    }


def test_measures(run, tmp_path):
    for measure in ("average value", "last", "best"):
        said = json.loads(run("li2017/sr_convex", "--horizon", 2, "--measure", measure, "--json").output)
        assert said["measure"] == measure and (said["bound"] is None) == (measure == "last")
    assert len(list((tmp_path / "results").iterdir())) == 3
    assert "bound" not in run("li2017/sr_convex", "--horizon", 2, "--measure", "last").output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing", "--horizon", 3), "no theorem is called 'nothing'"),
        (("li2017", "--horizon", 3), "theorem must be one theorem"),
        (("li2017/sr_escape", "--horizon", 3), "li2017/sr_escape has no worst-case program"),
        (("li2017/sr_quadratic_floor", "--horizon", 3), "li2017/sr_quadratic_floor has no worst-case program"),
        (("li2017/sr_convex", "--horizon", 0), "horizon must be at least 1"),
        (("li2017/sr_convex", "--horizon", 90, "--patience", 10), "90"),
        (("li2017/sr_convex", "--horizon", 3, "--patience", 0), "patience must be greater than 0"),
        (("li2017/sr_convex", "--horizon", 3, "--kappa", -1), "kappa must be at least 0"),
        (("li2017/sr_convex", "--horizon", 3, "--kappa", "nan"), "kappa must be finite"),
        (("li2017/sr_convex", "--horizon", 3, "--c", 0), "c must be greater than 0"),
        (("li2017/sr_convex", "--horizon", 3, "--measure", "first"), "measure must be one of"),
        (("li2017/sr_strongly_convex", "--horizon", 3, "--c", 2), "c must be 1, since li2017/sr_strongly_convex has a"),
        (("li2017/sr_convex", "--horizon", 3, "--kappa", 1e300), "choose other units"),
    ],
)
def test_what_cannot_be_certified(run, tmp_path, arguments, said):
    result = run(*arguments)
    assert result.exit_code == 2 and said in result.output and len(result.output.splitlines()) == 1
    assert not list(tmp_path.rglob("*.json"))


def test_a_folder_that_cannot_be_written(run, tmp_path):
    (tmp_path / "file").write_text("")
    result = run("li2017/sr_convex", "--horizon", 2, "--out", "file/results")
    assert result.exit_code == 2 and "out must be a folder that can be written" in result.output


def test_a_solver_that_fails_is_said_in_one_line(run, monkeypatch, tmp_path):
    def fails(*_, **__):
        raise InaccurateSolve("the solver failed")

    monkeypatch.setattr(_commands, "solve", fails)
    result = run("li2017/sr_convex", "--horizon", 2)
    assert result.exit_code == 1 and result.output == "qtheory: T = 2 could not be certified: the solver failed\n"
    assert not list(tmp_path.rglob("*.json"))


def test_the_bar_moves_and_stops(monkeypatch):
    seen = []

    class Bar:
        def __enter__(self):
            return seen.append

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(_commands.progress, "terminal", lambda label: Bar())
    monkeypatch.setattr(_commands, "TICK", 0.01)
    with _commands._ticking("x", 0.01, quiet=False):
        time.sleep(0.3)
    said = list(seen)
    time.sleep(0.05)
    assert said and said == sorted(said) and 0 < said[0] < said[-1] < 1 and seen == said
    with _commands._ticking("x", 0.01, quiet=True):
        time.sleep(0.05)
    assert seen == said
