"""Publishing: what was measured appears whole as a version, once, or not at all."""

import concurrent.futures
import dataclasses
import errno
import gzip
import json
import os
import shutil
import tarfile
import time
from pathlib import Path

import pytest

from model.errors import DiskFullError, ReleaseError, UsageError
from model.export import publish as publishing
from model.export.archive import write_archive
from model.export.destinations.directory import directory_destination
from model.export.publish import Blessing, publish
from model.export.release import Format, check_files, read_release
from model.storage import release_digest, sha256_of_file, sha256_of_files

FILES = {
    "saved_model/saved_model.pb": "a graph",
    "saved_model/variables/variables.index": "weights",
    "saved_model/assets/vocab.json": "{}",
    "onnx/onnx/model.onnx": "an ONNX graph",
    "onnx/vocab.json": "{}",
}


@pytest.fixture
def verified(monkeypatch):
    """Takes the place of the fresh process, and remembers what it was shown."""
    calls = []

    def verify(format_, directory, probes):
        calls.append((format_, sorted(sha256_of_files(directory)), probes.name))
        return 1

    monkeypatch.setattr(publishing, "verify_in_fresh_process", verify)
    return calls


@pytest.fixture
def make_release(tmp_path, release):
    """Makes a small release whose digest depends on `weights`, and its blessing."""

    def make(weights="weights"):
        directory = tmp_path / f"release-{weights}"
        for name, text in {**FILES, "saved_model/variables/variables.index": weights}.items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_text(text)
        files = sha256_of_files(directory)
        digest = release_digest(files)
        sizes = {name: (directory / name).stat().st_size for name in files}
        dataclasses.replace(
            read_release(release), files=files, sizes_bytes=sizes, release_digest=digest, model_digest=weights
        ).write(directory)
        return directory, Blessing(True, digest, weights)

    return make


def test_a_format_that_a_release_has_not_is_not_published(make_release, judge, verified, tmp_path):
    directory, blessing = make_release()
    with pytest.raises(ReleaseError, match="must hold the format checkpoint to publish it, and this has none; export"):
        publish(
            "checkpoint",
            directory,
            judge(blessing.release_digest),
            blessing,
            [below(tmp_path / "out", "checkpoint")],
            "base",
        )
    assert list((tmp_path / "out" / "base" / "checkpoint").iterdir()) == []
    assert verified == []


@pytest.fixture
def judge(tmp_path):
    """Makes the evaluation of a release."""

    def judge(digest):
        directory = tmp_path / f"evaluation-{digest}"
        if directory.exists():
            return directory
        directory.mkdir()
        words = {"wer": 0.25, "utterances": 10, "words": 100}
        split = {"words": words, "interval": {"low": 0.2, "high": 0.3, "unit": "speaker"}}
        metrics = {"release_digest": digest, "corpus": {"root_name": "corpus"}, "splits": {"test-clean": split}}
        (directory / "metrics.json").write_text(json.dumps(metrics))
        (directory / "gate.json").write_text(json.dumps({"release_digest": digest, "verdict": "ACCEPT", "checks": []}))
        return directory

    return judge


@pytest.fixture
def push(judge, tmp_path):
    def push(made, format_: Format = "saved_model", **changes):
        directory, blessing = made
        evaluation = judge(blessing.release_digest)
        destinations = [below(tmp_path / "releases", format_)]
        return publish(format_, directory, evaluation, dataclasses.replace(blessing, **changes), destinations, "base")

    return push


def below(directory, format_, name="base"):
    return directory_destination(str(directory), name, format_)


def version_of(publication):
    return int(publication.copies[0].version)


def listing(tmp_path):
    root = tmp_path / "releases" / "base"
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


SAVED_MODEL_FILES = [
    "HUB.md", "README.md", "RELEASE.json", "assets/vocab.json", "saved_model.pb", "variables/variables.index"
]  # fmt: skip


