"""Toy recordings of three activities and toy images of three patterns; numpy alone."""

import numpy as np
from numpy.typing import NDArray

from edgeclust import Card, Channel, ImageCard, Recording

TOY_CARD = Card(
    name="toy",
    rate_hz=25.0,
    channels=(Channel("ax", "g"), Channel("ay", "g"), Channel("az", "g")),
    window=50,
    stride=25,
    classes=("rest", "walk", "run"),
    mount="waist",
)


def toy_recordings(n_subjects: int = 3, seconds: int = 40, seed: int = 0) -> list[Recording]:
    """Three activities that differ in beat and strength, one after the other, for each subject."""
    rng = np.random.default_rng(seed)
    recordings = []
    for subject in range(n_subjects):
        t = np.arange(seconds * 25) / 25
        parts = []
        for beat_hz, strength in ((0.0, 0.0), (1.6, 0.3), (3.1, 0.9)):
            phase = rng.uniform(0, 2 * np.pi, size=(3, 1))
            wave = strength * np.sin(2 * np.pi * beat_hz * t + phase)
            parts.append(wave + np.array([[0.0], [0.0], [1.0]]) + rng.normal(0, 0.02, wave.shape))
        recordings.append(
            Recording(
                signal=np.concatenate(parts, axis=1).astype(np.float32),
                subject=str(subject + 1),
                session="1",
                labels=np.repeat(np.arange(3), len(t)),
            )
        )
    return recordings


TOY_IMAGE_CARD = ImageCard(
    name="squares",
    channels=(Channel("grey", "0..1"),),
    height=16,
    width=16,
    classes=("corner", "frame", "stripes"),
)


def toy_images(n_images: int = 60, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
    """Noisy images, (n_images, 1, 16, 16), of three patterns in turn, and which each shows."""
    patterns = np.zeros((3, 16, 16))
    patterns[0, :8, :8] = 1
    patterns[1] = 1
    patterns[1, 2:-2, 2:-2] = 0
    patterns[2, ::4] = patterns[2, 1::4] = 1
    labels = np.arange(n_images) % 3
    noise = np.random.default_rng(seed).uniform(0, 80, size=(n_images, 16, 16))
    return (patterns[labels] * 170 + noise).astype(np.uint8)[:, None], labels


def state_stream() -> NDArray[np.float32]:
    """A stream of 24 windows, the last of which holds NaN, (625, 3)."""
    stream = toy_recordings(n_subjects=1, seconds=8, seed=7)[0].signal.T
    return np.concatenate([stream, np.full((25, 3), np.nan, np.float32)])
