from dataclasses import replace

import numpy as np
import pytest
import torch

from edgeclust import ConfigError
from edgeclust.train.encoders import (
    ENCODERS,
    FilterBank,
    build_encoder,
    count_parameters,
    even_posture,
)

from toy import TOY_CARD


def encoder(name: str, window: int = 50, rate_hz: float = 25.0) -> torch.nn.Module:
    n_channels = len(TOY_CARD.channels)
    card = replace(TOY_CARD, window=window, rate_hz=rate_hz)
    torch.manual_seed(0)
    return build_encoder(
        name, torch.full((n_channels,), 2.0), torch.full((n_channels,), 3.0), card, 8
    ).eval()


@pytest.mark.parametrize("name", ENCODERS)
def test_an_embedding_has_the_length_asked_for(name: str) -> None:
    assert encoder(name)(torch.zeros(5, 3, 50)).shape == (5, 8)


@pytest.mark.parametrize("name", ENCODERS)
def test_windows_do_not_see_each_other_when_labelling(name: str) -> None:
    windows = torch.randn(6, 3, 50, generator=torch.Generator().manual_seed(1))
    network = encoder(name)
    alone = torch.cat([network(window[None]) for window in windows])
    torch.testing.assert_close(network(windows), alone)


@pytest.mark.parametrize("name", ENCODERS)
def test_the_unit_of_a_channel_does_not_matter(name: str) -> None:
    windows = torch.randn(4, 3, 50, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(0)
    scaled = build_encoder(
        name, torch.full((3,), 2000.0), torch.full((3,), 3000.0), TOY_CARD, 8
    ).eval()
    torch.testing.assert_close(encoder(name)(windows), scaled(windows * 1000))


@pytest.mark.parametrize("name", ENCODERS)
def test_the_default_fits_a_wearable(name: str) -> None:
    card = replace(TOY_CARD, window=200, rate_hz=50.0)
    network = build_encoder(name, torch.zeros(6), torch.ones(6), card, 16)
    assert count_parameters(network) <= 50_000


def test_a_beat_lands_in_its_band_wherever_the_window_starts() -> None:
    bank = FilterBank(n_channels=1, window=200, rate_hz=50.0)
    beat_hz = 3 / FilterBank.SECONDS  # the middle of the third band
    t = torch.arange(400) / 50
    wave = torch.sin(2 * torch.pi * beat_hz * t)
    power = torch.stack(
        [bank(wave[None, None, start : start + 200])[0] for start in range(0, 40, 7)]
    )
    bands = power[:, : bank.n_bands].mean(dim=-1)
    assert bands.argmax(dim=1).tolist() == [2] * len(bands)
    assert (bands.max(dim=0).values - bands.min(dim=0).values)[2] < 0.01


def test_the_slow_part_keeps_the_posture() -> None:
    bank = FilterBank(n_channels=2, window=64, rate_hz=50.0)
    still = torch.tensor([0.3, -0.8])[None, :, None].expand(1, 2, 64)
    features = bank(still)
    np.testing.assert_allclose(features[0, -2:].mean(dim=-1), [0.3, -0.8], atol=1e-6)
    # A constant has no power in any band; the second band of a Hann window is the first it spares.
    np.testing.assert_allclose(
        features[0, 1 : bank.n_bands], np.log(FilterBank.POWER_FLOOR), atol=1e-3
    )


def test_posture_is_made_to_weigh_as_much_as_all_bands_together() -> None:
    plain, even = encoder("filterbank"), encoder("filterbank")
    even_posture(even)
    before, after = (dict(network.named_parameters()) for network in (plain, even))
    changed = [name for name in before if not torch.equal(before[name], after[name])]
    (name,) = changed
    bank = FilterBank(3, 50, 25.0)
    n_power = 3 * bank.n_bands
    torch.testing.assert_close(after[name][:, :n_power], before[name][:, :n_power])
    slow = before[name][:, n_power:]
    torch.testing.assert_close(after[name][:, n_power:], slow * bank.n_bands**0.5)
    conv = encoder("conv")
    even_posture(conv)
    windows = torch.ones(1, 3, 50)
    torch.testing.assert_close(conv(windows), encoder("conv")(windows))


@pytest.mark.parametrize(("window", "rate_hz"), [(3, 50.0), (16, 50.0), (40, 5.0), (1000, 200.0)])
def test_any_rate_and_window_length_work(window: int, rate_hz: float) -> None:
    assert encoder("filterbank", window, rate_hz)(torch.zeros(2, 3, window)).shape == (2, 8)


def test_a_window_too_short_for_a_band_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"filterbank needs windows of 3 samples, got 2"):
        encoder("filterbank", window=2)
