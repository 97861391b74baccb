"""What a training step takes in for its windows, kept where the encoder computes."""

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edgeclust.dataset import Dataset, WindowedDataset
from edgeclust.train.halves import Halves, encode
from edgeclust.window_rows import WindowRows

logger = logging.getLogger(__name__)

LIMIT = 1 << 31
"""Bytes, 2 GiB: what is kept for the encoder, beside the recordings, on a CPU, at most."""

CUDA_SHARE = 0.5
"""Part of the memory of a CUDA device that is kept for it there, at most."""

BLOCK = 256
"""Windows that the fixed half of an encoder is worked out for at once."""


class Inputs:
    """The windows of a data set as an encoder takes them in, gathered by index.

    Three ways, the first that fits the limit:

    1. An encoder that begins with a filter bank (the default for recordings): what its fixed half
       gives for all windows is worked out once and kept on the device, for every epoch and every
       restart. Windows that overlap share it where they can.
    2. On CUDA, the recordings (or the images) are copied to the device once, and windows are cut
       there. On a CPU they are there already.
    3. Batches are gathered on the host; for CUDA into pinned memory, and the next one by a thread
       while the device computes.

    Nothing is worked out, copied or said before the first batch.

    Parameters
    ----------
    dataset : Dataset
        Where the windows come from.
    device : device
        Where the encoder is.
    limit : int, optional
        Bytes to keep at most; left out, `LIMIT` on a CPU, `CUDA_SHARE` of the memory of a GPU.
        It depends on nothing that changes, so the same data are gathered the same way each time.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from edgeclust import Card, Channel, Recording, WindowedDataset
    >>> from edgeclust.train.encoders import build_encoder
    >>> from edgeclust.train.inputs import Inputs
    >>> card = Card("toy", 50.0, (Channel("ax", "g"),), window=100, stride=50)
    >>> signal = np.ones((1, 1000), np.float32)
    >>> dataset = WindowedDataset(card, [Recording(signal, "1", "1")])
    >>> encoder = build_encoder("filterbank", torch.zeros(1), torch.ones(1), card, n_features=4)
    >>> Inputs(dataset, torch.device("cpu")).encode(encoder, np.array([0, 5])).shape
    torch.Size([2, 4])
    """

    def __init__(self, dataset: Dataset, device: torch.device, limit: int | None = None) -> None:
        self._dataset = dataset
        self._device = device
        if limit is None:
            limit = LIMIT
            if device.type == "cuda":
                limit = int(CUDA_SHARE * torch.cuda.get_device_properties(device).total_memory)
        self._limit = limit
        self._source: _Source | None = None
        self._next: tuple[NDArray[np.intp], Tensor | Future[Tensor]] | None = None

    def encode(self, encoder: nn.Module, indices: NDArray[np.intp]) -> Tensor:
        """Embed windows, with gradient where that is on.

        Parameters
        ----------
        encoder : Module
            On the device; always with the same fixed half.
        indices : intp array of shape (n,)
            Of the windows.

        Returns
        -------
        embedding : float32 Tensor of shape (n, n_features)
            On the device. To be done with, its gradient too, before the next batch is encoded:
            on a CPU the memory of what went in is used again.
        """
        if self._source is None:
            self._source = self._choose(Halves.of(encoder))
        found: Tensor | Future[Tensor]
        if self._next is not None and np.array_equal(self._next[0], indices):
            found = self._next[1]
        else:
            found = self._source.fetch(indices)
        self._next = None
        inputs = self._source.take(found)
        if not isinstance(self._source, _Outputs):
            return encode(encoder, inputs)
        moments = self._source.moments(indices) if encoder.training else None
        return Halves(encoder).learnt(inputs, moments)

    def expect(self, indices: NDArray[np.intp]) -> None:
        """Begin to fetch the batch that is encoded next, where that runs beside what is done here.

        Parameters
        ----------
        indices : intp array of shape (n,)
            Of its windows.
        """
        if self._source is not None and self._source.is_ahead:
            self._next = indices, self._source.fetch(indices)

    def _choose(self, halves: Halves | None) -> "_Source":
        """Return the first way that fits, and say which it is."""
        dataset, limit = self._dataset, self._limit
        room = f"{limit / 2**30:.3g} GiB"
        on_cuda = self._device.type == "cuda"
        if halves is not None and isinstance(dataset, WindowedDataset):
            plan = OutputPlan(dataset, halves)
            size = plan.n_bytes / 2**20
            if plan.n_bytes <= limit:
                logger.info("%.0f MiB of filtered windows are kept on %s", size, self._device.type)
                return _Outputs(plan, dataset, halves, self._device)
            logger.info(
                "windows are filtered batch by batch: all, filtered, would take %.0f MiB of %s",
                size,
                room,
            )
        if not on_cuda:
            return _Batches(dataset, self._device)
        if isinstance(dataset, WindowedDataset):
            n_bytes = sum(recording.signal.size * 4 for recording in dataset.recordings)
        else:
            n_bytes = len(dataset) * dataset.gather(np.zeros(1, np.intp)).nbytes
        if n_bytes <= limit:
            logger.info("%.0f MiB of data are kept on the device", n_bytes / 2**20)
            return DeviceWindows(dataset, self._device)
        logger.info(
            "batches are copied to the device one by one: all data would take %.0f MiB of %s",
            n_bytes / 2**20,
            room,
        )
        return BatchesAhead(dataset, self._device)


