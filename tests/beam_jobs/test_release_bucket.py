"""Versions in Cloud Storage: nothing half published is a version, and two publishers take two numbers."""

import concurrent.futures
import dataclasses
import shutil
import threading
import time

import pytest

from beam_jobs import cloud_storage, places, release_bucket
from beam_jobs.release_destinations import open_destination
from model.errors import DataError, ReleaseError, UsageError
from model.export.archive import write_archive
from model.export.destinations.destination import Staged
from model.export.release import Release
from model.storage import release_digest, sha256_of_files

PLACE = "gs://speech/models"
ROOT = f"{PLACE}/base/saved_model"
FILES = {"saved_model.pb": "a graph", "variables/variables.index": "weights", "assets/vocab.json": "{}"}
VERSION = ["README.md", "RELEASE.json", "assets/vocab.json", "saved_model.pb", "variables/variables.index"]


@pytest.fixture
def make(tmp_path):
    """Stages a small SavedModel whose digest depends on `weights`."""

    def make(weights="weights"):
        root = tmp_path / weights
        shutil.rmtree(root, ignore_errors=True)
        for path, text in {**FILES, "variables/variables.index": weights}.items():
            file = root / "saved_model" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        files = sha256_of_files(root)
        release = Release(
            name="base", model_digest="5" * 64, release_digest=release_digest(files), files=files,
            sizes_bytes={name: (root / name).stat().st_size for name in files}, source_checkpoint=None,
            license="mit", language="en", sample_rate_hz=16_000, versions={},
        )  # fmt: skip
        write_archive(root / "saved_model", release.files_of("saved_model"), root / "model.tar.gz")
        (root / "saved_model" / "README.md").write_text("# base\n")
        return Staged(root / "saved_model", release, "saved_model", root / "model.tar.gz")

    return make


@pytest.fixture
def destination(bucket):
    return open_destination(PLACE, "base", "saved_model")


def names(root=ROOT):
    return [entry.path for entry in places.list_tree(root)]


def test_a_release_becomes_a_version_and_each_is_published_once(destination, make):
    staged = make()
    assert destination.find(staged.release, staged.content) is None
    assert destination.state() is None
    copy, content = destination.add(staged)
    assert (copy.address, copy.version, copy.is_new, content) == (f"{ROOT}/1", "1", True, staged.content)
    assert names() == [".claims/1.json", *(f"1/{name}" for name in VERSION), "1.tar.gz", "latest"]
    assert places.read_bytes(f"{ROOT}/latest") == b"1\n"
    told = places.read_json(f"{ROOT}/1/RELEASE.json")
    assert (told["format"], told["version"]) == ("saved_model", 1)
    assert destination.state() == "1"
    found = destination.find(staged.release, staged.content)
    assert found == dataclasses.replace(copy, is_new=False)
    second, _ = destination.add(staged)
    assert (second.version, second.is_new) == ("1", False)


def test_another_release_is_the_next_version(destination, make):
    destination.add(make("one"))
    places.write_bytes(f"{ROOT}/7/somebodys.txt", b"x")
    places.write_bytes(f"{ROOT}/9.tar.gz", b"x")
    copy, _ = destination.add(make("two"))
    assert copy.version == "10"
    assert places.read_bytes(f"{ROOT}/latest") == b"10\n"
    one = make("one")
    assert destination.add(one)[0].version == "1"
    assert destination.state() == "10", "latest names the newest, whatever is asked for"


def test_what_is_written_last_makes_it_a_version(destination, make, monkeypatch):
    """The order of writing: claim, files and archive, RELEASE.json, latest."""
    written = []
    for name in ("create_bytes", "write_bytes"):
        original = getattr(places, name)

        def note(place, content, original=original):
            original(place, content)
            written.append(place.removeprefix(f"{ROOT}/"))

        monkeypatch.setattr(places, name, note)
    upload = cloud_storage.upload

    def note_upload(path, address):
        upload(path, address)
        written.append(address.removeprefix(f"{ROOT}/"))

    monkeypatch.setattr(cloud_storage, "upload", note_upload)
    destination.add(make())
    assert written[0] == ".claims/1.json"
    assert sorted(written[1:-2]) == sorted(["1.tar.gz", *(f"1/{name}" for name in VERSION if name != "RELEASE.json")])
    assert written[-2:] == ["1/RELEASE.json", "latest"]


