"""WEREvaluator: measures a release on the test splits and judges it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from components.wer_evaluator.component import WEREvaluator

__all__ = ["WEREvaluator"]


def __getattr__(name: str) -> Any:
    # TFX takes seconds to import, and the settings beside it are read by light commands.
    if name != "WEREvaluator":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from components.wer_evaluator.component import WEREvaluator

    return WEREvaluator