def test_a_saved_model_becomes_a_version(push, make_release, verified, tmp_path):
    made = make_release()
    publication = push(made)
    root = tmp_path / "releases" / "base" / "saved_model"
    assert publication.to_mapping() == {
        "pushed": 1,
        "pushed_destination": str(root / "1"),
        "pushed_version": "1",
        "hubs": "",
        "release_digest": made[1].release_digest,
        "reason": f"Published as version 1 in {root / '1'}.",
    }
    assert listing(tmp_path) == [
        "saved_model/1.tar.gz", *(f"saved_model/1/{name}" for name in SAVED_MODEL_FILES), "saved_model/latest"
    ]  # fmt: skip
    assert sorted(path.name for path in root.iterdir()) == ["1", "1.tar.gz", "latest"], "no staging is left"
    assert (root / "latest").read_text() == "1\n"
    published = read_release(root / "1")
    assert (published.format, published.version) == ("saved_model", 1)
    check_files(root / "1", published, "saved_model", hashes=True)
    assert "| test-clean | 25.0 % |" in (root / "1" / "README.md").read_text()
    page = (root / "1" / "HUB.md").read_text()
    assert page.startswith(
        "# Module unknown/base/1\n\nWav2Vec2 with a CTC head for speech recognition. Word error rate: "
    )
    assert f"<!-- asset-path: {(root / '1.tar.gz').as_uri()} -->\n" in page
    assert f'hub.load("{root / "1"}")' in page
    assert "| test-clean | 25.0 % |" in page
    assert verified == [("saved_model", SAVED_MODEL_FILES[3:], "probes.npz")]
    assert (root / "1").stat().st_mode & 0o777 == 0o777 & ~umask()
    with tarfile.open(root / "1.tar.gz") as archive:
        assert archive.getnames() == [
            "assets", "variables", "assets/vocab.json", "saved_model.pb", "variables/variables.index"
        ]  # fmt: skip


def test_an_onnx_folder_becomes_a_version(push, make_release, verified, tmp_path):
    assert version_of(push(make_release(), "onnx")) == 1
    assert listing(tmp_path) == [
        "onnx/1/README.md", "onnx/1/RELEASE.json", "onnx/1/onnx/model.onnx", "onnx/1/vocab.json", "onnx/latest"
    ]  # fmt: skip


def test_the_real_release_is_published_and_used(release, evaluation, tmp_path):
    from model.transcriber import Transcriber

    described = read_release(release)
    blessing = Blessing(True, described.release_digest, described.model_digest)
    publication = publish("onnx", release, evaluation, blessing, [below(tmp_path, "onnx", "golden")], "golden")
    transcriber = Transcriber(tmp_path / "golden" / "onnx", check_hashes=True)
    assert transcriber.directory == Path(publication.copies[0].address) == tmp_path / "golden" / "onnx" / "1"


def test_the_same_release_is_published_once(push, make_release, verified, tmp_path):
    made = make_release()
    push(made)
    before = {name: (tmp_path / "releases/base" / name).stat().st_mtime_ns for name in listing(tmp_path)}
    second = push(made)
    assert (second.pushed, version_of(second)) == (False, 1)
    assert second.reason == f"Already published as version 1 in {tmp_path / 'releases/base/saved_model/1'}."
    assert {name: (tmp_path / "releases/base" / name).stat().st_mtime_ns for name in listing(tmp_path)} == before
    assert len(verified) == 1


def test_another_release_is_the_next_version(push, make_release, verified, tmp_path):
    root = tmp_path / "releases" / "base" / "saved_model"
    first, second = make_release("one"), make_release("two")
    push(first)
    (root / "7").mkdir()
    (root / "08").write_text("somebody's file")
    assert version_of(push(second)) == 9
    assert (root / "latest").read_text() == "9\n"
    assert push(first).reason.startswith("Already published as version 1 in ")
    assert (root / "latest").read_text() == "9\n"


def test_what_is_not_blessed_is_not_published(push, make_release, tmp_path):
    publication = push(make_release(), blessed=False, release_digest="")
    assert publication.to_mapping() == {
        "pushed": 0,
        "pushed_destination": "",
        "pushed_version": "",
        "hubs": "",
        "release_digest": "",
        "reason": "The evaluator did not bless this release, so nothing was published.",
    }
    assert not (tmp_path / "releases").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"release_digest": ""}, r"its release_digest must be [0-9a-f]{64}, and is missing; run the evaluator again"),
        ({"release_digest": "0" * 64}, r"its release_digest must be [0-9a-f]{64}, and is 0{64}"),
        ({"model_digest": ""}, r"its model_digest must be weights, and is missing"),
        ({"model_digest": "other"}, r"its model_digest must be weights, and is other"),
    ],
)
def test_a_blessing_of_something_else_is_refused(push, make_release, tmp_path, changes, message):
    with pytest.raises(ReleaseError, match=message):
        push(make_release(), **changes)
    assert not (tmp_path / "releases").exists()


