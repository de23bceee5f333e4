"""The one family of errors that a user may see.

Every message is one sentence that names the rule, the value received and the mend. The command line prints that
sentence and ends with `exit_code`; `may_retry` tells an orchestrator whether the same task can succeed later without
anybody changing anything.
"""

from __future__ import annotations

from typing import ClassVar


class W2v2Error(Exception):
    """Base of all errors raised on purpose. Raise a subclass, never this class."""

    exit_code: ClassVar[int] = 1
    may_retry: ClassVar[bool] = False


class UsageError(W2v2Error):
    """The command or the configuration is wrong. Exit code 2."""

    exit_code = 2


class ConfigurationError(UsageError):
    """A field of the configuration is unknown or has an impossible value. Exit code 2."""


class DataError(W2v2Error):
    """A corpus, a record or an artifact is not what it must be. Exit code 3."""

    exit_code = 3


class CheckpointError(DataError):
    """A checkpoint or a model directory cannot be read, or does not fit. Exit code 3."""


class ReleaseError(DataError):
    """A released or staged model is not what was evaluated. Exit code 3."""


class TryAgainError(W2v2Error):
    """Something outside is in the way now and may be gone later: a lock, a full disk, a signal. Exit code 75."""

    exit_code = 75
    may_retry = True


class DiskFullError(TryAgainError):
    """The file system under the workspace has no room left. Exit code 75."""


class WorkerError(W2v2Error):
    """A process that did some of the work ended without a result or a reason; its log says more. Exit code 1."""
