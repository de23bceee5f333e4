"""To several places at once: all are asked before anything is published, and what is there is not published again."""

import dataclasses
from pathlib import Path

import pytest

from model.errors import ReleaseError, TryAgainError, UsageError
from model.export.destinations.destination import Copy
from model.export.destinations.directory import directory_destination
from model.export.destinations.hugging_face import HuggingFaceDestination
from model.export.destinations.kaggle import KaggleDestination
from model.export.destinations.settings import HuggingFaceSettings, KaggleSettings
from model.export.distribute import distribute
from model.export.release import Release, read_release
from model.storage import release_digest, sha256_of_files
from tests.fake_hugging_face import Fault


@pytest.fixture
def source(tmp_path):
    """A release with an ONNX folder; returns its description and the folder."""
    folder = tmp_path / "release" / "onnx"
    (folder / "onnx").mkdir(parents=True)
    (folder / "onnx" / "model.onnx").write_text("graph")
    (folder / "vocab.json").write_text("{}")
    files = sha256_of_files(folder.parent)
    release = Release(
        name="base", model_digest="5" * 64, release_digest=release_digest(files), files=files,
        sizes_bytes={"onnx/onnx/model.onnx": 5, "onnx/vocab.json": 2}, source_checkpoint=None, license="mit",
        language="en", sample_rate_hz=16_000, versions={},
    )  # fmt: skip
    return release, folder


@pytest.fixture
def prepared():
    """The files of each staged copy that was prepared."""
    return []


@pytest.fixture
def publish(source, prepared):
    """Publishes to some destinations."""
    release, folder = source

    def publish(*destinations):
        def prepare(content):
            prepared.append(sorted(path.name for path in content.rglob("*") if path.is_file()))
            (content / "README.md").write_text("---\nlicense: mit\n---\n")
            return dataclasses.replace(release, evaluation={"metrics.json": "9" * 64})

        return distribute(release, folder, "onnx", destinations, prepare)

    return publish


@pytest.fixture
def directory(tmp_path):
    return directory_destination(str(tmp_path / "releases"), "base", "onnx")


@pytest.fixture
def hub():
    return HuggingFaceDestination(HuggingFaceSettings("jane/speech", "onnx"))


def there(tmp_path):
    root = tmp_path / "releases" / "base" / "onnx"
    return sorted(path.name for path in root.iterdir()) if root.is_dir() else []


def test_the_same_bytes_go_everywhere_after_one_preparation(
    prepared, hugging_face, kaggle, publish, directory, hub, tmp_path
):
    other = directory_destination(str(tmp_path / "elsewhere"), "base", "onnx")
    kaggle_hub = KaggleDestination(KaggleSettings("jane/speech/onnx/tiny"))
    copies = publish(directory, hub, kaggle_hub, other)
    assert prepared == [["model.onnx", "vocab.json"]]
    assert [copy.is_new for copy in copies] == [True] * 4
    assert there(tmp_path) == ["1", "latest"]
    assert Path(copies[3].address) == tmp_path / "elsewhere" / "base" / "onnx" / "1"
    first = Path(copies[0].address)
    for name in ("onnx/model.onnx", "vocab.json", "README.md"):
        content = (first / name).read_bytes()
        assert hugging_face.repositories["jane/speech"].files[name] == content
        assert kaggle.variations["jane/speech/onnx/tiny"][0].files[name] == content
        assert (Path(copies[3].address) / name).read_bytes() == content
    assert read_release(first).evaluation == {"metrics.json": "9" * 64}
    assert sorted(path.name for path in Path(copies[3].address).parent.iterdir()) == ["1", "latest"]
    again = publish(directory, hub, kaggle_hub, other)
    assert again == [dataclasses.replace(copy, is_new=False) for copy in copies]
    assert len(prepared) == 1, "nothing had to be staged"


def test_a_hub_that_is_added_later_gets_what_is_published_already(hugging_face, publish, directory, hub, tmp_path):
    publish(directory)
    copies = publish(directory, hub)
    assert [copy.is_new for copy in copies] == [False, True]
    assert there(tmp_path) == ["1", "latest"]


def test_a_missing_credential_of_the_last_keeps_the_first_from_being_published(
    publish, directory, hub, tmp_path, monkeypatch
):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with pytest.raises(UsageError, match="the variable HF_TOKEN must hold a token"):
        publish(directory, hub)
    assert there(tmp_path) == []


@pytest.mark.parametrize(
    ("status", "error"), [(401, UsageError), (403, UsageError), (500, TryAgainError), (0, TryAgainError)]
)
def test_a_hub_that_refuses_or_fails_at_once_keeps_the_first_from_being_published(
    prepared, hugging_face, publish, directory, hub, tmp_path, status, error
):
    hugging_face.faults.append(Fault("GET .*", status))
    with pytest.raises(error):
        publish(directory, hub)
    assert there(tmp_path) == []
    assert prepared == []


def test_a_hub_that_fails_later_is_made_up_for_by_the_next_call(hugging_face, publish, directory, hub, tmp_path):
    hugging_face.faults.append(Fault(".*/commit/main", 500))
    with pytest.raises(TryAgainError, match="hf://jane/speech cannot be published to now"):
        publish(directory, hub)
    assert there(tmp_path) == ["1", "latest"], "what came before is whole, and found again"
    hugging_face.faults.clear()
    assert [copy.is_new for copy in publish(directory, hub)] == [False, True]


def test_a_copy_that_was_changed_keeps_the_others_from_being_published(hugging_face, publish, directory, hub, tmp_path):
    publish(directory)
    (tmp_path / "releases/base/onnx/1/vocab.json").write_text("[]")
    with pytest.raises(ReleaseError, match="Version 1 in .* must stay as it was published"):
        publish(directory, hub)
    assert hugging_face.repositories == {}


def test_what_came_of_it_is_a_sentence():
    assert Copy("/a/1", "1", is_new=True).sentence == "Published as version 1 in /a/1."
    assert Copy("hf://a/b@t", "t").sentence == "Already published as version t in hf://a/b@t."