def test_bytes_that_were_changed_after_the_export_are_refused(push, make_release, verified, tmp_path):
    made = make_release()
    (made[0] / "saved_model" / "saved_model.pb").write_text("A graph")
    with pytest.raises(ReleaseError, match=r"saved_model\.pb must be as it was exported, and its sha256 has changed"):
        push(made)
    (made[0] / "saved_model" / "saved_model.pb").unlink()
    with pytest.raises(ReleaseError, match=r"The release must hold saved_model/saved_model\.pb, and does not; export"):
        push(made)
    nothing_is_left(tmp_path, verified, calls=0)


def test_an_evaluation_of_another_release_is_refused(push, make_release, judge, verified, tmp_path):
    directory, blessing = make_release()
    with pytest.raises(ReleaseError, match="must be of the release [0-9a-f]{64}, and is of other; run the evaluator"):
        publish(
            "saved_model", directory, judge("other"), blessing, [below(tmp_path / "releases", "saved_model")], "base"
        )
    nothing_is_left(tmp_path, verified, calls=1)


def test_a_copy_that_differs_from_what_was_measured_is_not_published(
    push, make_release, verified, tmp_path, monkeypatch
):
    def refuse(format_, directory, probes):
        raise ReleaseError("The logits differ.")

    monkeypatch.setattr(publishing, "verify_in_fresh_process", refuse)
    with pytest.raises(ReleaseError, match="The logits differ"):
        push(make_release())
    nothing_is_left(tmp_path, verified, calls=0)


def test_the_real_check_keeps_a_release_back(release, evaluation, tmp_path):
    shutil.copytree(evaluation, tmp_path / "evaluation")
    (tmp_path / "evaluation" / "probes.npz").unlink()
    described = read_release(release)
    blessing = Blessing(True, described.release_digest, described.model_digest)
    with pytest.raises(ReleaseError, match=r"probes\.npz must be the evaluator's file of probes"):
        publish("onnx", release, tmp_path / "evaluation", blessing, [below(tmp_path / "releases", "onnx")], "base")
    nothing_is_left(tmp_path, [], calls=0, format_="onnx")


@pytest.mark.parametrize("where", ["copy", "card", "archive"])
def test_a_full_disk_leaves_nothing(push, make_release, judge, verified, tmp_path, monkeypatch, where):
    def full(*arguments, **keywords):
        raise OSError(errno.ENOSPC, "No space left on device")

    target = {"copy": (shutil, "copyfile"), "card": (publishing.Path, "write_text"), "archive": (tarfile, "open")}[
        where
    ]
    made = make_release()
    judge(made[1].release_digest)
    with monkeypatch.context() as patch:
        patch.setattr(*target, full)
        with pytest.raises(DiskFullError, match="releases/base/saved_model is full"):
            push(made)
    nothing_is_left(tmp_path, verified, calls=0 if where == "copy" else 1)
    assert version_of(push(made)) == 1, "and the next one succeeds"


def test_an_interrupted_end_is_completed_by_the_next_push(push, make_release, verified, tmp_path):
    made = make_release()
    push(made)
    root = tmp_path / "releases" / "base" / "saved_model"
    archive = (root / "1.tar.gz").read_bytes()
    (root / "1.tar.gz").unlink()
    (root / "latest").unlink()
    assert push(made).pushed is False
    assert (root / "1.tar.gz").read_bytes() == archive
    assert (root / "latest").read_text() == "1\n"


def test_a_version_that_was_changed_is_refused(push, make_release, verified, tmp_path):
    made = make_release()
    push(made)
    (tmp_path / "releases/base/saved_model/1/saved_model.pb").write_text("A graph")
    with pytest.raises(ReleaseError, match=r"Version 1 in .* must stay as it was published: .*sha256 has changed"):
        push(made)


