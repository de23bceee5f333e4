"""Archives of LibriSpeech: sound ones are unpacked whole, all others not at all."""

import concurrent.futures
import gzip
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from beam_jobs.librispeech import archives, inspect_corpus, tar_stream, transfer, unpacking
from beam_jobs.librispeech.archives import find_archives, unpack_archive
from model.errors import DataError, DiskFullError, TryAgainError, UsageError, W2v2Error
from tests.tar_files import (
    CHAPTER,
    GOOD,
    MTIME,
    NAMES_THAT_ARE_NOT_OF_THE_LAYOUT,
    SOUND,
    SPEAKERS,
    entry,
    files,
    tar,
    tree,
)


@pytest.fixture
def make(tmp_path):
    """Writes an archive."""

    def write(content, name="test-a.tar.gz"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else tar(content))
        return path

    return write


def refused(archive, place, message, error: type[W2v2Error] = DataError):
    """Expects an error, and that nothing is left."""
    with pytest.raises(error, match=message) as caught:
        unpack_archive(archive, place)
    assert [path.name for path in place.iterdir()] == [".unpack.lock"]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("gz", [True, False])
@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_a_good_archive_is_unpacked_as_it_is(make, tmp_path, gz, form):
    content = tar(GOOD, gz, form)
    path = make(content)
    summary = unpack_archive(path, tmp_path / "out")
    assert tree(tmp_path / "out") == files(GOOD)
    assert summary == unpacking.ArchiveSummary(
        root=str(tmp_path / "out" / "LibriSpeech"), subsets=("test-a",), utterances={"test-a": 2},
        transcripts={"test-a": 1}, speakers={"test-a": 1}, content_bytes=sum(map(len, files(GOOD).values())),
        archive_bytes=len(content), archive_md5=hashlib.md5(content).hexdigest(),
    )  # fmt: skip
    corpus = inspect_corpus(tmp_path / "out")
    assert (corpus.utterances, corpus.chapters[0].gender) == (2, "M")
    assert [p.name for p in (tmp_path / "out").iterdir() if p.name != ".unpack.lock"] == ["LibriSpeech"]


def test_two_unpackings_have_one_fingerprint(make, tmp_path):
    path = make(GOOD)
    unpack_archive(path, tmp_path / "one")
    unpack_archive(path, tmp_path / "two")
    assert (tmp_path / "one" / SOUND).stat().st_mtime == MTIME
    assert inspect_corpus(tmp_path / "one").fingerprint == inspect_corpus(tmp_path / "two").fingerprint


def test_an_open_stream_is_unpacked_too(tmp_path):
    class Stream:
        """No seek, no tell, and short reads: as a stream over a network may be."""

        def __init__(self, content):
            self.buffer = io.BytesIO(content)

        def read(self, size):
            return self.buffer.read(min(size, 7))

    summary = unpack_archive(Stream(tar(GOOD)), tmp_path / "out", "test-a", name="gs://bucket/test-a.tar.gz")
    assert summary.utterances == {"test-a": 2}
    assert tree(tmp_path / "out") == files(GOOD)
    refused(io.BytesIO(b"what"), tmp_path / "two", "The archive must be a .tar.gz or a .tar, and is neither")


def test_a_stream_that_breaks_can_be_tried_again(tmp_path):
    class Broken(io.RawIOBase):
        name = "gs://bucket/test-a.tar.gz"
        told = 0

        def read(self, size=-1):
            self.told += 1
            if self.told < 3:
                return tar(GOOD)[self.told * 64 - 64 : self.told * 64]
            raise ConnectionResetError("reset by peer")

    refused(Broken(), tmp_path / "out", r"^gs://bucket/test-a.tar.gz could not be read: reset by peer", TryAgainError)


def test_what_was_unpacked_is_not_unpacked_again(make, tmp_path, monkeypatch):
    path = make(GOOD)
    first = unpack_archive(path, tmp_path / "out")
    opened = []
    whole = archives.TarStream
    monkeypatch.setattr(archives, "TarStream", lambda *args, **kw: opened.append(args) or whole(*args, **kw))
    assert unpack_archive(path, tmp_path / "out") == first
    assert unpack_archive(path, tmp_path / "out", "test-a") == first
    assert opened == []
    with pytest.raises(DataError, match="must hold the subset dev-a alone, and holds test-a"):
        unpack_archive(path, tmp_path / "out", "dev-a")
    unpack_archive(io.BytesIO(tar(GOOD)), tmp_path / "other", identity="generation 1")
    opened.clear()
    unpack_archive(io.BytesIO(b""), tmp_path / "other", identity="generation 1")
    assert opened == []


