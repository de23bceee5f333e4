"""What `w2v2 score` does: files of transcripts in, one document out."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from model.metrics import Score, ScoringSettings, score
from model.transcripts import TranscriptFile, read_transcripts, speakers_by_id


@dataclasses.dataclass(frozen=True, eq=False)
class ScoredFiles:
    """A score, and what should be known of how it came about.

    Attributes:
      score: What was found.
      files: The files, by `ref`, `hyp` and `baseline`.
      notes: Sentences: where the speakers come from, what was passed over.
    """

    score: Score
    files: dict[str, Path]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Returns the document that `--json` prints."""
        files = {name: str(path) for name, path in self.files.items()}
        return {"files": files, "notes": list(self.notes), **self.score.to_mapping()}


def score_files(ref: Path, hyp: Path, baseline: Path | None, settings: ScoringSettings) -> ScoredFiles:
    """Scores a file of hypotheses against a file of references, and beside another system's.

    Args:
      ref: What was said.
      hyp: What the system heard.
      baseline: What another system heard; None for no comparison.
      settings: How texts are compared.

    Raises:
      UsageError: a file does not exist.
      DataError: a file cannot be read, or the files are not of the same utterances.
    """
    files = {"ref": ref, "hyp": hyp} | ({} if baseline is None else {"baseline": baseline})
    read = {name: read_transcripts(path) for name, path in files.items()}
    references, notes = _with_speakers(read["ref"])
    found = score(
        references.transcripts.values(),
        read["hyp"].texts,
        read["baseline"].texts if "baseline" in read else None,
        settings,
    )
    if found.speakers is not None and found.system.interval.unit != "speaker":
        number = f"{found.speakers} speaker{'' if found.speakers == 1 else 's'}"
        notes.append(f"With {number}, too few to draw from, intervals are made by drawing utterances.")
    return ScoredFiles(found, files, tuple(notes))


def _with_speakers(references: TranscriptFile) -> tuple[TranscriptFile, list[str]]:
    """Returns the references with what their ids tell of the speakers, and sentences that say so."""
    notes: list[str] = []
    if references.ignored_columns:
        notes.append(f"Columns that mean nothing here: {', '.join(references.ignored_columns)}.")
    if all(one.speaker is not None for one in references.transcripts.values()):
        return references, notes
    speakers = speakers_by_id(references)
    if speakers is None:
        notes.append("It is not known who spoke, so intervals are made by drawing utterances; they may be too narrow.")
        return references, notes
    notes.append("There is no column speaker; the ids, which are like LibriSpeech's, tell who spoke.")
    named = {name: dataclasses.replace(one, speaker=speakers[name]) for name, one in references.transcripts.items()}
    return dataclasses.replace(references, transcripts=named), notes
