"""Whether the checkpoint of a release is the model that was measured, loaded as whoever trains on would load it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from beam_jobs.evaluation import BATCHED, Sound
from beam_jobs.evaluation.hearing import logit_difference
from beam_jobs.evaluation.results import Probe
from model.export.release import CHECKPOINT
from model.export.verify import open_checkpoint
from model.metrics import Counts, TextNormaliser, count_word_errors, total


def compare_checkpoint(
    release_dir: str | Path,
    probes: Sequence[Probe],
    references: Mapping[str, Mapping[str, str]],
    normalise: TextNormaliser,
) -> dict[str, Any]:
    """Returns what `metrics.json` says of the checkpoint, as of a way: it is held against the SavedModel in batches.

    Args:
      release_dir: The release.
      probes: The utterances that it hears; their word error rates are of these utterances alone.
      references: What was said, by utterance id and by split.
      normalise: What is done to texts before they are compared.

    Raises:
      ReleaseError: the checkpoint cannot be loaded.
    """
    agree: list[bool] = []
    differences: list[float] = []
    words: dict[str, list[tuple[Counts, Counts]]] = {}
    for probe, heard in zip(probes, _hear(release_dir, probes), strict=True):
        expected = probe.by_way[BATCHED.name]
        agree.append(heard.text == expected.text)
        differences.append(logit_difference(heard, expected))
        reference = normalise(references[probe.split][probe.utterance_id])
        ours, theirs = (count_word_errors(reference, normalise(one.text)) for one in (heard, expected))
        words.setdefault(probe.split, []).append((ours, theirs))
    wer = {split: total(ours for ours, _ in pairs).rate for split, pairs in words.items()}
    expected_wer = {split: total(theirs for _, theirs in pairs).rate for split, pairs in words.items()}
    return {
        "utterances": len(probes),
        "text_agreement": sum(agree) / len(agree) if agree else None,
        "largest_logit_difference": max(differences, default=None),
        "wer": wer,
        "wer_difference": {split: wer[split] - expected_wer[split] for split in wer},
        "pad_to_samples": 0,
        "decoder": "greedy",
    }


def _hear(release_dir: str | Path, probes: Sequence[Probe]) -> Iterator[Sound]:
    if not probes:
        return
    run = open_checkpoint(Path(release_dir) / CHECKPOINT, is_backbone=False)
    for probe in probes:
        for text, logits in run(probe.waveform):
            yield Sound(text or "", logits, 0.0)
