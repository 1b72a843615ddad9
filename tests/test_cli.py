"""The command line: what it prints, what it writes, and its exit codes."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from qtheory.cli import main
from qtheory.theorems import all_theorems

ROUNDING = "li2017/rounding_error"


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(main, [str(a) for a in arguments])


def test_list_names_every_theorem(run):
    result = run("list")
    assert result.exit_code == 0 and all(name in result.output for name in all_theorems())
    found = json.loads(run("list", "--json").output)
    assert [t["id"] for t in found] == list(all_theorems())
    assert set(found[0]["rooms"]) == {"code", "proof", "test", "figure"}


def test_show_before_and_after_a_run(run, tmp_path):
    before = run("show", ROUNDING)
    assert before.exit_code == 0 and "last verdict: none" in before.output and "Assumptions:" in before.output
    assert "proofs/li2017/rounding_error.md" in before.output
    assert run("verify", "--only", ROUNDING, "--jobs", 1).exit_code == 0
    assert "last verdict: holds" in run("show", ROUNDING).output


def test_verify_writes_its_results(run, tmp_path):
    result = run("verify", "--only", ROUNDING, "--jobs", 1, "--out", tmp_path / "new" / "results")
    assert result.exit_code == 0 and "0 unexpected" in result.output
    assert sorted(p.name for p in (tmp_path / "new" / "results").iterdir()) == [
        "verify.json", "verify_slack.json", "verify_slack.svg",
    ]  # fmt: skip
    found = json.loads((tmp_path / "new" / "results" / "verify.json").read_text())
    (theorem,) = found["theorems"]
    assert theorem["verdict"] == "holds" and found["unexpected"] == []
    assert all({"slack", "claim", "measured", "verdict"} <= set(e) for e in theorem["evidence"])


def test_json_output_is_json_alone(run):
    result = run("verify", "--only", ROUNDING, "--jobs", 1, "--json")
    assert json.loads(result.output)["theorems"][0]["id"] == ROUNDING


def test_tables_fit_eighty_columns(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for arguments in (("list",), ("show", ROUNDING), ("verify", "--only", ROUNDING, "--jobs", 1)):
        assert max(map(len, run(*arguments).output.splitlines())) <= 80


def test_an_unexpected_verdict_is_exit_code_one(run, monkeypatch):
    from qtheory import verify
    from qtheory.theorems import Verdict

    monkeypatch.setattr(type(all_theorems()[ROUNDING]), "expected", Verdict.VIOLATED)
    monkeypatch.setattr(verify, "_run", lambda tasks, job, *_: ({t: verify._perform(t, job) for t in tasks}, {}, False))
    result = run("verify", "--only", ROUNDING)
    assert result.exit_code == 1 and f"unexpected: {ROUNDING}: holds, expected violated" in result.output


def test_a_check_that_fails_is_named_and_the_others_are_kept(run, tmp_path, monkeypatch):
    from qtheory import verify

    real = verify._run

    def broken(tasks, job, jobs, progress):
        results, failed, interrupted = real(tasks, job, jobs, progress)
        results.pop(tasks[0])
        return results, {**failed, f"{tasks[0].name}, number 0": "RuntimeError: broken"}, interrupted

    monkeypatch.setattr(verify, "_run", broken)
    result = run("verify", "--only", ROUNDING, "--jobs", 1)
    assert result.exit_code == 1 and "could not be checked: RuntimeError: broken" in " ".join(result.output.split())
    assert len(json.loads((tmp_path / "results" / "verify.json").read_text())["theorems"][0]["evidence"]) == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("verify", "--only", "li2017/sr_conex"), "did you mean li2017/sr_convex"),
        (("verify", "--only", "rounding_error"), "did you mean li2017/rounding_error"),
        (("show", "zzz"), "see `qtheory list`"),
        (("verify", "--seed", -1), "seed must be between 0"),
        (("verify", "--jobs", 0), "jobs must be at least 1"),
        (("verify", "--images", "/nowhere"), "images must be a folder"),
        (("verify", "--only", ROUNDING, "--out", "/dev/null/x"), "out must be a folder that can be written"),
        (("verify", "--scale", "huge"), "'huge' is not one of"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(run, arguments, message, tmp_path):
    result = run(*arguments)
    assert result.exit_code == 2 and message in result.output and "Traceback" not in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_corrupt_image_file_is_named(run, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"):
        (folder / name).write_bytes(b"\x00\x00\x08\x03" + b"\x00" * 9)
    result = run("verify", "--images", folder, "--out", tmp_path / "out")
    assert result.exit_code == 2 and "train-images-idx3-ubyte" in result.output


def test_help_is_fast_and_imports_little():
    code = (
        "import sys, qtheory.cli; "
        "assert not {'numba', 'scipy', 'cvxpy', 'matplotlib', 'rich', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_keeps_what_was_finished(tmp_path):
    command = [sys.executable, "-m", "qtheory", "verify", "--jobs", "1", "--out", str(tmp_path)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, start_new_session=True, **pipes)
    time.sleep(6)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in err, err
    if "interrupted: only what was complete" in out:
        assert json.loads((tmp_path / "verify.json").read_text())["interrupted"] is True