def test_two_at_once_unpack_it_once(make, tmp_path, monkeypatch):
    path = make(GOOD)
    opened = []
    whole = archives.TarStream

    def slow(*arguments, **fields):
        opened.append(arguments)
        time.sleep(0.3)
        return whole(*arguments, **fields)

    monkeypatch.setattr(archives, "TarStream", slow)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        one, two = pool.map(lambda _: unpack_archive(path, tmp_path / "out"), range(2))
    assert one == two
    assert len(opened) == 1


def test_an_archive_that_was_changed_replaces_what_it_left(make, tmp_path):
    unpack_archive(make(GOOD), tmp_path / "out")
    unpack_archive(make({**GOOD, SOUND: b"fLaC new"}), tmp_path / "out")
    assert (tmp_path / "out" / SOUND).read_bytes() == b"fLaC new"
    assert tree(tmp_path / "out").keys() == files(GOOD).keys()


def test_what_a_person_put_there_is_left_alone(make, tmp_path):
    mine = tmp_path / "out" / CHAPTER / "1089-134686-0000.flac"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    with pytest.raises(UsageError, match=r"out/LibriSpeech/test-a must not be there before, .*name a new directory"):
        unpack_archive(make(GOOD), tmp_path / "out")
    assert tree(tmp_path / "out") == {SOUND: b"mine"}


def test_several_archives_share_a_root_and_their_tables(make, tmp_path):
    other = {
        "LibriSpeech/SPEAKERS.TXT": b"; a table\n2 | F | dev-a | 1.0 | Other\n",
        "LibriSpeech/README.TXT": b"another\n",
        "./LibriSpeech/dev-a/2/3/2-3-0000.flac": b"fLaC",
        "./LibriSpeech/train-b/4/5/4-5-0000.flac": b"fLaC",
    }
    unpack_archive(make(GOOD), tmp_path / "out")
    path = make(other, "more.tar")
    summary = unpack_archive(path, tmp_path / "out")
    assert (summary.subsets, summary.utterances) == (("dev-a", "train-b"), {"dev-a": 1, "train-b": 1})
    assert unpack_archive(path, tmp_path / "out") == summary
    root = tmp_path / "out" / "LibriSpeech"
    assert (root / "SPEAKERS.TXT").read_bytes() == SPEAKERS + b"2 | F | dev-a | 1.0 | Other\n"
    assert (root / "README.TXT").read_bytes() == b"readme\n"
    assert sorted(path.name for path in root.iterdir() if path.is_dir()) == ["dev-a", "test-a", "train-b"]


@pytest.mark.parametrize("name", NAMES_THAT_ARE_NOT_OF_THE_LAYOUT)
def test_a_name_that_is_not_of_the_layout_is_refused(make, tmp_path, name):
    path = make(tar([*(entry(*item) for item in GOOD.items()), entry(name, b"x")]))
    shown = re.escape(ascii(name if len(name) <= 120 else name[:120] + "…"))
    refused(path, tmp_path / "out", rf"must hold nothing but LibriSpeech/<subset>/.*; its member {shown} is not of")
    assert not (tmp_path / "escape").exists()


def test_a_directory_that_is_not_of_the_layout_is_refused(make, tmp_path):
    refused(make({**GOOD, "LibriSpeech/../up/": None}), tmp_path / "out", r"its member 'LibriSpeech/\.\./up' is not")


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (tarfile.SYMTYPE, "a symbolic link"),
        (tarfile.LNKTYPE, "a hard link"),
        (tarfile.CHRTYPE, "a device"),
        (tarfile.BLKTYPE, "a device"),
        (tarfile.FIFOTYPE, "a pipe"),
        (tarfile.CONTTYPE, r"of type b'7'"),
        (b"V", r"of type b'V'"),
    ],
)
def test_what_is_neither_file_nor_directory_is_refused(make, tmp_path, kind, word):
    bad = entry(f"{CHAPTER}/1089-134686-0009.flac", b"", type=kind, linkname="/etc/passwd")
    path = make(tar([*(entry(*item) for item in GOOD.items()), bad]))
    refused(path, tmp_path / "out", rf"files and directories alone, and its member '{CHAPTER}/.*' is {word}; make it")


