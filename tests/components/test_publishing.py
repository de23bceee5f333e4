"""The pushers: they unpack what was judged, publish, and say what came of it."""

import dataclasses
import json
from typing import Any

import pytest
from tfx.types import Channel, standard_artifacts

from beam_jobs import cloud_storage, places
from components.artifacts import Evaluation
from components.checkpoint_pusher import CheckpointPusher
from components.checkpoint_pusher.executor import Executor as CheckpointExecutor
from components.decisions import DecisionRecord, create_decision
from components.hub_pusher import HubPusher
from components.hub_pusher.executor import Executor as HubExecutor
from components.onnx_pusher import OnnxPusher
from components.onnx_pusher.executor import Executor as OnnxExecutor
from model.errors import ReleaseError, UsageError
from model.export import publish as publishing
from model.export.destinations.settings import HuggingFaceSettings, KaggleSettings, PublicationSettings
from model.export.release import FORMATS, Release
from model.settings import from_json, to_json
from model.storage import release_digest, sha256_of_files


@dataclasses.dataclass(frozen=True)
class Pusher:
    component: Any
    executor: Any
    format: str
    file: str


PUSHERS = [
    Pusher(HubPusher, HubExecutor, "saved_model", "saved_model.pb"),
    Pusher(OnnxPusher, OnnxExecutor, "onnx", "onnx/model.onnx"),
    Pusher(CheckpointPusher, CheckpointExecutor, "checkpoint", "model.safetensors"),
]


@pytest.fixture(params=PUSHERS, ids=lambda pusher: pusher.format)
def pusher(request):
    return request.param


@pytest.fixture
def inputs(tmp_path, pusher):
    """A small release, an evaluation of it, and its blessing."""
    release = tmp_path / "release"
    path = release / pusher.format / pusher.file
    path.parent.mkdir(parents=True)
    path.write_text("graph")
    files = sha256_of_files(release)
    digest = release_digest(files)
    Release(
        name="tiny", model_digest="7" * 64, release_digest=digest, files=files, sizes_bytes={next(iter(files)): 5},
        source_checkpoint=None, license="mit", language="en", sample_rate_hz=16_000, versions={},
    ).write(release)  # fmt: skip
    evaluation = tmp_path / "evaluation"
    evaluation.mkdir()
    split = {"words": {"wer": 0.25, "utterances": 10, "words": 100}, "interval": None}
    metrics = {"release_digest": digest, "corpus": {"root_name": "corpus"}, "splits": {"test-clean": split}}
    gate = {"release_digest": digest, "verdict": "ACCEPT", "checks": []}
    (evaluation / "metrics.json").write_text(json.dumps(metrics))
    (evaluation / "gate.json").write_text(json.dumps(gate))
    blessing = artifact(standard_artifacts.ModelBlessing, tmp_path / "blessing")
    blessing.set_int_custom_property("blessed", 1)
    blessing.set_string_custom_property("release_digest", digest)
    blessing.set_string_custom_property("model_digest", "7" * 64)
    return {
        "model": [artifact(standard_artifacts.Model, release)],
        "model_blessing": [blessing],
        "evaluation": [artifact(Evaluation, evaluation)],
    }


@pytest.fixture
def decisions(request, tmp_path):
    """Where decisions lie: a directory, or an address in Cloud Storage where a test asks for one."""
    if getattr(request, "param", "local") == "local":
        return str(tmp_path / "decisions")
    request.getfixturevalue("bucket")
    return "gs://speech/place/decisions"


@pytest.fixture
def push(inputs, tmp_path, pusher, decisions):
    def push():
        pushed = artifact(standard_artifacts.PushedModel, tmp_path / "pushed")
        properties = {
            "destination": str(tmp_path / "releases"), "name": "tiny", "decisions": decisions, "hubs": "{}",
        }  # fmt: skip
        pusher.executor().Do(inputs, {"pushed_model": [pushed]}, properties)
        return pushed

    return push


def artifact(type_, uri):
    result = type_()
    result.uri = str(uri)
    return result


def properties_of(pushed):
    names = ("pushed_destination", "pushed_version", "hubs", "release_digest", "reason")
    return {
        "pushed": pushed.get_int_custom_property("pushed"),
        **{name: pushed.get_string_custom_property(name) for name in names},
    }


