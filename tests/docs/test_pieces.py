"""Pieces of code of the README and of pages that no other test runs."""

import json
import re

import numpy as np
import pytest
import soundfile

from model.checkpoint import convert_checkpoint
from pipeline.config import load_config
from tests.docs.pages import ROOT, blocks
from tests.documented_code import pieces
from tests.tone_release import RATE_HZ, tones_of, write_tone_release

_TINY = ROOT / "model" / "pretrained" / "wav2vec2-tiny-synthetic"


def _run(code, **names):
    exec(compile(code, "piece", "exec"), names)
    return names


def test_the_experiment_of_the_page_is_a_configuration(tmp_path):
    path = tmp_path / "my_experiment.py"
    path.write_text(pieces("configuration.md")["my_experiment.py"])
    config = load_config(str(path))
    assert (config.name, config.train.steps, config.gate.max_wer) == ("mine", 1000, 0.30)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The checkpoint that comes with the project, as a model directory."""
    directory = tmp_path_factory.mktemp("tiny") / "model_directory"
    convert_checkpoint(_TINY, directory)
    return directory


@pytest.fixture
def batch():
    """A waveform alone, and beside a longer one."""
    waveforms = np.random.default_rng(7).standard_normal((2, 16_000)).astype("float32")
    waveforms[0, 9_000:] = 0
    return {"waveforms": waveforms, "num_samples": np.array([9_000, 16_000], "int32")}


def test_the_model_of_the_readme_gives_logits(tiny, batch, monkeypatch):
    (code,) = [block.code for block in blocks(ROOT / "README.md") if "load_model" in block.code]
    monkeypatch.chdir(tiny.parent)
    names = _run(code, **batch)
    assert np.asarray(names["num_frames"]).tolist() == [27, 49]
    assert names["logits"].shape == (2, 49, 32)


def test_a_checkpoint_is_converted_and_opened_as_the_page_says(batch, tmp_path, monkeypatch):
    code = pieces("checkpoints.md")["convert.py"]
    monkeypatch.chdir(tmp_path)
    named = re.findall(r'"(hf://[^"]+)"', code)
    assert len(named) == 1
    names = _run(code.replace(named[0], str(_TINY)), **batch)
    assert names["logits"].shape == (2, 49, 32)
    assert (tmp_path / "hubert" / "MANIFEST.json").is_file()


def test_sound_becomes_text_as_the_page_says(tmp_path, monkeypatch, capsys):
    release = tmp_path / "workspace" / "releases" / "wav2vec2" / "onnx"
    release.mkdir(parents=True)
    write_tone_release(release)
    soundfile.write(tmp_path / "some.flac", tones_of("GOOD DAY"), RATE_HZ)
    monkeypatch.chdir(tmp_path)

    names = _run(pieces("transcribing.md")["transcribe.py"])

    transcription = names["transcription"]
    assert transcription.text == "GOOD DAY"
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("GOOD DAY ")
    assert re.findall(r"^\d\.\d\d to \d\.\d\d (\w+) [01]\.\d\d$", "\n".join(printed[1:]), re.MULTILINE) == [
        "GOOD",
        "DAY",
    ]


def test_the_json_of_the_page_has_the_fields_of_the_command(tmp_path, capsys):
    from pipeline.cli import main

    release = tmp_path / "onnx"
    release.mkdir()
    write_tone_release(release)
    soundfile.write(tmp_path / "some.flac", tones_of("GOOD DAY"), RATE_HZ)
    (shown,) = [json.loads(b.code) for b in blocks(ROOT / "docs" / "transcribing.md") if b.language == "json"]

    with pytest.raises(SystemExit) as ended:
        main(["transcribe", str(tmp_path / "some.flac"), "--model", str(release), "--json"])

    said = json.loads(capsys.readouterr().out)
    assert ended.value.code in (0, None)
    assert said.keys() == shown.keys()
    assert said["transcriptions"][0].keys() == shown["transcriptions"][0].keys()
    assert said["transcriptions"][0]["words"][0].keys() == shown["transcriptions"][0]["words"][0].keys()
