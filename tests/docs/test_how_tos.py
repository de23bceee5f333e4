"""The pieces of code of the how-tos, executed as they stand there."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file
from tfx import types
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import artifact_utils, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.code_fingerprint import code_fingerprint
from model.errors import ReleaseError
from tests.docs.pages import ROOT
from tests.documented_code import pieces
from tests.judged_release import write_release

_TINY = ROOT / "model" / "pretrained" / "wav2vec2-tiny-synthetic"


def _insert_below(path: Path, anchor: str, code: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(re.findall(anchor, text, re.MULTILINE)) == 1, f"{anchor} once in {path.name}"
    path.write_text(re.sub(anchor, lambda found: f"{found[0]}\n{code.rstrip()}", text, flags=re.MULTILINE))


def test_a_gate_can_be_added_as_the_page_says(tmp_path: Path):
    page = pieces("how_to_gate.md")
    for package in ("components", "model", "beam_jobs", "tests"):
        (tmp_path / package).symlink_to(ROOT / package)
    (tmp_path / "components").unlink()
    shutil.copytree(ROOT / "components", tmp_path / "components", ignore=shutil.ignore_patterns("__pycache__"))
    settings, gate = (tmp_path / "components" / "wer_evaluator" / name for name in ("settings.py", "accuracy_gate.py"))
    _insert_below(settings, r"^    max_deletion_increase: float \| None = None$", page["the setting"])
    _insert_below(
        settings, r"^class GateSettings:(?:\n.*)+?    def __post_init__\(self\) -> None:$", page["what is refused"]
    )
    gate.write_text(gate.read_text() + "\n\n" + page["the rule"])
    place = re.compile(r"^    for rule in \(_ceilings, _worst_slices, _comparison\):\n", re.MULTILINE)
    assert len(place.findall(gate.read_text())) == 1
    gate.write_text(place.sub(page["its place"], gate.read_text()))
    (tmp_path / "test_insertions.py").write_text(page["its test"])
    refused = (
        "from components.wer_evaluator.settings import GateSettings; GateSettings(max_wer=0.1, max_insertion_rate=2)"
    )

    def python(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
        )  # fmt: skip

    done = python("-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "test_insertions.py")
    said = python("-c", refused)

    assert (done.returncode, "4 passed" in done.stdout) == (0, True), done.stdout + done.stderr
    assert said.stderr.endswith("gate.max_insertion_rate must be in [0, 1], or None, not 2.\n")


def _artifact(type_, uri):
    made = type_()
    made.uri = str(uri)
    return made


@pytest.fixture
def pusher():
    """The names that the pieces of the page make, executed one behind the other."""
    page = pieces("how_to_pusher.md")
    names = {
        "base_executor": base_executor, "base_component": base_component, "executor_spec": executor_spec,
        "artifact_utils": artifact_utils, "standard_artifacts": standard_artifacts, "types": types,
        "ChannelParameter": ChannelParameter, "ComponentSpec": ComponentSpec,
        "ExecutionParameter": ExecutionParameter, "code_fingerprint": code_fingerprint, "__name__": __name__,
    }  # fmt: skip
    for title in ("latest_folder.py", "executor.py", "component.py"):
        exec(compile(page[title], title, "exec"), names)
    return names


@pytest.fixture
def judged(tmp_path):
    """A release, its blessing and the output of a pusher."""
    digest = write_release(tmp_path / "release", "graph")
    blessing = _artifact(standard_artifacts.ModelBlessing, tmp_path / "blessing")
    blessing.set_int_custom_property("blessed", 1)
    blessing.set_string_custom_property("release_digest", digest)
    model = _artifact(standard_artifacts.Model, tmp_path / "release")
    return {"model": [model], "model_blessing": [blessing]}, digest


def _do(pusher, inputs, folder):
    pushed = _artifact(standard_artifacts.PushedModel, folder.parent / "pushed")
    pusher["Executor"]().Do(inputs, {"pushed_model": [pushed]}, {"folder": str(folder), "code_fingerprint": ""})
    return pushed.get_int_custom_property("pushed"), pushed.get_string_custom_property("release_digest")


def test_the_pusher_of_the_page_keeps_the_latest_blessed_release(pusher, judged, tmp_path):
    inputs, digest = judged
    folder = tmp_path / "speech"
    assert _do(pusher, inputs, folder) == (1, digest)
    assert (folder / "onnx" / "model.onnx").read_text() == "graph"

    inputs["model_blessing"][0].set_int_custom_property("blessed", 0)
    shutil.rmtree(folder)
    assert _do(pusher, inputs, folder) == (0, "")
    assert not folder.exists()


def test_the_pusher_of_the_page_publishes_nothing_but_what_was_judged(pusher, judged, tmp_path):
    inputs, _ = judged
    (tmp_path / "release" / "onnx" / "onnx" / "model.onnx").write_text("grapH")
    with pytest.raises(ReleaseError, match="its sha256 has changed"):
        _do(pusher, inputs, tmp_path / "speech")
    inputs["model_blessing"][0].set_string_custom_property("release_digest", "0" * 64)
    with pytest.raises(ReleaseError, match="The release must be the one that was judged, 0{64}, and is"):
        _do(pusher, inputs, tmp_path / "speech")
    assert not (tmp_path / "speech").exists()


def test_the_component_of_the_page_stands_in_a_graph(pusher):
    release = types.Channel(type=standard_artifacts.Model)
    outputs = {"blessing": types.Channel(type=standard_artifacts.ModelBlessing)}
    names = {**pusher, "release": release, "evaluator": type("Evaluator", (), {"outputs": outputs})}
    component = eval(pieces("how_to_pusher.md")["in the graph"], names)
    assert component.exec_properties["folder"] == "/srv/speech"
    assert set(component.inputs) == {"model", "model_blessing"}
    assert component.outputs["pushed_model"].type is standard_artifacts.PushedModel


def test_a_checkpoint_with_other_names_is_converted_as_the_page_says(tmp_path, monkeypatch):
    page = pieces("how_to_family.md")
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    tensors = load_file(_TINY / "model.safetensors")
    named = {
        name.replace("wav2vec2.", "audio_encoder.", 1).replace("lm_head.", "ctc_proj.", 1): tensor
        for name, tensor in tensors.items()
    }
    assert not named.keys() & tensors.keys()
    save_file(named, theirs / "weights.safetensors")
    for name in ("vocab.json", "preprocessor_config.json"):
        shutil.copyfile(_TINY / name, theirs / name)
    monkeypatch.chdir(tmp_path)
    names = {"config": json.loads((_TINY / "config.json").read_text()), "__name__": __name__}
    exec(compile(page["rename.py"], "rename.py", "exec"), names)
    with pytest.raises(ValueError, match=r"The tensor head\.weight must begin with one of audio_encoder\., ctc_proj\."):
        names["renamed"]("head.weight")

    exec(compile(page["convert.py"], "convert.py", "exec"), names)

    from model.checkpoint import convert_checkpoint

    convert_checkpoint(_TINY, tmp_path / "direct")
    manifests = [json.loads((tmp_path / name / "MANIFEST.json").read_text()) for name in ("converted", "direct")]
    assert manifests[0]["model_digest"] == manifests[1]["model_digest"]