def test_a_blessed_release_is_published_once(push, inputs, tmp_path, monkeypatch, pusher):
    monkeypatch.setattr(publishing, "verify_in_fresh_process", lambda *arguments: 1)
    digest = inputs["model_blessing"][0].get_string_custom_property("release_digest")
    directory = str(tmp_path / "releases" / "tiny" / pusher.format / "1")
    expected = {"pushed_destination": directory, "pushed_version": "1", "hubs": "", "release_digest": digest}
    pushed = push()
    assert properties_of(pushed) == {
        **expected, "pushed": 1, "reason": f"Published as version 1 in {directory}."
    }  # fmt: skip
    assert (tmp_path / "releases" / "tiny" / pusher.format / "1" / pusher.file).read_text() == "graph"
    assert json.loads((tmp_path / "pushed" / "publication.json").read_text()) == properties_of(pushed)
    assert properties_of(push()) == {
        **expected, "pushed": 0, "reason": f"Already published as version 1 in {directory}."
    }  # fmt: skip


def test_what_is_not_blessed_stays_where_it_is(push, inputs, tmp_path, pusher):
    inputs["model_blessing"][0].set_int_custom_property("blessed", 0)
    assert properties_of(push()) == {
        "pushed": 0, "pushed_destination": "", "pushed_version": "", "hubs": "", "release_digest": "",
        "reason": "The evaluator did not bless this release, so nothing was published.",
    }  # fmt: skip
    assert not (tmp_path / "releases").exists()


@pytest.fixture
def decide(inputs, decisions):
    """Lets a person decide about the release; changes are of the record's fields."""
    blessing = inputs["model_blessing"][0]
    digests = {name: blessing.get_string_custom_property(name) for name in ("release_digest", "model_digest")}
    taken = []

    def decide(word, **changes):
        record = DecisionRecord(
            decision=word, reason="It stammers.", who="jane@host", when="2026-01-01T00:00:00+00:00", run_id="r",
            verdict="NEEDS_REVIEW", gate_sha256="9" * 64, **digests,
        )  # fmt: skip
        taken.append(create_decision(decisions, len(taken) + 1, record))
        if changes:
            places.write_json(taken[-1], {**places.read_json(taken[-1]), **changes})

    return decide


def leave_to_a_person(inputs):
    inputs["model_blessing"][0].set_int_custom_property("blessed", 0)
    inputs["evaluation"][0].set_string_custom_property("verdict", "NEEDS_REVIEW")


@pytest.mark.parametrize("decisions", ["local", "remote"], indirect=True)
def test_what_is_left_to_a_person_is_published_when_one_has_approved_it(push, inputs, decide, tmp_path, monkeypatch):
    monkeypatch.setattr(publishing, "verify_in_fresh_process", lambda *arguments: 1)
    leave_to_a_person(inputs)
    assert properties_of(push())["reason"] == "This release waits for a person's approval, so nothing was published."
    decide("reject")
    reason = "jane@host rejected this release, so nothing was published: It stammers."
    assert properties_of(push())["reason"] == reason
    assert not (tmp_path / "releases").exists()
    decide("approve")
    pushed = properties_of(push())
    assert (pushed["pushed"], pushed["pushed_version"]) == (1, "1")


def test_what_is_blessed_is_not_published_once_a_person_has_rejected_it(push, decide, tmp_path, monkeypatch):
    monkeypatch.setattr(publishing, "verify_in_fresh_process", lambda *arguments: 1)
    decide("reject")
    assert properties_of(push())["pushed"] == 0
    assert not (tmp_path / "releases").exists()
    decide("approve")
    assert properties_of(push())["pushed"] == 1


def test_what_the_gate_rejected_is_not_published_whatever_a_person_has_said(push, inputs, decide, tmp_path):
    leave_to_a_person(inputs)
    inputs["evaluation"][0].set_string_custom_property("verdict", "REJECT")
    decide("approve")
    assert properties_of(push())["reason"] == "The evaluator did not bless this release, so nothing was published."
    assert not (tmp_path / "releases").exists()


@pytest.mark.parametrize("kind", ["release_digest", "model_digest"])
def test_a_decision_about_another_release_is_refused(push, inputs, decide, tmp_path, kind):
    leave_to_a_person(inputs)
    decide("approve", **{kind: "8" * 64})
    message = f"A decision must be about the release that it lies with: the {kind} in .*0001.json must be .*8{{64}};"
    with pytest.raises(ReleaseError, match=message):
        push()
    assert not (tmp_path / "releases").exists()


