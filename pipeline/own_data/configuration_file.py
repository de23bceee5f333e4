"""Writes a configuration as a Python file that people read and change: every number with the reason for it."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from model.alphabet import Alphabet
from model.durations import format_seconds
from pipeline.own_data.examination import Examination
from pipeline.own_data.plan import Plan
from pipeline.own_data.written_manifest import DOCSTRING

_WIDTH = 120
# So that a formatter, which joins what fits into one line, leaves longer alphabets as they are.
_LETTERS_WIDTH = 90


def configuration_text(found: Examination, plan: Plan, output: Path) -> str:
    """Returns the source of a configuration; it is formatted as ruff does.

    Args:
      found: What is known of the recordings.
      plan: Its numbers.
      output: The file that will hold it, for the command in its docstring.
    """
    blocks = [
        _docstring(found, plan, output),
        "from __future__ import annotations",
        _imports(found),
        *([_letters(found.letters.alphabet)] if found.letters.alphabet else []),
    ]
    return "\n\n".join(blocks) + "\n\n\n" + _function(found, plan)


def literal(text: str) -> str:
    """Returns a text as a formatter would write it in Python: between double quotes, unless it holds some."""
    shown = repr(text)
    if shown[0] == "'" and '"' not in text:
        return '"' + shown[1:-1].replace("\\'", "'") + '"'
    return shown


def _docstring(found: Examination, plan: Plan, output: Path) -> str:
    lines = [
        f'"""{DOCSTRING}',
        "",
        f"    w2v2 run --config {_plain(output.name)}",
        "",
    ]
    for name, split in found.splits.items():
        people = "" if split.speakers is None else f", {split.speakers} speaker{'' if split.speakers == 1 else 's'}"
        counted = "letters" if found.letters.parts_letters else "words"
        lines.append(
            f"{name}: {split.utterances:,} recordings, {format_seconds(split.seconds)}{people}, {split.words:,}"
            f" {counted}"
        )
    place = "this machine takes minutes" if plan.is_small else "it wants a GPU: a processor takes days"
    lines += ["", f"The checkpoint is {'a small one, and ' if plan.is_small else 'a large one, and '}{place}.", '"""']
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Returns a name as it can stand in a docstring or a comment."""
    return "".join(c if c.isprintable() and c not in '\\"' else "?" for c in text)


def _imports(found: Examination) -> str:
    names = [
        *(["from beam_jobs.librispeech.manifest import ManifestSettings"] if _has_manifest(found) else []),
        "from beam_jobs.librispeech.settings import IngestSettings",
        "from components.checkpoint_converter.settings import CheckpointSettings",
        "from components.release_exporter.settings import ReleaseSettings",
        "from components.wer_evaluator.settings import EvaluationSettings, GateSettings",
        *(["from model.alphabet import Alphabet"] if found.letters.alphabet else []),
        "from model.export.destinations.settings import PublicationSettings",
        "from model.training.settings import TrainingSettings",
        "from pipeline.config import CorpusConfig, PipelineConfig",
    ]
    return "\n".join(names)


def _letters(alphabet: Alphabet) -> str:
    """Returns the letters as an assignment; marks, which would stand on the quotation mark, by their numbers."""
    lines, width = [""], 0
    for letter in alphabet.letters:
        shown = _letter(letter)
        wide = sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in shown)
        if width + wide > _LETTERS_WIDTH:
            lines.append("")
            width = 0
        lines[-1] += shown
        width += wide
    comment = "# Every character that a transcript may hold. A recording with another one is left out, and named.\n"
    if len(lines) == 1:
        return f'{comment}LETTERS = "{lines[0]}"'
    return comment + "LETTERS = (\n" + "".join(f'    "{line}"\n' for line in lines) + ")"


def _letter(letter: str) -> str:
    if letter in '"\\':
        return f"\\{letter}"
    if letter.isprintable() and unicodedata.category(letter)[0] != "M":
        return letter
    code = ord(letter)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _function(found: Examination, plan: Plan) -> str:
    body = [
        "def get_config() -> PipelineConfig:",
        '    """Returns the configuration."""',
        "    return PipelineConfig(",
        f"        name={literal(plan.name)},",
        "        corpus=CorpusConfig(",
        f"            source={literal(found.reading.corpus)},",
        "        ),",
        *_block("ingest", "IngestSettings", _ingest(found, plan)),
        *_block("checkpoint", "CheckpointSettings", _checkpoint(plan)),
        *_block("train", "TrainingSettings", _train(plan)),
        *_block("evaluation", "EvaluationSettings", _evaluation(found)),
        *_block("gate", "GateSettings", _gate(found, plan)),
        *_block("release", "ReleaseSettings", _release(found, plan)),
        *_block("publication", "PublicationSettings", _publication()),
        "    )",
    ]
    return "\n".join(body) + "\n"


def _block(field: str, name: str, lines: Iterator[str]) -> list[str]:
    return [f"        {field}={name}(", *(f"            {line}" for line in lines), "        ),"]


def _comment(text: str) -> Iterator[str]:
    for line in textwrap.wrap(_plain(text), _WIDTH - 14, break_long_words=False, break_on_hyphens=False):
        yield f"# {line}"


def _ingest(found: Examination, plan: Plan) -> Iterator[str]:
    alphabet = found.letters.alphabet
    if alphabet is None:
        yield 'transcript_normaliser="english",'
    else:
        yield 'transcript_normaliser="unicode",'
        spaces = "" if alphabet.word_spaces else ", word_spaces=False"
        yield f"alphabet=Alphabet(LETTERS, case={literal(alphabet.case)}{spaces}),"
    if _has_manifest(found):
        settings = found.reading.settings
        if found.reading.splits_given:
            yield from _comment("The column split says who trains, who validates and who tests.")
        elif found.reading.speakers_known:
            yield from _comment("A hash of the speaker says who trains, who validates and who tests.")
        else:
            yield from _comment(
                "A hash of the recording says what trains, validates and tests: the same people may be in all of them."
            )
        fields = [f"audio_directory={literal(settings.audio_directory)}"] if settings.audio_directory else []
        if not found.reading.splits_given:
            fields += [f"validation_fraction={settings.validation_fraction}", f"test_fraction={settings.test_fraction}"]
        yield f"manifest=ManifestSettings({', '.join(fields)}),"
    rejects = len(found.rejects)
    if rejects:
        about = "" if found.looked_at_share == 1 else ", and by an estimate more of the files not looked at"
        yield from _comment(
            f"{rejects:,} of {found.lines:,} recordings are left out, as w2v2 init has said{about}. Mend them, and"
            " lower this: more than this share fails the run."
        )
    else:
        yield from _comment("A larger share of recordings that cannot be used fails the run.")
    yield f"max_reject_fraction={plan.max_reject_fraction},"


def _has_manifest(found: Examination) -> bool:
    return found.transcripts.layout != "LibriSpeech" or bool(found.reading.manifest)


def _checkpoint(plan: Plan) -> Iterator[str]:
    yield f"{literal(plan.checkpoint)},"
    if plan.new_head:
        yield from _comment("A new CTC head for these letters takes the place of any head that the checkpoint has.")
        yield "new_head=True,"


def _train(plan: Plan) -> Iterator[str]:
    yield from _comment(f"Each recording is heard {_times(plan.passes)}.")
    yield f"steps={plan.steps:_},"
    yield f"batch_samples={plan.batch_samples:_},"
    if plan.accumulate_batches > 1:
        yield f"accumulate_batches={plan.accumulate_batches},"
    if plan.is_small:
        yield "peak_learning_rate=1e-3,"
        yield "freeze_feature_encoder=False,"
        yield "dropout=0.1,"
        yield "mask_time_prob=0.1,"
    else:
        yield "peak_learning_rate=1e-4,"
        yield from _comment("At first the head alone learns.")
        yield f"head_only_steps={plan.steps // 10},"
        yield from _comment("What a GPU has little memory for: longer recordings are left out of the training.")
        yield "max_samples=320_000,"
    yield f"evaluate_every_steps={plan.evaluate_every_steps:_},"
    yield "average_best=3,"


def _times(passes: float) -> str:
    if passes < 1.5:
        return "about once"
    return f"{passes:.0f} times"


def _evaluation(found: Examination) -> Iterator[str]:
    if found.letters.parts_letters:
        yield from _comment(
            "No spaces part the words, so each letter counts as one: what is called WER is the rate of errors in"
            " characters."
        )
        yield 'normaliser="characters",'
    else:
        yield from _comment("Words are compared in small letters.")
        yield 'normaliser="librispeech",'


def _gate(found: Examination, plan: Plan) -> Iterator[str]:
    yield from _comment(
        "Yours to decide: which share of wrong words is still of use to somebody? The smallest test split has"
        f" {plan.test_words:,} {'letters' if found.letters.parts_letters else 'words'} in"
        f" {plan.test_utterances:,} recordings."
    )
    yield f"max_wer={plan.max_wer},"
    yield from _comment(
        "How much worse than the last release a model may be. With a smaller margin, so small a test set would reject"
        " equal models more often than once in twenty; with this one, it sees a regression of"
        f" {100 * plan.detectable:.1f} points four times in five, if a WER of {100 * plan.max_wer:.0f} % is reached."
        " These are estimates: each report has its own."
    )
    yield f"non_inferiority_margin={plan.margin},"
    yield from _comment(
        "Words that are heard where nobody speaks, in silences and in noises. A model that was trained on clean speech"
        " alone, or for a short time, hears some; whether that matters is yours to decide."
    )
    yield "max_silence_words=0,"
    yield "max_noise_words=0,"
    if plan.min_int8_text_agreement < 0.99 or plan.max_int8_wer_difference > 0.005:
        yield from _comment(
            "Of the ONNX file in int8: so that one recording or one word of a small test set does not decide."
        )
        yield f"min_int8_text_agreement={plan.min_int8_text_agreement},"
        yield f"max_int8_wer_difference={plan.max_int8_wer_difference},"
    yield from _comment("With True, no model is published that a person has not approved (w2v2 approve).")
    yield "require_approval=False,"


def _release(found: Examination, plan: Plan) -> Iterator[str]:
    yield f"name={literal(f'wav2vec2-{plan.name}')},"
    if not found.letters.language_known:
        yield from _comment("The ISO 639 code of the language; und says that it is not known.")
    yield f"language={literal(found.letters.language)},"
    yield from _comment(
        "The licence of the released weights, such as apache-2.0; data and checkpoint have a say in it."
    )
    yield 'license="unknown",'


def _publication() -> Iterator[str]:
    yield from _comment(
        "Releases lie in the workspace; a directory or a gs:// address takes its place. docs/releases.md has the hubs."
    )
    yield 'destination="",'
