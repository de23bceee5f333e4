"""Thin TFX components: interface, executor, and the plain functions they call."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    """Imports the artifact type when it is asked for by the path that is its name."""
    if name != "Evaluation":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from components.artifacts import Evaluation

    return Evaluation
