"""Files appear whole or not at all."""

import errno
import os

import pytest

from model.errors import DiskFullError, UsageError
from model.storage import (
    create_file,
    disk_full_is_said,
    read_json,
    release_digest,
    replacing,
    replacing_directory,
    require_replaceable,
    sha256_of_files,
    write_json,
)


def listing(root):
    return sorted(path.name for path in root.iterdir())


def test_a_file_appears_when_the_block_has_ended(tmp_path):
    final = tmp_path / "deep" / "a.txt"
    with replacing(final) as temporary:
        temporary.write_text("new")
        assert not final.exists()
        assert temporary.suffix == ".txt"
    assert final.read_text() == "new"
    assert listing(final.parent) == ["a.txt"]
    assert final.stat().st_mode & 0o777 == 0o666 & ~umask()


def umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
def test_after_an_error_the_old_file_stands_and_nothing_else(tmp_path, error):
    (tmp_path / "a.txt").write_text("old")

    def fail():
        with replacing(tmp_path / "a.txt") as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert (tmp_path / "a.txt").read_text() == "old"
    assert listing(tmp_path) == ["a.txt"]


def test_a_file_that_is_created_cannot_be_changed(tmp_path):
    path = tmp_path / "below" / "1.json"
    create_file(path, b"one")
    with pytest.raises(FileExistsError):
        create_file(path, b"two")
    assert path.read_bytes() == b"one"
    assert path.stat().st_mode & 0o222 == 0
    assert [found.name for found in path.parent.iterdir()] == ["1.json"]


def test_a_full_disk_leaves_nothing_of_a_file_that_is_created(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DiskFullError, match="is full; free some space"):
        create_file(tmp_path / "1.json", b"one")
    assert list(tmp_path.iterdir()) == []


def test_a_directory_is_replaced_as_a_whole(tmp_path):
    final = tmp_path / "d"
    for content in ("one", "two"):
        with replacing_directory(final) as temporary:
            (temporary / content).write_text(content)
    assert listing(final) == ["two"]
    assert listing(tmp_path) == ["d"]

    def fail():
        with replacing_directory(final) as temporary:
            (temporary / "three").write_text("half")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert listing(final) == ["two"]
    assert listing(tmp_path) == ["d"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said_with_its_place_and_mend(tmp_path, number):
    def fail():
        with replacing(tmp_path / "a.txt"):
            raise OSError(number, os.strerror(number))

    with pytest.raises(
        DiskFullError, match=r"a\.txt is full; free some space there, .* run again; finished work is kept"
    ) as caught:
        fail()
    assert caught.value.exit_code == 75
    assert listing(tmp_path) == []


def test_other_errors_of_the_system_stay_what_they_are(tmp_path):
    def fail():
        with disk_full_is_said(tmp_path):
            raise PermissionError(errno.EACCES, "no")

    with pytest.raises(PermissionError):
        fail()


def test_json_and_digests(tmp_path):
    write_json(tmp_path / "x" / "a.json", {"b": 1, "ä": [2]})
    assert read_json(tmp_path / "x" / "a.json") == {"b": 1, "ä": [2]}
    (tmp_path / "x" / "empty").write_bytes(b"")
    found = sha256_of_files(tmp_path)
    assert list(found) == ["x/a.json", "x/empty"]
    assert found["x/empty"] == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert release_digest(found) == release_digest(dict(reversed(found.items())))
    assert release_digest(found) != release_digest({**found, "x/empty": "0"})


def test_numbers_that_json_does_not_know_are_written_as_null(tmp_path):
    write_json(tmp_path / "a.json", {"a": float("nan"), "b": [float("inf"), 1.5]})
    assert read_json(tmp_path / "a.json") == {"a": None, "b": [None, 1.5]}


def test_only_what_is_ours_may_be_replaced(tmp_path):
    require_replaceable(tmp_path / "new", "MARKER")
    (tmp_path / "empty").mkdir()
    require_replaceable(tmp_path / "empty", "MARKER")
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "MARKER").touch()
    require_replaceable(tmp_path / "ours", "MARKER")
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "novel.txt").write_text("chapter one")
    with pytest.raises(UsageError, match=r"theirs must be new, empty or an earlier output .* holds something else"):
        require_replaceable(tmp_path / "theirs", "MARKER")
    with pytest.raises(UsageError, match=r"novel\.txt must be a directory, and \S+novel\.txt is a file"):
        require_replaceable(tmp_path / "theirs" / "novel.txt", "MARKER")
    with pytest.raises(UsageError, match=r"novel\.txt/out must be a directory, and \S+/novel\.txt is a file"):
        require_replaceable(tmp_path / "theirs" / "novel.txt" / "out", "MARKER")
    with pytest.raises(UsageError, match="must be another place than the source"):
        require_replaceable(tmp_path / "ours", "MARKER", tmp_path / "ours")
