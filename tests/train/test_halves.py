from copy import deepcopy

import pytest
import torch
from torch import nn

from edgeclust import Card, Channel
from edgeclust.train.encoders import build_encoder
from edgeclust.train.halves import Halves, batch_moments


def an_encoder(name: str = "filterbank", n_channels: int = 3) -> nn.Module:
    channels = tuple(Channel(f"c{n}", "g") for n in range(n_channels))
    card = Card("toy", 25.0, channels, window=80, stride=40)
    torch.manual_seed(0)
    mean, std = torch.linspace(-1, 1, n_channels), torch.linspace(0.5, 2, n_channels)
    return build_encoder(name, mean, std, card, 8)


def some_windows(n: int = 9, n_channels: int = 3) -> torch.Tensor:
    return torch.randn(n, n_channels, 80, generator=torch.Generator().manual_seed(1))


def halves_of(encoder: nn.Module) -> Halves:
    halves = Halves.of(encoder)
    assert halves is not None
    return halves


@pytest.mark.parametrize("training", [True, False])
def test_the_halves_give_what_the_encoder_gives(training: bool) -> None:
    encoder = an_encoder().train(training)
    halves = halves_of(deepcopy(encoder))
    windows = some_windows()
    torch.testing.assert_close(
        halves.learnt(halves.fixed(windows)), encoder(windows), rtol=1e-4, atol=1e-5
    )


def test_the_halves_learn_what_the_encoder_learns() -> None:
    encoder = an_encoder().train()
    other = deepcopy(encoder)
    halves, windows = halves_of(other), some_windows()
    target = torch.randn(9, 8, generator=torch.Generator().manual_seed(2))
    for embedding in (encoder(windows), halves.learnt(halves.fixed(windows))):
        torch.autograd.backward((embedding - target).square().mean())
    for (name, weight), moved in zip(encoder.named_parameters(), other.parameters(), strict=True):
        assert weight.grad is not None
        torch.testing.assert_close(weight.grad, moved.grad, rtol=1e-3, atol=1e-5, msg=name)
    # The running statistics too, and how many batches they are of.
    for (name, one), two in zip(encoder.named_buffers(), other.buffers(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5, msg=name)


def test_windows_are_filtered_alike_in_however_many_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    halves, windows = halves_of(an_encoder()), some_windows(50)
    at_once = halves.fixed(windows)
    monkeypatch.setattr("edgeclust.train.halves.BLOCK", 1)
    torch.testing.assert_close(halves.fixed(windows), at_once, rtol=0, atol=1e-6)


def test_what_is_filtered_goes_where_it_is_wanted() -> None:
    halves, windows = halves_of(an_encoder()), some_windows()
    out = torch.empty(9, halves.n_steps(80), halves.bank.n_outputs)
    assert halves.fixed(windows, out) is out
    torch.testing.assert_close(out, halves.fixed(windows))


def test_an_encoder_that_learns_all_its_filters_has_no_halves() -> None:
    assert Halves.of(an_encoder("conv")) is None


def test_moments_are_those_of_float64() -> None:
    generator = torch.Generator().manual_seed(0)
    rows = 5 + 0.1 * torch.randn(70_000, 7, generator=generator)
    mean, variance = batch_moments(rows)
    torch.testing.assert_close(mean.double(), rows.double().mean(dim=0), rtol=1e-6, atol=0)
    expected = rows.double().var(dim=0, correction=0)
    torch.testing.assert_close(variance.double(), expected, rtol=1e-4, atol=0)


def test_a_column_that_never_changes_has_no_variance() -> None:
    mean, variance = batch_moments(torch.full((1000, 3), -4.6051702))
    assert mean.tolist() == torch.full((3,), -4.6051702).tolist()
    assert variance.tolist() == [0, 0, 0]