def test_the_page_of_a_version_has_its_number_and_where_its_archive_can_be_fetched(destination, make, bucket):
    staged = dataclasses.replace(make(), page=lambda number, archive: f"{number}: {archive}")
    destination.add(staged)
    assert "1/HUB.md" in names()
    address = f"{ROOT}/1.tar.gz".replace("gs://", "https://storage.googleapis.com/")
    assert places.read_bytes(f"{ROOT}/1/HUB.md", 1_000).decode() == f"1: {address}"


@pytest.mark.parametrize("break_at", [1, 3, 5])
def test_a_publisher_that_breaks_off_leaves_no_version_and_is_gone_on_with(destination, make, monkeypatch, break_at):
    staged, upload, uploads = make(), cloud_storage.upload, []

    def upload_some(path, address):
        uploads.append(address)
        if len(uploads) >= break_at:
            raise DataError("broken off")
        upload(path, address)

    monkeypatch.setattr(cloud_storage, "AT_ONCE", 1)
    with monkeypatch.context() as patch:
        patch.setattr(cloud_storage, "upload", upload_some)
        with pytest.raises(DataError, match="broken off"):
            destination.add(staged)
    there = set(names())
    assert not {"1/RELEASE.json", "latest"} & there
    assert destination.find(staged.release, staged.content) is None
    assert destination.state() is None

    uploads.clear()

    def note(path, address):
        uploads.append(address.removeprefix(f"{ROOT}/"))
        upload(path, address)

    monkeypatch.setattr(cloud_storage, "upload", note)
    copy, _ = destination.add(staged)
    assert (copy.version, copy.is_new) == ("1", True), "under the number that it had claimed"
    assert not {name for name in uploads if name.startswith("1/")} & there, "what was there was not sent again"
    assert names() == [".claims/1.json", *(f"1/{name}" for name in VERSION), "1.tar.gz", "latest"]


def test_a_number_that_another_release_has_claimed_is_not_taken(destination, make, monkeypatch):
    first, second = make("one"), make("two")
    claim = {"format_version": 1, "release_digest": first.release.release_digest}
    places.write_json(f"{ROOT}/.claims/1.json", claim)
    places.write_bytes(f"{ROOT}/1/saved_model.pb", b"half")
    assert destination.add(second)[0].version == "2"
    assert places.is_file(f"{ROOT}/1/saved_model.pb"), "whoever claimed it may still be at work"
    assert destination.add(first)[0].version == "1"
    assert places.read_bytes(f"{ROOT}/1/saved_model.pb") == b"a graph"
    assert places.read_bytes(f"{ROOT}/latest") == b"2\n"


def test_what_a_killed_publisher_left_is_removed_after_a_day_and_its_number_is_not_used_again(
    destination, make, monkeypatch
):
    places.write_json(f"{ROOT}/.claims/1.json", {"format_version": 1, "release_digest": "f" * 64})
    for name in ("1/saved_model.pb", "1.tar.gz"):
        places.write_bytes(f"{ROOT}/{name}", b"half")
    now = time.time()
    monkeypatch.setattr(release_bucket.time, "time", lambda: now + 23 * 3600)
    assert destination.add(make("one"))[0].version == "2"
    assert places.is_file(f"{ROOT}/1/saved_model.pb")
    monkeypatch.setattr(release_bucket.time, "time", lambda: now + 25 * 3600)
    assert destination.add(make("two"))[0].version == "3"
    assert [name for name in names() if name.startswith("1")] == []
    assert ".claims/1.json" in names()
    assert "2/RELEASE.json" in names()


def test_two_publishers_take_two_numbers(destination, make, monkeypatch):
    """Both have found the same next number before either takes it."""
    staged = [make("one"), make("two")]
    barrier = threading.Barrier(2, timeout=30)
    original, met = release_bucket.BucketStore.numbers, threading.local()

    def numbers(self):
        found = original(self)
        if not hasattr(met, "once"):
            met.once = True
            barrier.wait()
        return found

    monkeypatch.setattr(release_bucket.BucketStore, "numbers", numbers)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        copies = [copy for copy, _ in pool.map(destination.add, staged)]
    assert sorted(copy.version for copy in copies) == ["1", "2"]
    for copy, one in zip(copies, staged, strict=True):
        told = places.read_json(f"{copy.address}/RELEASE.json")
        assert told["release_digest"] == one.release.release_digest
        assert places.read_bytes(f"{copy.address}/variables/variables.index") == one.content.parent.name.encode()
    assert places.read_bytes(f"{ROOT}/latest") == b"2\n"


