"""docs/vertex_guide.md: its commands, its configuration, the prefixes in the bucket, its roles and its arithmetic."""

import dataclasses
import itertools
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from beam_jobs.librispeech.obtain import obtain_corpus
from components.run_reporter.settings import NotificationSettings
from model.training.settings import TrainingSettings
from pipeline.cli import app
from pipeline.config import load_config
from pipeline.vertex.inputs import _beam_flags, runner_name
from pipeline.vertex.settings import DataflowSettings
from tests.documented_code import pieces

TEXT = (Path(__file__).parents[3] / "docs/vertex_guide.md").read_text(encoding="utf-8")
SHELL = "\n".join(re.findall(r"^```bash\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE))
COMMANDS = re.findall(r"^w2v2 .*$", SHELL.replace("\\\n", ""), re.MULTILINE)


@pytest.fixture
def configurations(tmp_path, monkeypatch):
    """The configurations of both pages, in the working directory."""
    monkeypatch.chdir(tmp_path)
    for page in ("vertex.md", "vertex_guide.md"):
        for name, code in pieces(page).items():
            Path(name).write_text(code, encoding="utf-8")


def test_the_page_has_commands():
    assert len(COMMANDS) >= 15


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_is_one(line):
    words = shlex.split(line, comments=True)[1:]
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        assert words[0] in command.commands
        command, words = command.commands[words[0]], words[1:]
    # An argument or an option that it does not have is an error here.
    with command.make_context(command.name, words) as made:
        assert made.params["as_json"] is False


def test_the_first_run_needs_neither_dataflow_nor_an_accelerator(configurations):
    config = load_config("first.py")
    assert config.vertex is not None
    assert (config.vertex.training, config.vertex.dataflow) == (None, None)
    assert runner_name(config) == "smoke-synthetic"
    assert config.vertex.notifications == NotificationSettings(
        webhooks=("projects/my-project/secrets/chat-webhook/versions/latest",)
    )
    assert isinstance(config.train, TrainingSettings)


def test_the_corpus_lies_where_the_run_looks_for_it(monkeypatch):
    monkeypatch.setattr("beam_jobs.librispeech.obtain._unpacking_place", _nothing_to_unpack)
    (ingest,) = (shlex.split(line) for line in COMMANDS if line.startswith("w2v2 ingest"))
    (submit,) = (shlex.split(line, comments=True) for line in COMMANDS if "submit --config mine.py" in line)
    options = dict(itertools.pairwise(ingest))
    found = obtain_corpus(options["--corpus"], options["--downloads"].replace("$BUCKET", "my-bucket"))
    assert found.root == submit[submit.index("--corpus") + 1].replace("$BUCKET", "my-bucket")


class _nothing_to_unpack:  # noqa: N801 — it stands for a function
    def __init__(self, *_):
        pass

    def __enter__(self):
        return None

    def __exit__(self, *_):
        return None


def test_what_is_deleted_by_itself_is_what_is_temporary(configurations):
    (rules,) = re.findall(r"<<'JSON'\n(.*?)^JSON$", TEXT, re.DOTALL | re.MULTILINE)
    deleted = {
        prefix: rule["condition"]["age"]
        for rule in json.loads(rules)["rule"]
        for prefix in rule["condition"]["matchesPrefix"]
    }
    vertex = load_config("mine.py").vertex
    assert vertex is not None
    flags = _beam_flags(dataclasses.replace(vertex, dataflow=DataflowSettings()), "image", {})
    places = {flag.partition("=")[2] for flag in flags if re.match("--(temp|staging)_location=", flag)}
    bucket, root = re.fullmatch(r"(gs://[^/]+/)(.*)", vertex.pipeline_root).groups()  # type: ignore[union-attr]
    assert set(deleted) == {f"{place.removeprefix(bucket)}/" for place in places} | {f"{root}/staging/"}
    # A training that waits for its next try needs its states.
    assert deleted[f"{root}/staging/"] * 24 > 168


def test_quota_is_that_of_the_defaults():
    dataflow = DataflowSettings()
    cpus = int(dataflow.machine_type.rpartition("-")[2])
    assert f"{dataflow.max_workers} × {cpus} = {dataflow.max_workers * cpus} for Dataflow" in TEXT
    assert f"{dataflow.max_workers} × {dataflow.disk_gb} = {dataflow.max_workers * dataflow.disk_gb} GB" in TEXT


@pytest.mark.parametrize("place", ["project", "bucket"])
def test_the_commands_give_the_roles_of_the_table(place):
    (row,) = (line for line in TEXT.splitlines() if line.startswith(f"| {place} |"))
    roles = re.findall(r"roles/([\w.]+)", row.split("|")[2])
    assert f"for role in {' '.join(roles)}; do" in SHELL


def test_the_arithmetic_of_the_training_is_right():
    recipe = load_config("librispeech_960h").train
    seconds_an_update = recipe.batch_samples * recipe.accumulate_batches / 16_000
    assert (recipe.steps, seconds_an_update) == (320_000, 1_600)
    operations = recipe.steps * seconds_an_update * 46e9
    assert f"{operations / 1e19:.2f} × 10¹⁹ operations" in TEXT
    rows = {line.split("|")[1].strip(): line.split("|")[2:4] for line in TEXT.splitlines() if line.startswith("|")}
    frames_a_second, best_of_an_a100 = 41_276, 312e12
    assert f"{frames_a_second / 50:.0f} s of speech" in TEXT
    published = frames_a_second / 50 * 46e9 / best_of_an_a100
    assert f"{published:.0%}" == "12%"
    assert f"{recipe.steps * seconds_an_update / (207_201 / 50) / 3600:.0f} h for this recipe" in TEXT
    for column, (tflops, dollars) in enumerate([(4 * 123, 8.00), (8 * 197, 8 * 1.20)]):
        hours = [operations / (tflops * 1e12 * share) / 3600 for share in (0.30, 0.12)]
        with_fee = round(dollars * 1.15, 2)
        assert rows["operations a second at its best"][column].strip() == f"{tflops:,} TFLOPS"
        assert rows["hours at 30 %; at 12 %"][column].strip() == f"{hours[0]:.1f}; {hours[1]:.1f}"
        assert rows["an hour: Cloud TPU; with 15 %"][column].strip() == f"${dollars:.2f}; ${with_fee:.2f}"
        costs = "; ".join(f"**${hour * with_fee:,.0f}**" for hour in hours)
        assert rows["training at 30 %; at 12 %"][column].strip() == costs
        waiting = "; ".join(f"${hour * 0.2185:.2f}" for hour in hours)
        assert rows["the task that waits for it, at $0.2185 an hour"][column].strip() == waiting


def test_the_arithmetic_of_the_rest_is_right():
    costs = {
        line.split("|")[1].strip(): line.split("|")[3].strip() for line in TEXT.splitlines() if line.count("|") == 4
    }
    ingest = 0.92
    assert "| together | **$0.92** |" in (Path(__file__).parents[3] / "docs/scale.md").read_text(encoding="utf-8")
    evaluation = 10.5 / 4 * 2 * 10 * (0.056 + 4 * 0.003557)
    tasks, run = 10 * 0.5 * 0.2185, 0.03
    assert costs["ingest on Dataflow"] == f"${ingest}"
    assert costs["statistics and transform on Dataflow"] == f"${2 * ingest:.2f}"
    assert costs["evaluation on Dataflow"] == f"${evaluation:.2f}"
    assert costs["other tasks, 4 processors and 16 GB"] == f"${tasks:.2f}"
    assert costs["together, without the disk"] == f"**${3 * ingest + evaluation + tasks + run:.2f}**"
    assert costs["corpus, records, model and states"] == f"${(60 + 111 + 3) * 0.020:.2f}"
    assert costs["images"] == f"${(1156 + 898 + 1134 + 789) / 1000 * 0.10:.2f}"
