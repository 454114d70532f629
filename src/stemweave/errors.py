"""The errors stemweave raises on purpose.

Each message says what came, what was expected and what to do::

    StemweaveError
    ├── UsageError            an argument that cannot work: a name, a number, a combination
    ├── AudioError            a file that is missing, empty, truncated, not audio, or holds NaN
    │   └── FormatError       a file format that cannot hold this rate, channel count or subtype
    ├── OutputError           a place that exists already or cannot be written
    ├── DataError             a folder of tracks, a manifest or a cache that is not as described
    ├── ModelError            an unknown model, or a checkpoint that is corrupt, mismatched or unsafe
    └── MissingExtra          an optional dependency that is not installed
"""


class StemweaveError(Exception):
    """Anything a user can cause and mend; the command line prints it as one line."""


class UsageError(StemweaveError, ValueError):
    """An argument that cannot work."""


class AudioError(StemweaveError):
    """A sound file that cannot be used."""


class FormatError(AudioError):
    """A file format that cannot hold what it was given."""


class OutputError(StemweaveError):
    """A place that exists already or cannot be written."""


class DataError(StemweaveError):
    """A corpus, manifest or cache that is not as described."""


class ModelError(StemweaveError):
    """A model that is unknown, corrupt, mismatched or unsafe to load."""


class MissingExtra(StemweaveError, ImportError):  # noqa: N818 (the name is the message)
    """An optional dependency that is not installed."""