def test_a_link_to_a_long_name_is_refused(make, tmp_path):
    bad = entry(f"{CHAPTER}/1089-134686-0009.flac", b"", type=tarfile.SYMTYPE, linkname="/x" * 200)
    refused(make(tar([bad])), tmp_path / "out", "is a link; make it anew without")


def test_a_sparse_file_is_refused(make, tmp_path):
    old = entry(SOUND, b"", type=tarfile.GNUTYPE_SPARSE)
    refused(make(tar([old])), tmp_path / "out", f"its member '{SOUND}' is a sparse file")
    new = entry(SOUND, b"1\n0\n512\n", pax_headers={"GNU.sparse.major": "1", "GNU.sparse.name": "x"})
    refused(make(tar([new], format=tarfile.PAX_FORMAT)), tmp_path / "two", "is a sparse file")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([SOUND, SOUND], f"each name once, and '{SOUND}' is there twice"),
        ([SOUND, f"./{SOUND}"], "is there twice"),
        (
            ["LibriSpeech/test-a/1/2/1-2-a.flac", "LibriSpeech/test-a/1/2/1-2-A.flac"],
            "differs from another by its case",
        ),
        (
            ["LibriSpeech/test-a/1/2/1-2-a.flac", "LibriSpeech/test-A/1/2/1-2-b.flac"],
            "both 'LibriSpeech/test-a' and 'LibriSpeech/test-A'",
        ),
        (
            ["LibriSpeech/test-a/x/2/x-2-a.flac", "LibriSpeech/test-a/X/2/X-2-b.flac"],
            "both 'LibriSpeech/test-a/x' and 'LibriSpeech/test-a/X'",
        ),
    ],
)
def test_names_that_meet_are_refused(make, tmp_path, names, message):
    refused(make(tar([entry(name, b"fLaC") for name in names])), tmp_path / "out", message)


def test_members_beyond_a_sane_size_are_refused_before_they_are_read(make, tmp_path):
    path = make(tar([entry(SOUND, bytes((16 << 20) + 1))]))
    refused(path, tmp_path / "out", f"of sane sizes, and '{SOUND}' has 16777217 bytes; 16777216 are allowed")
    words = f"{CHAPTER}/1089-134686.trans.txt"
    refused(make(tar([entry(words, bytes((1 << 20) + 1))])), tmp_path / "two", "has 1048577 bytes; 1048576 are allowed")
    table = "LibriSpeech/SPEAKERS.TXT"
    refused(make(tar([entry(table, bytes((8 << 20) + 1))])), tmp_path / "three", "8388609 bytes; 8388608 are allowed")


def test_a_bomb_is_refused(make, tmp_path):
    zeros = bytes(15 << 20)
    path = make(tar([entry(f"{CHAPTER}/1089-134686-{number:04d}.flac", zeros) for number in range(3)]))
    assert path.stat().st_size < 100_000
    refused(path, tmp_path / "out", "must unpack to 10 times its size at most, and unpacks to more; .* but a bomb")


def test_a_bomb_after_the_end_is_refused(make, tmp_path):
    path = make(gzip.compress(tar(GOOD, gz=False) + bytes(40 << 20), 9))
    refused(path, tmp_path / "out", "but a bomb")


def test_too_many_members_are_refused(make, tmp_path, monkeypatch):
    monkeypatch.setattr(tar_stream, "MAX_HEADERS", len(GOOD))
    unpack_archive(make(GOOD), tmp_path / "whole")
    refused(make({**GOOD, "LibriSpeech/test-a/": None}), tmp_path / "out", "must hold 10 members at most, and holds")


def test_extended_headers_are_capped(make, tmp_path):
    path = make(tar([entry(SOUND, b"x", pax_headers={"comment": "x" * 70_000})], format=tarfile.PAX_FORMAT))
    refused(path, tmp_path / "out", "must have extended headers of 65536 bytes at most, and one has 700")
    path = make(tar([entry("x" * 70_000, b"x")]))
    refused(path, tmp_path / "two", "must have extended headers of 65536 bytes at most, and one has 70001")


