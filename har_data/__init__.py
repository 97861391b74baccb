"""Read recordings: data sets by name, and folders of your own."""

from edgeclust.extras import require_extra

require_extra("train", "edgeclust.har_data", ("pandas", "seglearn"))

from edgeclust.har_data.recordings_folder import (  # noqa: E402
    read_recordings_folder,
    write_recordings_folder,
)
from edgeclust.har_data.registry import READERS, absolute_source, open_dataset  # noqa: E402

__all__ = [
    "READERS",
    "absolute_source",
    "open_dataset",
    "read_recordings_folder",
    "write_recordings_folder",
]
