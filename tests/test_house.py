"""The house is in order: every theorem has its four rooms, what is cited exists, what is promised runs."""

import ast
import contextlib
import importlib
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

import qtheory
from qtheory.theorems import all_theorems, table

ROOT = Path(__file__).parent.parent
THEOREMS = list(all_theorems().values())
SECTIONS = ("Algorithm", "Assumptions", "Statement", "Kind", "Status", "Arguments", "Errors raised", "References")
KEYS = ("id", "title", "source", "kind", "proof", "uses", "proof_uses", "code", "test", "figure")
NOTE_SECTIONS = ("Statement", "Assumptions", "Proof|Refutation", "Executable checks", "Remarks")
FOLDERS = "qtheory|proofs|simulations|tests|figures|benchmarks"

each_theorem = pytest.mark.parametrize("theorem", THEOREMS, ids=lambda t: t.id)


def documents():
    """Every Markdown file of the repository, and the docstring of every theorem, by name."""
    pages = [*ROOT.glob("*.md"), *ROOT.glob("proofs/**/*.md"), *ROOT.glob("benchmarks/*.md")]
    yield from ((page.relative_to(ROOT).as_posix(), page.read_text(encoding="utf-8")) for page in pages)
    yield from ((t.rooms["code"], t.description) for t in THEOREMS)


def front_matter(note):
    """The keys of a proof note: strings, and lists in brackets; that is all the YAML which notes may use."""
    head = re.match(r"---\n(.*?)\n---\n", note, flags=re.DOTALL)
    assert head, "no front matter"
    found = {}
    for line in head[1].splitlines():
        key, value = line.split(": ", 1)
        assert key not in found, key
        inner = re.fullmatch(r"\[(.*)\]", value)
        found[key] = [v.strip() for v in inner[1].split(",") if v.strip()] if inner else value.strip('"')
    return found


def note_of(theorem):
    return (ROOT / theorem.rooms["proof"]).read_text(encoding="utf-8")


# Theorems: four rooms, one name


@each_theorem
@pytest.mark.parametrize("room", ["code", "proof", "test", "figure"])
def test_every_theorem_has_its_four_rooms(theorem, room):
    assert (ROOT / theorem.rooms[room]).is_file()


DERIVATIONS = {  # of algorithms, which have tests of their own
    "proofs/inference/carry_save_product.md",
    "proofs/worst_case/certificates.md",
    "proofs/worst_case/programs.md",
    "proofs/worst_case/sandwich.md",
    "proofs/worst_case/worst_functions.md",
}


def test_no_room_is_without_a_theorem():
    for pattern, room in (("proofs/*/*.md", "proof"), ("tests/theorems/*/test_*.py", "test")):
        found = {p.relative_to(ROOT).as_posix() for p in ROOT.glob(pattern)} - DERIVATIONS
        assert found <= {t.rooms[room] for t in THEOREMS}


@each_theorem
def test_the_note_agrees_with_the_code(theorem):
    note = front_matter(note_of(theorem))
    assert tuple(note) == KEYS
    assert (note["id"], note["kind"]) == (theorem.id, theorem.kind)
    assert {room: note[room] for room in ("code", "test", "figure")} == {
        room: theorem.rooms[room] for room in ("code", "test", "figure")
    }
    assert note["proof"] in ("full", "sketch", "cited", "refuted")
    assert (note["proof"] == "refuted") == (theorem.expected == "violated")


@each_theorem
def test_the_note_rests_on_notes_that_exist_and_not_on_itself(theorem):
    seen, todo = set(), [theorem.id]
    while todo:
        note = front_matter((ROOT / f"proofs/{todo.pop()}.md").read_text(encoding="utf-8"))
        used = set(note["uses"]) | set(note["proof_uses"])
        assert used <= {t.id for t in THEOREMS}
        todo += used - seen
        seen |= used
    assert theorem.id not in seen


@each_theorem
def test_the_note_has_its_sections_in_order(theorem):
    headings = re.findall(r"^## (.+)$", note_of(theorem), flags=re.MULTILINE)
    known = [h for h in headings if any(re.fullmatch(s, h) for s in NOTE_SECTIONS)]
    assert len(known) == len(NOTE_SECTIONS)
    assert all(re.fullmatch(s, h) for s, h in zip(NOTE_SECTIONS, known, strict=True))


@each_theorem
def test_the_docstring_has_its_sections_in_order(theorem):
    found = re.findall(r"^([A-Z][a-z]+(?: [a-z]+)?):", theorem.description, flags=re.MULTILINE)
    assert tuple(found) == SECTIONS
    assert re.search(rf"^Kind: {theorem.kind}\b", theorem.description, flags=re.MULTILINE)
    assert theorem.rooms["proof"] in theorem.description


@each_theorem
def test_a_reconstruction_says_so(theorem):
    ours = theorem.source.startswith(("qtheory", "after"))
    assert ours or "compare with the paper" in theorem.source


