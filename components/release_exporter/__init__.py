"""ReleaseExporter: a trained model becomes the files that are evaluated and then published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from components.release_exporter.component import ReleaseExporter

__all__ = ["ReleaseExporter"]


def __getattr__(name: str) -> Any:
    """Imports the component when it is asked for: its settings are read by commands that must not wait for TFX."""
    if name != "ReleaseExporter":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from components.release_exporter.component import ReleaseExporter

    return ReleaseExporter
