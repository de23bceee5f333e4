"""The small checkpoints that come with the project, so that the first run needs no download."""

from __future__ import annotations

from pathlib import Path

TINY = Path(__file__).parent / "wav2vec2-tiny-synthetic"
# Without a CTC head.
TINY_PRETRAINED = Path(__file__).parent / "wav2vec2-tiny-pretrained"