class _Source(Protocol):
    """One way of gathering."""

    is_ahead: bool  # whether fetching runs beside what is done here

    def fetch(self, indices: NDArray[np.intp]) -> "Tensor | Future[Tensor]":
        """Begin to gather windows."""

    def take(self, found: "Tensor | Future[Tensor]") -> Tensor:
        """Return them, on the device."""


class OutputPlan:
    """Where each window's outputs of a filter bank lie in one table of steps.

    A window's steps are consecutive rows. Two windows of a recording whose starts are a whole
    number of steps apart share the rows that they have in common: with a stride of one step, all
    but one. So windows that overlap by 99 % take, for each channel and band, as many numbers as
    there are samples, or fewer; windows that do not meet take their own.

    Parameters
    ----------
    dataset : WindowedDataset
        The windows.
    halves : Halves
        Of the encoder.

    Attributes
    ----------
    first_rows : intp array of shape (n_windows,)
        First row of each window.
    n_rows, n_bytes : int
        Of the table, the bytes with two numbers for each window and output: their moments.
    runs : list of (recording, start, row, n_steps)
        What fills the table: from that sample of that recording on, so many steps, to that row.
    """

    def __init__(self, dataset: WindowedDataset, halves: Halves) -> None:
        hop, self.n_steps = halves.bank.stride, halves.n_steps(dataset.card.window)
        recordings, starts = dataset.recording_indices, dataset.starts
        order = np.lexsort((starts, starts % hop, recordings))
        steps = np.diff(starts[order]) // hop
        meets = (np.diff(recordings[order]) == 0) & (np.diff(starts[order] % hop) == 0)
        meets &= steps <= self.n_steps
        rows = np.cumsum([0, *np.where(meets, steps, self.n_steps)])
        self.first_rows = np.empty_like(rows)
        self.first_rows[order] = rows
        self.n_rows = int(rows[-1]) + self.n_steps
        self.n_bytes = (self.n_rows + 2 * len(dataset)) * halves.bank.n_outputs * 4
        heads = np.flatnonzero(np.concatenate([[True], ~meets]))
        edges = [*rows[heads].tolist(), self.n_rows]
        firsts = order[heads]
        self.runs = [
            (recording, start, row, end - row)
            for recording, start, row, end in zip(
                recordings[firsts].tolist(),
                starts[firsts].tolist(),
                edges[:-1],
                edges[1:],
                strict=True,
            )
        ]


class _Outputs:
    """What the fixed half of an encoder gives for all windows, kept on the device.

    Beside it are mean and variance of each output over each window, of which those of a batch are
    made: to look at all of its rows in every step would take as long as a product with them.
    """

    def __init__(
        self, plan: OutputPlan, dataset: WindowedDataset, halves: Halves, device: torch.device
    ) -> None:
        self.is_ahead = device.type == "cuda"
        self._device = device
        self._first_rows = torch.from_numpy(plan.first_rows).to(device)
        self._steps = torch.arange(plan.n_steps, device=device)
        self._table = torch.empty(plan.n_rows, halves.bank.n_outputs, device=device)
        self._batch = self._table[:0]
        self._fill(plan, dataset, halves)
        self._moments = torch.empty(len(dataset), 2, halves.bank.n_outputs, device=device)
        shares = torch.full((1, plan.n_steps), 1 / plan.n_steps, device=device)
        for first in range(0, len(dataset), BLOCK):
            rows = self._table[self._first_rows[first : first + BLOCK, None] + self._steps]
            mean = shares @ rows  # on a CPU twice as quick as torch's own
            self._moments[first : first + BLOCK, :1] = mean
            self._moments[first : first + BLOCK, 1:] = shares @ (rows - mean).square_()

    def moments(self, indices: NDArray[np.intp]) -> tuple[Tensor, Tensor]:
        """Return mean and variance of each output over windows, all of which have as many rows."""
        own = self._moments[torch.from_numpy(indices).to(self._device, non_blocking=True)]
        means, variances = own.unbind(1)
        mean = means.mean(dim=0)
        return mean, (variances + (means - mean).square()).mean(dim=0)

    def _fill(self, plan: OutputPlan, dataset: WindowedDataset, halves: Halves) -> None:
        """Filter: windows that meet no other many at once, runs of others stretch by stretch."""
        hop, kernel = halves.bank.stride, halves.bank.kernel.shape[-1]
        window = dataset.card.window
        alone = [run for run in plan.runs if run[3] == plan.n_steps]
        signals = WindowRows([r.signal for r in dataset.recordings], window)
        for first in range(0, len(alone), BLOCK):
            few = np.array(alone[first : first + BLOCK])
            windows = torch.from_numpy(signals.gather(few[:, 0], few[:, 1])).to(self._device)
            rows = torch.from_numpy(few[:, 2]).to(self._device)[:, None] + self._steps
            self._table[rows] = halves.fixed(windows)
        longest = BLOCK * plan.n_steps
        for recording, start, row, n_steps in plan.runs:
            if n_steps == plan.n_steps:
                continue
            signal = dataset.recordings[recording].signal
            for step in range(0, n_steps, longest):
                n = min(longest, n_steps - step)
                begin = start + step * hop
                stretch = np.array(signal[None, :, begin : begin + (n - 1) * hop + kernel])
                out = self._table[row + step : row + step + n]
                halves.fixed(torch.from_numpy(stretch).to(self._device), out[None])

    def fetch(self, indices: NDArray[np.intp]) -> Tensor:
        """Gather; on a CPU into memory that is used again, as fresh memory is slow to get."""
        firsts = self._first_rows[torch.from_numpy(indices).to(self._device, non_blocking=True)]
        rows = (firsts[:, None] + self._steps).flatten()
        if self._device.type != "cpu":
            return self._table[rows].view(len(indices), -1, self._table.shape[1])
        if len(self._batch) < len(rows):
            self._batch = self._table.new_empty(len(rows), self._table.shape[1])
        out = self._batch[: len(rows)]
        torch.index_select(self._table, 0, rows, out=out)
        return out.view(len(indices), -1, self._table.shape[1])

    def take(self, found: "Tensor | Future[Tensor]") -> Tensor:
        """Return what was gathered."""
        assert isinstance(found, Tensor)
        return found


