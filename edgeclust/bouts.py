"""Hold a label until the next one lasts: fewer changes, each a little later."""


class MinimumBout:
    """Take a new label only once some windows in a row agree on it.

    Parameters
    ----------
    n_windows : int
        How many, at least 1; with 1 every label is taken.

    Examples
    --------
    >>> from edgeclust.bouts import MinimumBout
    >>> bout = MinimumBout(n_windows=2)
    >>> [bout.update(label) for label in [0, 0, 1, 0, 2, 2, 2]]
    [0, 0, 0, 0, 0, 2, 2]
    """

    def __init__(self, n_windows: int) -> None:
        self.n_windows = n_windows
        self._held: int | None = None
        self._wanted: int | None = None
        self._n_agreeing = 0

    def update(self, label: int) -> int:
        """Take the label of the next window; return the one that holds."""
        self._n_agreeing = self._n_agreeing + 1 if label == self._wanted else 1
        self._wanted = label
        if self._held is None or self._n_agreeing >= self.n_windows:
            self._held = label
        return self._held

    def restart(self) -> None:
        """Forget the label, as after a gap: the next one is taken at once."""
        self._held = self._wanted = None
        self._n_agreeing = 0