@pytest.mark.parametrize(
    "records",
    [
        b"",
        b"x",
        b"9 path=a",
        b"12 path=a\n",
        b"999999999 path=a\n",
        b"-1 path=a\n",
        b"7 path\n",
        b"0 path=a\n",
        b"11 path=ab",
    ],
)
def test_extended_headers_that_are_damaged_are_refused(make, tmp_path, records):
    header, _ = entry("pax", records, type=tarfile.XHDTYPE)
    raw = header.tobuf(tarfile.USTAR_FORMAT) + records + bytes(-len(records) % 512) + tar(GOOD, gz=False)
    if records:
        refused(make(raw), tmp_path / "out", "the header after 'pax' is damaged")
    else:
        unpack_archive(make(raw), tmp_path / "out")


def test_names_in_extended_headers_obey_the_list(make, tmp_path):
    for number, headers in enumerate([{"path": "../../escape"}, {"path": "/etc/passwd"}]):
        path = make(tar([entry(SOUND, b"x", pax_headers=headers)], format=tarfile.PAX_FORMAT))
        refused(path, tmp_path / str(number), "is not of that layout")
    path = make(tar([entry(SOUND, b"fLaC", pax_headers={"size": "100"})], format=tarfile.PAX_FORMAT))
    refused(path, tmp_path / "size", f"headers that agree, and those of '{SOUND}' lie about its size")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"path": SOUND}) as file:
        file.addfile(entry(SOUND, b"fLaC")[0], io.BytesIO(b"fLaC"))
    refused(make(buffer.getvalue()), tmp_path / "global", "must not name its members in a global header, and does")


def test_harmless_extended_headers_are_let_pass(make, tmp_path):
    headers = {"comment": "ümläut", "mtime": "1400000000.5", "LIBARCHIVE.xattr.a": "b"}
    path = make(tar([entry(SOUND, b"fLaC", pax_headers=headers)], format=tarfile.PAX_FORMAT))
    unpack_archive(path, tmp_path / "out")
    assert tree(tmp_path / "out") == {SOUND: b"fLaC"}


def test_long_names_of_the_layout_are_unpacked(make, tmp_path):
    name = f"LibriSpeech/test-{'a' * 50}/{'s' * 40}/{'c' * 40}/{'s' * 40}-{'c' * 40}-0.flac"
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT):
        unpack_archive(make(tar({name: b"fLaC"}, format=form)), tmp_path / str(form))
        assert tree(tmp_path / str(form)) == {name: b"fLaC"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must be an archive, and is empty; copy or download it again"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a Git LFS pointer in place of an archive"),
        (b"<html>no such page</html>" * 40, r"must be a .tar.gz or a .tar, and is neither; it begins with b'<html>no"),
        (b"PK\x03\x04zip", r"and is neither; it begins with b'PK\\x03\\x04zip'"),
        (gzip.compress(b"text " * 300, mtime=0), "must be a .tar.gz or a .tar, and is neither"),
        (gzip.compress(b"", mtime=0), "must be a .tar.gz or a .tar, and is neither"),
        (b"\x1f\x8b", "must be a whole archive, and is cut off"),
        (b"\x1f\x8b\x07" + bytes(50), "must be a whole gzip, and is damaged: Unknown compression method"),
        (tar({}), r"must hold utterances as LibriSpeech/<subset>/.*; it holds none"),
        (tar({"LibriSpeech/SPEAKERS.TXT": SPEAKERS}), "it holds none"),
        (tar(GOOD)[:-400], "must be a whole archive, and is cut off; copy or download it again"),
        (tar(GOOD)[:-1], "is cut off"),
        (tar(GOOD, gz=False)[: 512 * 4], "is cut off"),
        (tar(GOOD, gz=False)[: 512 * 4 + 100], "is cut off"),
        (tar(GOOD)[:-8] + bytes(4) + tar(GOOD)[-4:], "must be a whole gzip, and is damaged: CRC check failed"),
        (tar(GOOD) + b"rubbish", "must be a whole gzip, and is damaged: Not a gzipped file"),
        (tar(GOOD, gz=False) + tar(GOOD, gz=False), "must end where its last member ends, and holds more after that"),
        (tar(GOOD) + tar(GOOD), "must end where its last member ends"),
    ],
)
def test_what_is_no_whole_archive_is_said_in_one_sentence(make, tmp_path, content, message):
    refused(make(content), tmp_path / "out", message)


def test_a_header_that_is_damaged_is_not_taken_for_the_end(make, tmp_path):
    raw = bytearray(tar(GOOD, gz=False))
    place = raw.index(SOUND.encode())
    raw[place + 124] ^= 1
    refused(make(bytes(raw)), tmp_path / "out", rf"the header after '{CHAPTER}' is damaged; copy or download it again")