@pytest.mark.parametrize("key", ["release_digest", "model_digest"])
def test_a_blessing_that_names_no_digest_is_refused(push, inputs, tmp_path, key, pusher):
    blessing = artifact(standard_artifacts.ModelBlessing, tmp_path / "blessing")
    blessing.set_int_custom_property("blessed", 1)
    other = "model_digest" if key == "release_digest" else "release_digest"
    blessing.set_string_custom_property(other, inputs["model_blessing"][0].get_string_custom_property(other))
    inputs["model_blessing"] = [blessing]
    with pytest.raises(ReleaseError, match=f"its {key} must be [0-9a-f]{{64}}, and is missing"):
        push()
    assert not (tmp_path / "releases").exists()


def test_a_copy_that_is_not_what_was_measured_is_refused(push, tmp_path, pusher):
    with pytest.raises(ReleaseError, match=r"probes\.npz must be the evaluator's file of probes"):
        push()
    assert list((tmp_path / "releases" / "tiny" / pusher.format).iterdir()) == []


def test_the_component_carries_a_fingerprint_of_its_code(pusher):
    component = pusher.component(
        model=Channel(type=standard_artifacts.Model),
        model_blessing=Channel(type=standard_artifacts.ModelBlessing),
        evaluation=Channel(type=Evaluation),
        destination="releases",
        name="tiny",
        destination_state="1",
        decisions="root/decisions",
        decisions_state="2",
    )
    properties = dict(component.spec.exec_properties)
    assert len(properties.pop("code_fingerprint")) == 64
    assert properties == {
        "destination": "releases", "name": "tiny", "destination_state": "1", "decisions": "root/decisions",
        "decisions_state": "2", "hubs": to_json(PublicationSettings()),
    }  # fmt: skip
    assert component.outputs["pushed_model"].type is standard_artifacts.PushedModel


@pytest.fixture
def publish_to(push, inputs, tmp_path, pusher, decisions, monkeypatch):
    """Pushes to a place and to hubs."""
    monkeypatch.setattr(publishing, "verify_in_fresh_process", lambda *arguments: 1)

    def publish_to(place, **hubs):
        pushed = artifact(standard_artifacts.PushedModel, tmp_path / "pushed")
        properties = {
            "destination": place, "name": "tiny", "decisions": decisions, "hubs": to_json(PublicationSettings(**hubs)),
        }  # fmt: skip
        pusher.executor().Do(inputs, {"pushed_model": [pushed]}, properties)
        return properties_of(pushed)

    return publish_to


def test_the_destination_can_be_in_cloud_storage(publish_to, bucket, pusher):
    told = publish_to("gs://speech/models")
    address = f"gs://speech/models/tiny/{pusher.format}/1"
    assert (told["pushed"], told["pushed_destination"], told["pushed_version"]) == (1, address, "1")
    assert places.read_bytes(f"{address}/{pusher.file}") == b"graph"
    assert publish_to("gs://speech/models")["pushed"] == 0


