"""Toy recordings of three activities, made in code; numpy alone."""

import numpy as np

from edgeclust import Card, Channel, Recording

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
