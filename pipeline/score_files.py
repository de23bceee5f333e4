"""What `w2v2 score` does: files of transcripts in; a document, and the files of an evaluation, out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.evaluation.files import METRICS_FILE, write_files
from components.evaluation.gate import Decision
from components.evaluation.naming import BASELINE
from components.wer_evaluator.report import render_transcripts_report
from components.wer_evaluator.settings import GateSettings
from components.wer_evaluator.transcripts import (
    JudgedTranscripts,
    NamedFile,
    judge_transcripts,
    subsets_of,
)
from model.errors import UsageError
from model.metrics import Score, ScoringSettings, score
from model.storage import replacing_directory, require_replaceable, sha256_of_file
from model.transcripts import TranscriptFile, read_transcripts, speakers_by_id


@dataclasses.dataclass(frozen=True, eq=False)
class ScoredFiles:
    """A score, and what should be known of how it came about.

    Attributes:
      score: What was found.
      files: The files, by `ref`, `hyp` and `baseline`.
      notes: Sentences: where the speakers come from, what was passed over.
      judged: By subset, as an evaluation has it; None where nobody asked.
    """

    score: Score
    files: dict[str, Path]
    notes: tuple[str, ...]
    judged: JudgedTranscripts | None = None

    @property
    def decision(self) -> Decision | None:
        """Of the gate; None where nothing was asked for."""
        return None if self.judged is None else self.judged.decision

    def to_json(self) -> dict[str, Any]:
        """Returns the document that `--json` prints."""
        files = {name: str(path) for name, path in self.files.items()}
        told = {"files": files, "notes": list(self.notes), **self.score.to_mapping(), "gate": None}
        if self.judged is not None and self.judged.decision is not None:
            told["gate"] = self.judged.decision.to_mapping(self.judged.metrics)
        return told

    def write(self, directory: Path) -> None:
        """Writes the files that the evaluation of a release has, too; an earlier output at their place is replaced.

        Raises:
          UsageError: the directory holds something else.
          DiskFullError: there is no room left on the file system.
        """
        assert self.judged is not None, "score_files must have been asked to judge"
        judged = self.judged
        require_replaceable(directory, METRICS_FILE)
        report = render_transcripts_report(judged.decision, judged.metrics, judged.rows)
        with replacing_directory(directory) as temporary:
            write_files(temporary, judged.decision, judged.metrics, judged.rows, report)


def score_files(
    ref: Path,
    hyp: Path,
    baseline: Path | None,
    settings: ScoringSettings,
    gate: GateSettings | None = None,
    is_judged: bool = False,
) -> ScoredFiles:
    """Scores a file of hypotheses against a file of references, and beside another system's.

    Args:
      ref: What was said.
      hyp: What the system heard.
      baseline: What another system heard; None for no comparison.
      settings: How texts are compared.
      gate: What is asked for; None for nothing.
      is_judged: Whether there must be what an evaluation has of each subset, also without a gate.

    Raises:
      UsageError: a file does not exist, or ceilings are not for the subsets that there are.
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
    judged = _judge(references, read, settings, gate) if is_judged or gate is not None else None
    return ScoredFiles(found, files, tuple(notes), judged)


def _judge(
    references: TranscriptFile, read: Mapping[str, TranscriptFile], settings: ScoringSettings, gate: GateSettings | None
) -> JudgedTranscripts:
    by_subset = subsets_of(list(references.transcripts.values()), references.path.name.partition(".")[0])
    if gate is not None and isinstance(gate.max_wer, Mapping) and gate.max_wer.keys() != by_subset.keys():
        raise UsageError(
            f"--max-wer must be one fraction, or name each subset of the references, {', '.join(by_subset)}, not"
            f" {', '.join(gate.max_wer)}."
        )
    named = {
        title: NamedFile(read[name].path.name, sha256_of_file(read[name].path))
        for title, name in (("references", "ref"), ("hypotheses", "hyp"), (BASELINE, "baseline"))
        if name in read
    }
    theirs = read["baseline"].texts if "baseline" in read else None
    return judge_transcripts(by_subset, read["hyp"].texts, theirs, named, settings, gate)


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