def test_two_publishers_of_the_same_release_publish_it_once(destination, make, monkeypatch):
    staged = make()
    create = places.create_bytes
    raced = []

    def create_after_another(place, content):
        if place.endswith("RELEASE.json") and not raced:
            raced.append(place)
            assert destination.add(staged)[0].is_new
        create(place, content)

    monkeypatch.setattr(places, "create_bytes", create_after_another)
    copy, _ = destination.add(staged)
    assert (copy.version, copy.is_new) == ("1", False)
    assert [name for name in names() if name.endswith("RELEASE.json")] == ["1/RELEASE.json"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda place: places.write_bytes(place, b"A graph"),
            "must be as it was exported, and its content has changed",
        ),
        (lambda place: places.write_bytes(place, b"more than before"), "must have 7 bytes, and has 16"),
        (places.remove, "must be there, because its RELEASE.json names it, and is not"),
    ],
)
def test_a_version_that_was_changed_is_refused(destination, make, change, message):
    staged = make()
    destination.add(staged)
    change(f"{ROOT}/1/saved_model.pb")
    with pytest.raises(ReleaseError, match=f"Version 1 in {ROOT} must stay as it was published: .*{message}"):
        destination.find(staged.release, staged.content)
    with pytest.raises(ReleaseError, match="Or delete that version, and push again"):
        destination.add(staged)


def test_an_object_without_an_md5_is_read(destination, make, monkeypatch):
    staged = make()
    destination.add(staged)
    listed = cloud_storage.list_objects
    monkeypatch.setattr(cloud_storage, "list_objects", lambda place: [one._replace(md5="") for one in listed(place)])
    assert destination.find(staged.release, staged.content) is not None
    places.write_bytes(f"{ROOT}/1/saved_model.pb", b"A graph")
    with pytest.raises(ReleaseError, match="its content has changed"):
        destination.find(staged.release, staged.content)


def test_an_archive_that_somebody_removed_is_written_again(destination, make):
    staged = make()
    copy, _ = destination.add(staged)
    before = places.read_bytes(f"{ROOT}/1.tar.gz")
    for name in ("1.tar.gz", "latest"):
        places.remove(f"{ROOT}/{name}")
    destination.finish(copy, staged.release, staged.content)
    assert places.read_bytes(f"{ROOT}/1.tar.gz") == before
    assert places.read_bytes(f"{ROOT}/latest") == b"1\n"


def test_a_description_or_a_claim_that_cannot_be_read_is_said(destination, make):
    staged = make()
    destination.add(staged)
    places.write_bytes(f"{ROOT}/1/RELEASE.json", b"{")
    with pytest.raises(ReleaseError, match=f"{ROOT}/1/RELEASE.json must be the whole description of a release"):
        destination.find(staged.release, staged.content)
    places.remove(f"{ROOT}/1/RELEASE.json")
    places.write_bytes(f"{ROOT}/.claims/1.json", b"[]")
    with pytest.raises(DataError, match=f"A claim must be as it was written, and {ROOT}/.claims/1.json is not; remove"):
        destination.add(staged)


def test_the_state_is_the_newest_version(destination, make, bucket, monkeypatch):
    destination.add(make())
    assert destination.state() == "1"
    places.write_bytes(f"{ROOT}/latest", b"one\n")
    assert destination.state() is None


@pytest.mark.parametrize(
    ("place", "name", "message"),
    [
        ("gs://", "base", "An address in Cloud Storage must be gs://<bucket>/<name>"),
        ("gs://a", "base", "A bucket's name has 3 to 222 small letters"),
        ("gs://speech/x", "../base", "The name of a published model must be that of a directory"),
        ("s3://speech/x", "base", "destination must be a directory on this machine, not 's3://speech/x'"),
    ],
)
def test_a_place_that_is_none_is_refused(place, name, message):
    with pytest.raises(UsageError, match=message):
        open_destination(place, name, "onnx")
