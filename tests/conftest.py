"""Hypothesis profiles: `default` is deterministic and quick; HYPOTHESIS_PROFILE=deep draws many more examples."""

import os
import signal

from hypothesis import HealthCheck, settings

# A shell's background jobs ignore Ctrl-C, and would wait for ever for the tests that send it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The first example of a test may compile for seconds.
settings.register_profile(
    "default", deadline=None, max_examples=30, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("deep", settings.get_profile("default"), max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
