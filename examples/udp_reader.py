"""Label samples that come as lines over UDP: time and channels, commas between them.

    python examples/udp_reader.py demo/model.onnx --port 5005              # on the device
    python examples/udp_reader.py demo/model.onnx --port 5005 --send demo/held_out.csv

The second command plays the sensor. UDP loses datagrams and swaps them: late lines are left out,
windows that lack too many are skipped, and a silence starts anew. An empty datagram ends it.
"""

import argparse
import csv
import socket
import time
from collections.abc import Sequence

import numpy as np

from edgeclust import Labeler

LONGEST = 65_507
"""Bytes of a datagram, at most."""


def receive(labeler: Labeler, port: int) -> None:
    """Label what comes and print an event a line, until an empty datagram."""
    n_values = 1 + len(labeler.metadata.channels)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", port))
        print(f"listening on port {receiver.getsockname()[1]}", flush=True)
        while datagram := receiver.recv(LONGEST):
            try:
                rows = [list(map(float, line.split(b","))) for line in datagram.splitlines()]
                table = np.array(rows)
            except ValueError:
                table = np.empty(0)
            if table.shape[1:] != (n_values,) or not np.isfinite(table[:, 0]).all():
                print("left out a datagram that holds other than time and channels", flush=True)
                continue
            for event in labeler.push(table[:, 1:], table[:, 0]):
                print(event.to_json(), flush=True)
    print(
        f"{labeler.n_windows} windows, {labeler.n_skipped} skipped, {labeler.n_late} late samples"
    )


def send(recording: str, channels: Sequence[str], rate_hz: float, port: int, speed: float) -> None:
    """Send a recording, ten samples a datagram, as a sensor would."""
    with open(recording, newline="") as file:
        rows = [[row[name] for name in channels] for row in csv.DictReader(file)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(("127.0.0.1", port))
        for start in range(0, len(rows), 10):
            lines = [
                ",".join([f"{index / rate_hz:.4f}", *rows[index]])
                for index in range(start, min(start + 10, len(rows)))
            ]
            sender.send("\n".join(lines).encode())
            time.sleep(10 / rate_hz / speed)
        sender.send(b"")


def main() -> None:
    """Receive, or send."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="a .onnx file that 'edgeclust export' wrote")
    parser.add_argument("--port", type=int, default=5005, help="0 takes one that is free")
    parser.add_argument("--send", metavar="CSV", help="send this recording instead")
    parser.add_argument("--speed", type=float, default=20.0, help="times faster than it was")
    arguments = parser.parse_args()
    labeler = Labeler.open(arguments.model)
    if arguments.send:
        channels, rate_hz = labeler.metadata.channel_names, labeler.metadata.rate_hz
        send(arguments.send, channels, rate_hz, arguments.port, arguments.speed)
    else:
        receive(labeler, arguments.port)


if __name__ == "__main__":
    main()
