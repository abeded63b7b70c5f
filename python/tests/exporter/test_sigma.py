"""Standard deviations where exp(rho) overflows or vanishes."""

import math

import torch

from bayes8.export.sigma import sigma_from_rho


def test_a_large_rho_does_not_overflow() -> None:
    assert sigma_from_rho(torch.tensor([100.0, 1e30])).tolist() == [
        100.0,
        float(torch.tensor(1e30)),
    ]


def test_a_small_rho_keeps_its_digits() -> None:
    # f32's log(1 + exp(rho)) has lost all of them at -17.
    for rho in (-9.0, -17.0, -80.0):
        sigma = float(sigma_from_rho(torch.tensor([rho]))[0])
        assert math.isclose(sigma, math.log1p(math.exp(rho)), rel_tol=1e-7)


def test_below_f32_is_zero_and_not_nan() -> None:
    assert sigma_from_rho(torch.tensor([-200.0])).tolist() == [0.0]


def test_the_result_is_the_nearest_f32() -> None:
    rho = torch.linspace(-20, 25, 1001)
    expected = [math.log1p(math.exp(value)) for value in rho.tolist()]
    torch.testing.assert_close(sigma_from_rho(rho), torch.tensor(expected), rtol=1.2e-7, atol=0)
