"""`w2v2 vertex compile` as a person meets it."""

import json

import pytest

from pipeline import cli
from pipeline.config import load_config
from pipeline.vertex.settings import TrainingJobSettings
from tests.documented_code import pieces


@pytest.fixture
def call(capsys):
    """Runs the command line in this process; returns exit code, standard output and standard error."""

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            cli.main(["vertex", *map(str, arguments)])
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out, captured.err

    return run


def on_one_line(text):
    return " ".join(text.split())


def test_the_configuration_of_the_page_is_one(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(pieces("vertex.md")["mine.py"])
    config = load_config(str(path))
    assert config.vertex is not None
    assert config.vertex.training == TrainingJobSettings("cloud-tpu", "TPU_V3", 8)
    assert config.train.tpu == "local"


def test_help_says_that_nothing_is_sent(call):
    code, output, _ = call("compile", "--help")
    assert code == 0
    assert "nothing is sent to the cloud" in on_one_line(output)


def test_a_configuration_without_settings_ends_in_one_sentence(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, output, error = call("compile", "--config", "smoke")
    assert (code, output) == (2, "")
    assert "must have vertex=VertexSettings(…), and 'smoke' has none" in on_one_line(error)
    code, output, _ = call("compile", "--config", "smoke", "--json")
    assert code == 2
    assert json.loads(output)["exit_code"] == 2
    assert list(tmp_path.iterdir()) == []


def test_an_illegal_machine_ends_in_one_sentence_with_the_file(call, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(pieces("vertex.md")["mine.py"].replace('"TPU_V3", 8', '"TPU_V3", 4'))
    code, _, error = call("compile", "--config", path)
    assert code == 2
    assert "mine.py: vertex.training.accelerator_count must be 8 TPU_V3 on cloud-tpu, not 4" in on_one_line(error)


def test_what_lies_on_this_machine_ends_in_one_sentence(call, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(pieces("vertex.md")["mine.py"])
    code, _, error = call("compile", "--config", path, "--corpus", "/data/speech", "--output", tmp_path / "a.json")
    assert code == 2
    assert "--corpus must be 'synthetic', or a corpus or manifest in Cloud Storage" in on_one_line(error)
    assert not (tmp_path / "a.json").exists()
