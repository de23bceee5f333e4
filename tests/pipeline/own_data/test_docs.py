"""The pages on own data and on languages: their code is run, their commands and columns are taken."""

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from beam_jobs.librispeech.manifest_lines import header_of
from beam_jobs.librispeech.settings import IngestSettings
from components.checkpoint_converter.settings import CheckpointSettings
from components.release_exporter.settings import ReleaseSettings
from components.wer_evaluator.settings import EvaluationSettings, GateSettings
from model.alphabet import Alphabet
from pipeline import cli

DOCS = Path(__file__).parents[3] / "docs"
NAMES = {
    "Alphabet": Alphabet, "CheckpointSettings": CheckpointSettings, "EvaluationSettings": EvaluationSettings,
    "GateSettings": GateSettings, "IngestSettings": IngestSettings, "ReleaseSettings": ReleaseSettings,
    "LETTERS": "你好",
}  # fmt: skip


def blocks(language):
    """Every piece of code of both pages in that language, by page and number."""
    found = []
    for page in ("own_data.md", "languages.md"):
        text = (DOCS / page).read_text(encoding="utf-8")
        found += re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return found


@pytest.mark.parametrize("code", blocks("python"))
def test_settings_are_taken(code):
    exec(compile(code, "docs", "exec"), dict(NAMES))


@pytest.mark.parametrize("line", [line for block in blocks("bash") for line in block.splitlines() if line.strip()])
def test_commands_are_taken(line):
    program, name, *arguments = shlex.split(line, comments=True)
    assert program == "w2v2"
    command = typer.main.get_command(cli.app)
    chosen = command.commands[name]  # pyright: ignore[reportAttributeAccessIssue]
    context = chosen.make_context(name, list(arguments), resilient_parsing=False)
    assert context.params


def test_the_names_of_columns_are_those_that_are_read():
    page = (DOCS / "own_data.md").read_text(encoding="utf-8")
    (row,) = (line for line in page.splitlines() if line.startswith("| a table, `.tsv` or `.csv`"))
    columns = set(re.findall(r"`([a-z_]+)`", row.split("|")[2]))
    others = {"split", "id", "gender", "speaker", "speaker_id", "client_id"}
    texts = {"text", "sentence", "transcript", "transcription"}
    for audio in columns - others - texts:
        for text in texts:
            assert header_of(f"{audio}\t{text}\n".encode(), "t.tsv", 1000) is not None
    for other in others:
        header = header_of(f"audio,text,{other}\n".encode(), "t.csv", 1000)
        assert header is not None
        assert header.columns[2] != ""
    assert texts | others < columns
