"""What is published where a configuration says, as the cache of the pushers knows it."""

import time

import pytest

from beam_jobs import places
from model.export.destinations.hugging_face import HuggingFaceDestination
from model.export.destinations.settings import HuggingFaceSettings, KaggleSettings, PublicationSettings
from pipeline.publication import publication_place, publication_states
from tests.fake_hugging_face import Fault, Repository

NOTHING = PublicationSettings()


def test_the_place_is_that_of_the_workspace_unless_another_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert publication_place(NOTHING, tmp_path / "releases") == str(tmp_path / "releases")
    assert publication_place(PublicationSettings("models"), tmp_path / "releases") == str(tmp_path / "models")
    assert publication_place(PublicationSettings("gs://speech/a/"), tmp_path) == "gs://speech/a"


@pytest.fixture
def memory(tmp_path_factory):
    return tmp_path_factory.mktemp("memory")


def test_a_version_counts_while_its_directory_is_there(tmp_path, memory):
    assert publication_states(str(tmp_path), "tiny", NOTHING, memory) == {}
    for format_, version in (("saved_model", "3"), ("onnx", "2")):
        (tmp_path / "tiny" / format_ / version).mkdir(parents=True)
        (tmp_path / "tiny" / format_ / "latest").write_text(f"{version}\n")
    assert publication_states(str(tmp_path), "tiny", NOTHING, memory) == {"saved_model": "3", "onnx": "2"}
    (tmp_path / "tiny" / "onnx" / "2").rmdir()
    assert publication_states(str(tmp_path), "tiny", NOTHING, memory) == {"saved_model": "3"}
    assert publication_states(str(tmp_path), "other", NOTHING, memory) == {}
    assert list(tmp_path.iterdir()) == [tmp_path / "tiny"]


def test_a_version_in_cloud_storage_counts_while_its_description_is_there(bucket, memory):
    root = "gs://speech/models/tiny/onnx"
    places.write_bytes(f"{root}/latest", b"4\n")
    places.write_bytes(f"{root}/4/RELEASE.json", b"{}")
    assert publication_states("gs://speech/models", "tiny", NOTHING, memory) == {"onnx": "4"}
    places.remove(f"{root}/4/RELEASE.json")
    assert publication_states("gs://speech/models", "tiny", NOTHING, memory) == {}
    assert publication_states("gs://no-such-bucket", "tiny", NOTHING, memory) == {}


@pytest.fixture
def published(tmp_path):
    """A directory where each format has a version."""
    for format_ in ("saved_model", "onnx", "checkpoint"):
        (tmp_path / "tiny" / format_ / "1").mkdir(parents=True)
        (tmp_path / "tiny" / format_ / "latest").write_text("1\n")
    return str(tmp_path)


def test_hubs_count_for_their_format_and_what_is_not_known_is_left_out(hugging_face, kaggle, published, memory):
    settings = PublicationSettings(
        hugging_face=(HuggingFaceSettings("jane/speech"),), kaggle=(KaggleSettings("jane/speech/onnx/tiny"),)
    )
    assert publication_states(published, "tiny", settings, memory) == {"saved_model": "1"}
    repository = hugging_face.repositories["jane/speech"] = Repository(False, [], [], {})
    commit = hugging_face.commit(repository, {}, "first")
    assert publication_states(published, "tiny", settings, memory) == {"saved_model": "1", "checkpoint": f"1 {commit}"}


def test_of_a_hub_that_does_not_answer_what_it_said_last_is_taken(hugging_face, published, memory):
    settings = PublicationSettings(hugging_face=(HuggingFaceSettings("jane/speech"),))
    hugging_face.faults.append(Fault(".*", 500))
    assert publication_states(published, "tiny", settings, memory) == {"saved_model": "1", "onnx": "1"}
    hugging_face.faults.clear()
    repository = hugging_face.repositories["jane/speech"] = Repository(False, [], [], {})
    states = []
    for message in ("first", "second"):
        commit = hugging_face.commit(repository, {}, message)
        known = {"saved_model": "1", "onnx": "1", "checkpoint": f"1 {commit}"}
        assert publication_states(published, "tiny", settings, memory) == known
        hugging_face.faults.append(Fault(".*", 500))
        assert publication_states(published, "tiny", settings, memory) == known
        hugging_face.faults.clear()
        states.append(known)
    assert states[0] != states[1]
    del hugging_face.repositories["jane/speech"]
    assert "checkpoint" not in publication_states(published, "tiny", settings, memory)
    hugging_face.faults.append(Fault(".*", 500))
    assert "checkpoint" not in publication_states(published, "tiny", settings, memory), "that, too, is remembered"
    (note,) = (memory / "publication").iterdir()
    note.write_text("[")
    assert "checkpoint" not in publication_states(published, "tiny", settings, memory)


def test_a_hub_that_does_not_answer_in_time_does_not_hold_up_a_run(published, monkeypatch, memory):
    monkeypatch.setattr(HuggingFaceDestination, "state", lambda self: time.sleep(2) or "too late")
    settings = PublicationSettings(hugging_face=(HuggingFaceSettings("jane/speech"),))
    began = time.monotonic()
    states = publication_states(published, "tiny", settings, memory, answer_within_seconds=0.2)
    assert states == {"saved_model": "1", "onnx": "1"}
    assert time.monotonic() - began < 1.5
