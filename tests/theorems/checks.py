"""What the tests of theorems share."""

import pytest

from qtheory.theorems import Instance, Role, Theorem, Verdict


def shipped(theorem: Theorem, *, scale: str = "quick") -> None:
    """Every instance that ships with a theorem gets its registered verdict, and there is a control among them."""
    instances = list(theorem.instances(scale))
    assert any(i.role == Role.CONTROL for i in instances) and any(i.role == Role.EDGE for i in instances)
    assert len({i.name for i in instances}) == len(instances)
    wrong = []
    for instance in instances:
        evidence = theorem.check(instance, seed=7, failure=1e-9)
        if not evidence.as_expected:
            wrong.append(f"{instance.name}: {evidence.verdict}, expected {evidence.expected}; slack {evidence.slack}")
    assert not wrong, "\n".join(wrong)


def holds(theorem: Theorem, **case) -> float:
    """The theorem holds on a drawn instance; its slack."""
    evidence = theorem.check(Instance(name="drawn", **case), seed=11, failure=1e-9)
    assert evidence.verdict == Verdict.HOLDS, (evidence.slack, evidence.assumptions)
    return evidence.measured.estimate / evidence.bound if evidence.bound > 0 else 0.0


def value(theorem: Theorem, name: str, *, scale: str = "quick"):
    """The evidence on the shipped instance of this name."""
    return theorem.check(next(i for i in theorem.instances(scale) if i.name == name), seed=7, failure=1e-9)


about = pytest.approx
