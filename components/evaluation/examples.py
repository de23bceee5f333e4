"""The examples that an evaluator measures on, and what ingest promised of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from model.examples import Utterance, read_utterances
from model.storage import read_json

INFO_FILE = "dataset_info.json"


def read_info(examples_dir: str | Path) -> Mapping[str, Any]:
    """Returns what ingest said of its examples; nothing where it said nothing."""
    path = Path(examples_dir) / INFO_FILE
    return read_json(path) if path.is_file() else {}


def read_split(examples_dir: str | Path, split: str) -> list[Utterance]:
    """Returns the utterances of a split; none where there is no such split."""
    shards = sorted((Path(examples_dir) / f"Split-{split}").glob("*"))
    return list(read_utterances(str(path) for path in shards))


def spread_by_length(utterances: Sequence[Utterance], count: int) -> list[int]:
    """Returns the indices of some utterances, spread over all lengths, the shortest and the longest among them.

    Args:
      utterances: In any order.
      count: How many, at most.
    """
    order = sorted(range(len(utterances)), key=lambda index: len(utterances[index].samples))
    places = np.linspace(0, len(order) - 1, min(count, len(order)))
    return sorted({order[round(place)] for place in places})
