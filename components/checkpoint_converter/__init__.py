"""CheckpointConverter: a published checkpoint becomes the model directory that Trainer starts from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from components.checkpoint_converter.component import CheckpointConverter

__all__ = ["CheckpointConverter"]


def __getattr__(name: str) -> Any:
    """Imports the component when it is asked for: its settings are read by commands that must not wait for TFX."""
    if name != "CheckpointConverter":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from components.checkpoint_converter.component import CheckpointConverter

    return CheckpointConverter
