"""Read recordings and images: data sets by name, and folders of your own."""

from edgeclust.extras import require_extra

require_extra(
    "train",
    "edgeclust.har_data",
    ("filelock", "matplotlib", "pandas", "pooch", "pyarrow", "scipy", "seglearn", "sklearn"),
)

from edgeclust.har_data.recordings_folder import (  # noqa: E402
    read_recordings_folder,
    write_recordings_folder,
)
from edgeclust.har_data.registry import (  # noqa: E402
    READERS,
    absolute_source,
    open_dataset,
    open_recordings,
    prepare_data,
)

__all__ = [
    "READERS",
    "absolute_source",
    "open_dataset",
    "open_recordings",
    "prepare_data",
    "read_recordings_folder",
    "write_recordings_folder",
]
