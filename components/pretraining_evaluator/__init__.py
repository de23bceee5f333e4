"""PretrainingEvaluator: measures a pre-trained release on the validation split and judges it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from components.pretraining_evaluator.component import PretrainingEvaluator

__all__ = ["PretrainingEvaluator"]


def __getattr__(name: str) -> Any:
    # TFX takes seconds to import, and the settings beside it are read by light commands.
    if name != "PretrainingEvaluator":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from components.pretraining_evaluator.component import PretrainingEvaluator

    return PretrainingEvaluator
