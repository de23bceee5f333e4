"""RunReporter, the exit handler of a run on Vertex AI: says how the run ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from components.run_reporter.component import RunReporter

__all__ = ["RunReporter"]


def __getattr__(name: str) -> Any:
    """Imports the component when it is asked for: its settings are part of the configuration, which needs no TFX."""
    if name != "RunReporter":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from components.run_reporter.component import RunReporter

    return RunReporter
