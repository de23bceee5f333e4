"""Who trains, who validates, and on whom the model is judged, where a manifest does not say."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable


def assign_splits(speakers: Iterable[str], validation_fraction: float, test_fraction: float) -> dict[str, str]:
    """Returns the split of each speaker: train, validation or test, by a hash of the speaker.

    A split whose fraction is above 0 gets a speaker where there are enough of them; train comes first, then test.

    Args:
      speakers: In any order, each any number of times.
      validation_fraction: Share of the speakers that validate.
      test_fraction: Share of the speakers that the model is judged on.
    """

    def place(speaker: str) -> float:
        # Not the hash that shards go by: which shard and which split must not depend on each other.
        return int.from_bytes(hashlib.sha256(f"split\0{speaker}".encode()).digest()[:8], "big") / 2**64

    ordered = sorted((place(speaker), speaker) for speaker in set(speakers))
    validation_end = test_fraction + validation_fraction
    splits = {
        speaker: "test" if value < test_fraction else "validation" if value < validation_end else "train"
        for value, speaker in ordered
    }
    names = [speaker for _, speaker in ordered]
    served: set[str] = set()
    # By their hashes, test is below validation, and train is above. What is empty takes the nearest that it may.
    for split, wanted, nearest_first in (
        ("train", validation_end < 1, names[::-1]),
        ("test", test_fraction > 0, names),
        ("validation", validation_fraction > 0, names),
    ):
        held = Counter(splits.values())
        if wanted and not held[split]:
            may_go = (name for name in nearest_first if held[splits[name]] > 1 or splits[name] not in served)
            if chosen := next(may_go, None):
                splits[chosen] = split
        if wanted:
            served.add(split)
    return splits
