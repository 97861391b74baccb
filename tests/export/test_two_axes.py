"""Windows as images of one row: the same numbers."""

import copy

import pytest
import torch
from torch import nn

from edgeclust.export.to_onnx import encoder_to_onnx
from edgeclust.export.two_axes import along_two_axes
from edgeclust.train.encoders import ENCODERS, Standardize
from edgeclust.train.image_encoders import build_conv2d


def encoder_of(name: str, n_channels: int, window: int) -> nn.Module:
    """Build an encoder whose normalisations do something."""
    torch.manual_seed(0)
    network = ENCODERS[name](n_channels, window, 50.0, 8)
    encoder = nn.Sequential(
        Standardize(torch.randn(n_channels), torch.ones(n_channels), 1), network
    )
    for _ in range(3):
        encoder(torch.randn(64, n_channels, window) * 2 + 1)
    return encoder.eval()


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize(("n_channels", "window"), [(1, 64), (3, 100), (6, 128)])
def test_the_twin_embeds_alike_and_its_original_stays(
    name: str, n_channels: int, window: int
) -> None:
    encoder = encoder_of(name, n_channels, window)
    before = copy.deepcopy(encoder.state_dict())
    state = torch.get_rng_state()
    twin = along_two_axes(encoder)
    assert torch.equal(torch.get_rng_state(), state)
    windows = torch.randn(5, n_channels, window)
    with torch.inference_mode():
        torch.testing.assert_close(twin(windows), encoder(windows), rtol=1e-5, atol=1e-5)
    assert not any(isinstance(layer, nn.Conv1d | nn.BatchNorm1d) for layer in twin.modules())
    assert all(torch.equal(part, before[key]) for key, part in encoder.state_dict().items())


@pytest.mark.parametrize("name", ENCODERS)
def test_convolutions_of_the_graph_are_along_two_axes(name: str) -> None:
    graph = encoder_to_onnx(encoder_of(name, 3, 100), (3, 100)).graph
    kernels = [
        [*entry.ints]
        for node in graph.node
        for entry in node.attribute
        if entry.name == "kernel_shape"
    ]
    assert len(kernels) == 3
    assert all(height == 1 for height, _ in kernels)


def test_an_encoder_of_images_is_left_as_it_is() -> None:
    encoder = build_conv2d(1, 28, 28, 8).eval()
    assert along_two_axes(encoder) is encoder
