"""What every ONNX file of a release takes and gives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from model.errors import ReleaseError

INPUT = "input_values"


def check_signature(path: Path, inputs: Sequence[str], outputs: Sequence[str], output: str) -> None:
    """Checks the names of inputs and outputs.

    Raises:
      ReleaseError: they are others.
    """
    if [*inputs, *outputs] != [INPUT, output]:
        raise ReleaseError(
            f"{path} must have the input {INPUT} and the output {output}, not {', '.join([*inputs, *outputs])}."
        )