# What is cited exists


def exists(name):
    """Whether a name is a file, a theorem, or something that can be imported; None where it does not look like one."""
    name = name.split("::")[0].rstrip("/")
    if re.fullmatch(r"[a-z]+\d{4}/\w+", name):
        return name in all_theorems()
    if re.fullmatch(rf"(?:{FOLDERS})(?:/[\w.]+)+", name):
        return (ROOT / name).exists()
    if re.fullmatch(r"qtheory(?:\.\w+)+", name):
        module, _, attribute = name.rpartition(".")
        with contextlib.suppress(ImportError):
            return bool(importlib.import_module(name))
        return hasattr(importlib.import_module(module), attribute)
    return None


def prose(text):
    """Without blocks of code, and without front matter."""
    return re.sub(r"^```.*?^```|\A---\n.*?^---$", "", text, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in documents()])
def test_what_is_cited_exists(text):
    ticked = re.findall(r"`([^`\n]+)`", prose(text))
    plain = re.findall(rf"(?<![\w/.<])(?:{FOLDERS})/[\w/]+\.(?:py|md|svg)", prose(text))
    assert [name for name in {*ticked, *plain} if exists(name) is False] == []


@pytest.mark.parametrize("page", [p for p in ROOT.glob("**/*.md") if ".venv" not in p.parts], ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)\s#]+)", prose(page.read_text(encoding="utf-8")))
    assert [to for to in links if "://" not in to and not (page.parent / to).exists()] == []


def test_the_check_of_names_can_fail():
    for name in ("li2017/no_such", "qtheory/no_such.py", "qtheory.no_such", "qtheory.methods.no_such", "proofs/x.md"):
        assert exists(name) is False
    for name in ("li2017/sr_convex", "qtheory/core", "qtheory.methods.SR"):
        assert exists(name) is True
    assert exists("w_1") is None


# Size, imports, public names


def test_no_file_is_two_files():
    lengths = {p.name: len(p.read_text(encoding="utf-8").splitlines()) for p in ROOT.glob("qtheory/**/*.py")}
    assert {name: n for name, n in lengths.items() if n > 300} == {}


def python(*arguments):
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_importing_qtheory_costs_nothing():
    heavy = ["numba", "scipy", "cvxpy", "matplotlib", "sklearn", "rich", "click"]
    code = (
        "import sys, time, numpy; begin = time.perf_counter(); import qtheory; spent = time.perf_counter() - begin; "
        f"print(spent, *(m for m in {heavy} if m in sys.modules))"
    )
    runs = [python("-c", code).split() for _ in range(3)]
    assert min(float(spent) for spent, *_ in runs) < 0.1
    assert [loaded for _, *loaded in runs] == [[]] * 3


def test_stating_theorems_and_help_need_no_solver_and_no_plots():
    heavy = "[m for m in ('cvxpy', 'matplotlib') if m in sys.modules]"
    assert python("-c", f"import sys, qtheory; qtheory.all_theorems(); print({heavy})").strip() == "[]"
    assert "verify" in python("-m", "qtheory", "--help")


def test_public_names_are_said_thrice_alike():
    tree = ast.parse((ROOT / "qtheory/__init__.py").read_text(encoding="utf-8"))
    [block] = [n for n in tree.body if isinstance(n, ast.If)]
    typed = {alias.name: node.module for node in block.body for alias in node.names}
    assert typed == dict.fromkeys(qtheory._NAMES) | qtheory._HOME
    assert sorted({*typed, "__version__"}) == sorted(qtheory.__all__)
    assert set(qtheory.__all__) <= set(dir(qtheory))
    for name in qtheory.__all__:
        assert getattr(qtheory, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'no_such'"):
        qtheory.no_such  # noqa: B018


def test_the_version_is_said_alike():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^ *version: (\S+)$", citation, flags=re.MULTILINE) == [qtheory.__version__] * 2
    assert f"## {qtheory.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert qtheory.__version__ in python("-m", "qtheory", "--version")


# The README


def test_the_table_of_theorems_is_up_to_date():
    assert table.insert(README) == README, "run: python -m qtheory.theorems.table --write README.md"


@pytest.mark.parametrize("text", ["", table.BEGIN, table.END + table.BEGIN, table.BEGIN + table.END + table.END])
def test_a_page_without_the_two_markers_is_refused(text):
    with pytest.raises(ValueError, match="text must hold"):
        table.insert(text)


README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)


def test_every_example_of_the_readme_shows_its_output():
    assert len(EXAMPLES) == README.count("```python") > 0


@pytest.mark.slow
@pytest.mark.parametrize(("code", "output"), EXAMPLES, ids=[f"example {i}" for i in range(1, len(EXAMPLES) + 1)])
def test_the_readme_keeps_its_word(code, output):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(code, "README.md", "exec"), {"__name__": "__main__"})
    assert out.getvalue() == output