def test_artifacts_can_be_in_cloud_storage(publish_to, inputs, bucket, pusher, tmp_path, monkeypatch):
    expected = publish_to(str(tmp_path / "releases"))
    other = tmp_path / "release" / "other" / "large"
    other.parent.mkdir()
    other.write_bytes(b"of another format")
    (tmp_path / "evaluation" / "utterances.jsonl").write_text("many")
    for name, kind in (("release", "model"), ("evaluation", "evaluation")):
        places.copy_tree(str(tmp_path / name), f"gs://speech/run/{name}")
        inputs[kind][0].uri = f"gs://speech/run/{name}"
    downloaded = []
    download = cloud_storage.download
    monkeypatch.setattr(cloud_storage, "download", lambda *pair: downloaded.append(pair[0]) or download(*pair))

    def push():
        pushed = artifact(standard_artifacts.PushedModel, "gs://speech/run/pushed")
        properties = {
            "destination": "gs://speech/models", "name": "tiny", "decisions": "gs://speech/decisions", "hubs": "{}",
        }  # fmt: skip
        pusher.executor().Do(inputs, {"pushed_model": [pushed]}, properties)
        return properties_of(pushed)

    told = push()
    assert told["release_digest"] == expected["release_digest"]
    assert (told["pushed"], told["pushed_version"]) == (1, "1")
    assert places.read_json("gs://speech/run/pushed/publication.json") == told
    version = f"gs://speech/models/tiny/{pusher.format}/1"
    for name in (pusher.file, "README.md"):
        local = tmp_path / "releases" / "tiny" / pusher.format / "1" / name
        assert places.sha256_of(f"{version}/{name}") == places.sha256_of(str(local))
    read = {name.removeprefix("gs://speech/run/") for name in downloaded if name.startswith("gs://speech/run/")}
    assert read == {
        "release/RELEASE.json", f"release/{pusher.format}/{pusher.file}", "evaluation/metrics.json",
        "evaluation/gate.json",
    }  # fmt: skip

    downloaded.clear()
    inputs["model_blessing"][0].set_int_custom_property("blessed", 0)
    assert push()["pushed"] == 0
    assert downloaded == []
    assert places.read_json("gs://speech/run/pushed/publication.json")["reason"].startswith("The evaluator did not")

    inputs["model_blessing"][0].set_int_custom_property("blessed", 1)
    places.remove("gs://speech/run/evaluation/gate.json")
    places.remove_tree("gs://speech/models")
    with pytest.raises(ReleaseError, match="^gs://speech/run/evaluation must be a whole evaluation"):
        push()
    assert not places.is_directory("gs://speech/run/pushed")


def test_the_hubs_that_are_named_get_the_same_bytes(publish_to, hugging_face, kaggle, tmp_path, pusher):
    framework = {"saved_model": "tensorFlow2", "onnx": "onnx", "checkpoint": "transformers"}[pusher.format]
    handle = f"jane/speech/{framework}/tiny"
    hubs = {
        "hugging_face": (HuggingFaceSettings("jane/speech", pusher.format),), "kaggle": (KaggleSettings(handle),)
    }  # fmt: skip
    told = publish_to(str(tmp_path / "releases"), **hubs)
    digest = told["release_digest"]
    assert told["pushed"] == 1
    assert told["hubs"] == f"hf://jane/speech@release-{digest[:16]} kaggle://{handle}/1"
    assert told["reason"].count("Published as version ") == 3
    here = tmp_path / "releases" / "tiny" / pusher.format / "1"
    for name in (pusher.file, "README.md"):
        content = (here / name).read_bytes()
        assert hugging_face.repositories["jane/speech"].files[name] == content
        assert kaggle.variations[handle][0].files[name] == content
    evaluation = json.loads((here / "RELEASE.json").read_text())["evaluation"]
    assert sorted(evaluation) == ["gate.json", "metrics.json"]
    assert publish_to(str(tmp_path / "releases"), **hubs)["pushed"] == 0


def test_a_hub_is_not_asked_for_what_is_not_blessed(publish_to, inputs, hugging_face, pusher, tmp_path):
    inputs["model_blessing"][0].set_int_custom_property("blessed", 0)
    told = publish_to(str(tmp_path), hugging_face=(HuggingFaceSettings("jane/speech", pusher.format),))
    assert (told["pushed"], told["hubs"], hugging_face.requests) == (0, "", [])


def test_without_credentials_for_a_hub_nothing_is_published(publish_to, tmp_path, monkeypatch, pusher):
    monkeypatch.delenv("OURS", raising=False)
    with pytest.raises(UsageError, match="the variable OURS must hold a token that may write there, and it is not set"):
        publish_to(
            str(tmp_path / "releases"),
            hugging_face=(HuggingFaceSettings("jane/speech", pusher.format, token_variable="OURS"),),
        )
    assert not (tmp_path / "releases").exists()


def test_a_pusher_gets_the_hubs_of_its_format_alone(pusher):
    publication = PublicationSettings(
        hugging_face=tuple(HuggingFaceSettings(f"jane/{format_}", format_) for format_ in FORMATS)
    )
    component = pusher.component(
        model=Channel(type=standard_artifacts.Model),
        model_blessing=Channel(type=standard_artifacts.ModelBlessing),
        evaluation=Channel(type=Evaluation),
        destination="releases", name="tiny", destination_state="1", decisions="root/decisions", decisions_state="2",
        publication=publication,
    )  # fmt: skip
    hubs = from_json(PublicationSettings, component.spec.exec_properties["hubs"])
    assert [hub.address for hub in hubs.hugging_face] == [f"hf://jane/{pusher.format}"]