def test_two_publishers_take_two_numbers(push, make_release, tmp_path, monkeypatch):
    """Both have found the same next number before either takes it."""
    made = [make_release("one"), make_release("two")]
    write = publishing.Release.write

    def write_and_wait(self, directory):
        write(self, directory)
        time.sleep(0.3)

    monkeypatch.setattr(publishing, "verify_in_fresh_process", lambda *arguments: 1)
    monkeypatch.setattr(publishing.Release, "write", write_and_wait)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        publications = list(pool.map(push, made))
    assert sorted(map(version_of, publications)) == [1, 2]
    root = tmp_path / "releases" / "base" / "saved_model"
    for publication, (_, blessing) in zip(publications, made, strict=True):
        published = read_release(root / publication.copies[0].version)
        assert published.release_digest == blessing.release_digest
        assert published.version == version_of(publication)
    assert (root / "latest").read_text() == "2\n"
    assert sorted(path.name for path in root.iterdir()) == ["1", "1.tar.gz", "2", "2.tar.gz", "latest"]


def test_two_publishers_of_the_same_release_publish_it_once(push, make_release, tmp_path, monkeypatch):
    made = make_release()

    def overtaken(format_, directory, probes):
        monkeypatch.setattr(publishing, "verify_in_fresh_process", lambda *arguments: 1)
        assert version_of(push(made)) == 1

    monkeypatch.setattr(publishing, "verify_in_fresh_process", overtaken)
    publication = push(made)
    assert (publication.pushed, version_of(publication)) == (False, 1)
    root = tmp_path / "releases" / "base" / "saved_model"
    assert sorted(path.name for path in root.iterdir()) == ["1", "1.tar.gz", "latest"]


def test_the_staging_of_a_killed_publisher_is_removed_after_a_day(push, make_release, verified, tmp_path):
    root = tmp_path / "releases" / "base" / "saved_model"
    for name, hours in ((".staging-old", 25), (".staging-new", 23)):
        (root / name / "content").mkdir(parents=True)
        moment = time.time() - hours * 3600
        os.utime(root / name, times=(moment, moment))
    push(make_release())
    assert sorted(path.name for path in root.iterdir()) == [".staging-new", "1", "1.tar.gz", "latest"]


def test_an_archive_is_a_function_of_its_content(tmp_path):
    for copy in ("first", "second"):
        for name in ("saved_model.pb", "variables/variables.index"):
            path = tmp_path / copy / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
        os.utime(tmp_path / copy / "saved_model.pb", times=(len(copy), len(copy)))
        (tmp_path / copy / "README.md").write_text(copy)
        names = ["variables/variables.index", "saved_model.pb"]
        write_archive(tmp_path / copy, names if copy == "first" else reversed(names), tmp_path / f"{copy}.tar.gz")
    assert sha256_of_file(tmp_path / "first.tar.gz") == sha256_of_file(tmp_path / "second.tar.gz")
    with gzip.open(tmp_path / "first.tar.gz") as file, tarfile.open(fileobj=file) as archive:
        assert [(entry.name, entry.isdir(), entry.mtime, entry.uid) for entry in archive] == [
            ("variables", True, 0, 0), ("saved_model.pb", False, 0, 0), ("variables/variables.index", False, 0, 0)
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("destination", "name", "message"),
    [
        ("gs://bucket/releases", "base", "destination must be a directory on this machine, not 'gs://bucket/releases'"),
        ("", "base", "destination must be a directory on this machine, not ''"),
        ("releases", "../base", r"must be that of a directory, not '\.\./base'"),
        ("releases", "", "must be that of a directory, not ''"),
    ],
)
def test_a_destination_elsewhere_is_refused(destination, name, message):
    with pytest.raises(UsageError, match=message):
        directory_destination(destination, name, "onnx")


def nothing_is_left(tmp_path, verified, calls, format_="saved_model"):
    root = tmp_path / "releases" / "base" / format_
    assert list(root.iterdir()) == []
    assert len(verified) == calls


def umask():
    value = os.umask(0)
    os.umask(value)
    return value
