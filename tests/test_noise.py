"""Noise laws: mean, moments and support, exactly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtheory.problems import Gaussian, NoNoise, OneBit, Rademacher


@given(st.floats(-3, 3))
def test_finite_noises_have_the_gradient_as_mean_and_the_moments_they_state(gradient):
    for noise in (NoNoise(), Rademacher(0.4), OneBit(3.0)):
        values, chances = noise.support(np.array([gradient, -gradient]))
        assert values.shape == chances.shape and (chances >= 0).all()
        np.testing.assert_allclose(chances.sum(axis=-1), 1, rtol=1e-15)
        np.testing.assert_allclose((values * chances).sum(axis=-1), [gradient, -gradient], atol=1e-14)
        second = (values**2 * chances).sum(axis=-1)
        assert second.sum() == pytest.approx(noise.second_moment(2 * gradient**2, 2), rel=1e-12)
        if not isinstance(noise, OneBit):
            assert second[0] - gradient**2 == pytest.approx(noise.variance, abs=1e-12)


def test_what_a_noise_does_not_have_is_an_error():
    with pytest.raises(ValueError, match=r"Gaussian\(sigma=1.0\) has no finite support"):
        Gaussian(1.0).support(0.0)
    with pytest.raises(ValueError, match="variance that depends on the gradient"):
        _ = OneBit(1.0).variance
    with pytest.raises(ValueError, match="OneBit's scale 1 is below a partial derivative"):
        OneBit(1.0).support([0.5, -1.5])
