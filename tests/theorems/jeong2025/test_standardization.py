import numpy as np
import pytest

from qtheory.theorems.jeong2025._noise import perturbation, vertices
from qtheory.theorems.jeong2025.standardization import (
    TARGET,
    THEOREM,
    DataCase,
    certified,
    certified_steps,
    meets,
    recovered,
)
from qtheory.two_layer import recover
from tests.theorems.checks import shipped


def test_shipped_instances():
    shipped(THEOREM)


@pytest.mark.parametrize(("law", "ste"), [("shifted", "relu"), ("exponential", "identity"), ("scales", "identity")])
def test_a_certified_data_set_is_recovered_from_every_orthant_in_time(law, ste):
    p = DataCase(name="", n=7, law=law, ste=ste).draw(3)
    found = perturbation(p)
    assert meets(found)
    eta = 0.25
    u0 = vertices(7) * np.random.default_rng(0).exponential(size=(128, 7)) * 2
    late = certified_steps(found, u0 * p.teacher / (eta * found.speed))
    run = recover(p, start=u0, step=eta, steps=int(late.max()) + 10)
    assert (run.hit > late / 100).any()
    assert (run.hit >= 0).all() and (run.hit <= late).all() and (run.escapes == 0).all()


@pytest.mark.parametrize(("law", "ste"), [("uniform", "relu"), ("shifted", "relu"), ("exponential", "relu")])
def test_on_the_same_draws_standardizing_repairs_what_fails(law, ste):
    raw, repaired = (
        [recovered(DataCase(name="", law=law, ste=ste, standardize=s, by="recovery"), seed) for seed in range(20)]
        for s in (False, True)
    )
    assert sum(raw) <= 6 and all(repaired)


def test_a_certificate_is_sufficient_but_not_necessary():
    case = DataCase(name="", law="exponential", standardize=False)
    seen = [(certified(case, seed), recovered(case, seed)) for seed in range(10)]
    assert not any(c for c, _ in seen) and all(r for _, r in seen)


def test_few_samples_have_no_certificate():
    found = perturbation(DataCase(name="", samples=16).draw(1))
    assert not meets(found) and (certified_steps(found, np.ones((2, 7))) == np.inf).all()


@pytest.mark.parametrize(
    "changes",
    [{"samples": 32}, {"law": "lognormal", "ste": "relu", "m": 4}, {"law": "exponential", "ste": "relu"}, {"m": 2},
     {"standardize": False, "law": "exponential"}, {"by": "recovery", "ste": "relu", "m": 4, "steps": 10}],
)  # fmt: skip
def test_sizes_and_laws_that_were_not_measured_are_out_of_scope(changes):
    evidence = THEOREM.check(DataCase(name="", trials=4, **{"law": "uniform", **changes}))
    assert evidence.verdict == "out of scope"
    assert evidence.assumptions[-1].assumption == "a size and law that were measured"


def test_what_is_out_of_scope_would_contradict_the_claim():
    for changes in ({"law": "uniform", "samples": 32}, {"law": "lognormal", "ste": "relu", "m": 4}):
        found = THEOREM.measure(DataCase(name="", trials=60, **changes), seed=1, failure=1e-9)
        assert found.low > TARGET


def test_success_must_be_defined():
    assert THEOREM.check(DataCase(name="", by="luck", trials=2)).verdict == "out of scope"