def test_headers_that_lie_about_sizes_are_refused(make, tmp_path):
    info, _ = entry(SOUND, b"")
    for size, message in ((-512, "lie about its size"), (1 << 62, "of sane sizes, and")):
        info.size = size
        refused(make(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024)), tmp_path / "out", message)
    folder, _ = entry("LibriSpeech/", None, size=512)
    refused(make(folder.tobuf(tarfile.GNU_FORMAT) + bytes(2048)), tmp_path / "out", "lie about its size")


def test_times_without_sense_do_no_harm(make, tmp_path):
    for number, mtime in enumerate((-5, 1 << 60)):
        path = make(tar([entry(SOUND, b"fLaC", mtime=mtime)]))
        unpack_archive(path, tmp_path / str(number))
        assert (tmp_path / str(number) / SOUND).stat().st_mtime == 0


def test_an_archive_that_is_not_there_is_said(tmp_path):
    refused(tmp_path / "no.tar.gz", tmp_path / "out", r"no.tar.gz must be a file that can be read: No such file")
    refused(tmp_path, tmp_path / "two", "An archive must be a .tar.gz or a .tar, and .* is a directory")
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", tmp_path / "three", "is no regular file")


def test_a_full_disk_is_said_before_anything_is_written(make, tmp_path, monkeypatch):
    class Usage:
        free = 1_000_000

    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda _: Usage)
    refused(make(GOOD), tmp_path / "out", r"must have 32 MB free, and has 1 MB", DiskFullError)


def test_a_killed_run_leaves_nothing_under_a_final_name_and_the_next_one_cleans_up(make, tmp_path):
    path = make(GOOD)
    script = f"""
import os, signal
from beam_jobs.librispeech import archives, unpacking
count = unpacking.Unpacking._count
def dies(self, found):
    count(self, found)
    if found["sound"] is None:
        os.kill(os.getpid(), signal.SIGKILL)
unpacking.Unpacking._count = dies
archives.unpack_archive({str(path)!r}, {str(tmp_path / "out")!r})
"""
    root = Path(archives.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, check=False
    )
    assert done.returncode == -9
    left = [path.name for path in (tmp_path / "out").iterdir()]
    assert len(left) == 2
    assert all(name.startswith(".unpack") for name in left)
    unpack_archive(path, tmp_path / "out")
    assert tree(tmp_path / "out") == files(GOOD)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [".unpack.lock", "LibriSpeech"]


def test_progress_is_told_in_megabytes_of_the_archive(make, tmp_path, monkeypatch):
    monkeypatch.setenv("W2V2_EVENTS", str(tmp_path / "events"))
    path = make(tar({**GOOD, SOUND: os.urandom(1_000_000)}))
    unpack_archive(path, tmp_path / "out")
    last = json.loads((tmp_path / "events").read_text().splitlines()[-1])
    size = round(path.stat().st_size / 1e6, 1)
    assert (last["done"], last["total"], last["unit"], last["text"]) == (size, size, "MB", "unpacking test-a.tar.gz")


def test_archives_are_found(make, tmp_path):
    place = tmp_path / "archives"
    place.mkdir()
    for name in (
        "test-clean.tar.gz",
        "dev-x.tgz",
        "train-y.tar",
        "original-mp3.tar.gz",
        "test-z.tar.gz.part",
        "test.txt",
    ):
        (place / name).write_bytes(b"x")
    (place / "dev-directory.tar.gz").mkdir()
    assert [path.name for path in find_archives(place)] == ["dev-x.tgz", "test-clean.tar.gz", "train-y.tar"]
    path = make(GOOD, "mine.tar.gz")
    assert find_archives(path) == (path,)
    assert find_archives(str(place / "test.txt")) == ()
    assert find_archives(tmp_path / "nowhere") == ()
    unpack_archive(path, tmp_path / "out")
    assert find_archives(tmp_path / "out") == ()


@pytest.mark.real_data
def test_real_librispeech_comes_out_as_it_went_in(real_data, tmp_path):
    path = tmp_path / "real.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as file:
        file.add(real_data / "LibriSpeech", "LibriSpeech")
    summary = unpack_archive(path, tmp_path / "out")
    assert summary.utterances == {"test-clean": 4, "train-clean-5": 215}
    assert tree(tmp_path / "out" / "LibriSpeech") == tree(real_data / "LibriSpeech")
