"""Label what a sensor measures, as on a Raspberry Pi; here it replays a recording.

    python examples/replay_sensor.py demo/model.onnx demo/held_out.csv

Put your driver in place of `ReplayedSensor`: all that the loop needs is `read`, which returns what
its buffer holds. The clock is monotonic, for one that a network sets right would look like a gap.
"""

import argparse
import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from edgeclust import Labeler


class ReplayedSensor:
    """A recording that comes like the measurements of a sensor with a buffer of its own.

    Parameters
    ----------
    samples : float array of shape (n_samples, n_channels)
        In the model's units.
    rate_hz : float
        How many the sensor takes a second.
    speed : float
        How many times faster than that the replay is.
    """

    def __init__(self, samples: NDArray[np.float64], rate_hz: float, speed: float) -> None:
        self._samples = samples
        self._rate_hz = rate_hz
        self._speed = speed
        self._started = time.monotonic()
        self._n_read = 0

    def read(self) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Return the samples since the last call with their seconds; None at the end."""
        if self._n_read == len(self._samples):
            return None
        seconds = (time.monotonic() - self._started) * self._speed
        stop = min(int(seconds * self._rate_hz) + 1, len(self._samples))
        new = np.arange(self._n_read, stop)
        self._n_read = stop
        return self._samples[new], new / self._rate_hz


def measurements(
    sensor: ReplayedSensor, every_s: float
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Empty the sensor's buffer from time to time, before it overflows."""
    while (measured := sensor.read()) is not None:
        yield measured
        time.sleep(every_s)


def main() -> None:
    """Label the stream and print when the activity changes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="a .onnx file that 'edgeclust export' wrote")
    parser.add_argument("recording", help="CSV with a column for each channel")
    parser.add_argument("--speed", type=float, default=20.0, help="times faster than it was")
    arguments = parser.parse_args()
    labeler = Labeler.open(arguments.model)
    metadata = labeler.metadata
    table = np.genfromtxt(arguments.recording, delimiter=",", names=True)
    samples = np.stack([table[name] for name in metadata.channel_names], axis=1)
    sensor = ReplayedSensor(samples, metadata.rate_hz, arguments.speed)
    before: object = None
    for measured, t in measurements(sensor, every_s=0.2 / arguments.speed):
        for event in labeler.push(measured, t):
            said = event.skipped or event.name or f"cluster {event.cluster}"
            if said != before:
                print(f"{event.t:7.1f} s  {said}", flush=True)
            before = said


if __name__ == "__main__":
    main()