class DeviceWindows:
    """Data on the device, windows cut there.

    Parameters
    ----------
    dataset : Dataset
        Recordings are copied once, however much their windows overlap; of other data all.
    device : device
        Where to.
    """

    is_ahead = True

    def __init__(self, dataset: Dataset, device: torch.device) -> None:
        self._device = device
        if not isinstance(dataset, WindowedDataset):
            card = dataset.card
            shape = len(dataset), len(card.channels), *card.shape
            self._windows = torch.empty(shape, device=device)
            for block in np.array_split(np.arange(len(dataset)), -(-len(dataset) // BLOCK)):
                self._windows[block[0] : block[-1] + 1] = torch.from_numpy(dataset.gather(block))
            self._rows = torch.arange(len(dataset), device=device)
            return
        window, n_channels = dataset.card.window, len(dataset.card.channels)
        lengths = [recording.signal.shape[1] for recording in dataset.recordings]
        edges = np.cumsum([0, *lengths])
        samples = torch.empty(n_channels, int(edges[-1]), device=device)
        for recording, start, end in zip(dataset.recordings, edges[:-1], edges[1:], strict=True):
            samples[:, start:end] = torch.from_numpy(np.array(recording.signal)).to(device)
        self._windows = samples.unfold(1, window, 1).transpose(0, 1)  # a view
        rows = edges[dataset.recording_indices] + dataset.starts
        self._rows = torch.from_numpy(rows).to(device)

    def fetch(self, indices: NDArray[np.intp]) -> Tensor:
        """Gather, behind what the device has to do yet."""
        rows = self._rows[torch.from_numpy(indices).to(self._device, non_blocking=True)]
        return self._windows[rows]

    def take(self, found: "Tensor | Future[Tensor]") -> Tensor:
        """Return what was gathered."""
        assert isinstance(found, Tensor)
        return found


class _Batches:
    """Batches from the host, gathered when they are wanted."""

    is_ahead = False

    def __init__(self, dataset: Dataset, device: torch.device) -> None:
        self._dataset = dataset
        self._device = device

    def fetch(self, indices: NDArray[np.intp]) -> Tensor:
        """Gather."""
        return torch.from_numpy(self._dataset.gather(indices))

    def take(self, found: "Tensor | Future[Tensor]") -> Tensor:
        """Return what was gathered."""
        assert isinstance(found, Tensor)
        return found.to(self._device)


class BatchesAhead:
    """Batches from the host, gathered by a thread; those for CUDA into pinned memory.

    Parameters
    ----------
    dataset : Dataset
        Where the windows come from.
    device : device
        Where they go.
    """

    is_ahead = True

    def __init__(self, dataset: Dataset, device: torch.device) -> None:
        self._dataset = dataset
        self._device = device
        self._thread = ThreadPoolExecutor(1)

    def fetch(self, indices: NDArray[np.intp]) -> Future[Tensor]:
        """Let the thread gather."""
        return self._thread.submit(self._gather, indices)

    def _gather(self, indices: NDArray[np.intp]) -> Tensor:
        """Return windows on the host."""
        windows = torch.from_numpy(self._dataset.gather(indices))
        return windows.pin_memory() if self._device.type == "cuda" else windows

    def take(self, found: "Tensor | Future[Tensor]") -> Tensor:
        """Send what was gathered to the device, without waiting for it to arrive."""
        assert isinstance(found, Future)
        return found.result().to(self._device, non_blocking=True)
