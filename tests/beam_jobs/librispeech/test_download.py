"""Downloading archives from a mirror that misbehaves in every way that was thought of: `tests.fake_mirror`."""

import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_jobs.librispeech import download, http_file, transfer
from beam_jobs.librispeech.download import download_subset, download_subsets
from beam_jobs.librispeech.published import PUBLISHED
from model.errors import DataError, DiskFullError, TryAgainError, UsageError
from tests.fake_mirror import CONTENT, NAMES, SIZE, TABLE, Mirror


@pytest.fixture
def mirror(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "PUBLISHED", TABLE)
    with Mirror.serving() as server:
        yield server


def fetch(mirror, place, name="dev-clean"):
    """Returns the path, and the pauses between attempts."""
    pauses = []
    return download_subset(name, place, mirror.url, sleep=pauses.append), pauses


def visible(place):
    return sorted(path.name for path in place.iterdir() if not path.name.startswith("."))


def test_an_archive_is_fetched_verified_and_noted(mirror, tmp_path):
    path, pauses = fetch(mirror, tmp_path / "new")
    assert path == tmp_path / "new" / "dev-clean.tar.gz"
    assert path.read_bytes() == CONTENT["dev-clean"]
    assert pauses == []
    assert visible(tmp_path / "new") == ["dev-clean.tar.gz", "dev-clean.tar.gz.verified.json"]
    note = json.loads((tmp_path / "new" / "dev-clean.tar.gz.verified.json").read_text())
    assert note == {"size_bytes": SIZE, "mtime_ns": path.stat().st_mtime_ns, "md5": TABLE["dev-clean"].archive_md5}
    assert mirror.asked == [("/12/dev-clean.tar.gz", None, None)]


def test_what_is_verified_is_neither_fetched_nor_summed_again(mirror, tmp_path, monkeypatch):
    path, _ = fetch(mirror, tmp_path)
    summed = []
    whole = download._Job._md5
    monkeypatch.setattr(download._Job, "_md5", lambda *args: summed.append(args[1]) or whole(*args))
    fetch(mirror, tmp_path)
    assert (summed, len(mirror.asked)) == ([], 1)
    os.utime(path, ns=(0, 0))
    fetch(mirror, tmp_path)
    assert (summed, len(mirror.asked)) == ([path], 1)
    (tmp_path / "dev-clean.tar.gz.verified.json").write_text("{")
    fetch(mirror, tmp_path)
    fetch(mirror, tmp_path)
    assert (summed, len(mirror.asked)) == ([path, path], 1)


def test_a_break_is_gone_on_from_where_it_was(mirror, tmp_path):
    mirror.cuts = [1_000, 2_000]
    path, pauses = fetch(mirror, tmp_path)
    assert path.read_bytes() == CONTENT["dev-clean"]
    assert [asked[1:] for asked in mirror.asked] == [
        (None, None), ("bytes=1000-", '"one"'), ("bytes=3000-", '"one"'),
    ]  # fmt: skip
    assert pauses == [1.0, 2.0]


def test_a_later_call_goes_on_where_an_earlier_one_gave_up(mirror, tmp_path):
    mirror.cuts = [700]
    pauses = []

    def sleep(seconds):
        pauses.append(seconds)
        mirror.refusals = [(503, "")]

    with pytest.raises(
        TryAgainError,
        match=r"dev-clean\.tar\.gz could not be fetched, 6 times in a row: the server answered 503 Service Unavailable;"
        r" run again later, what has arrived \(0\.0 of 0\.2 MB\) is kept",
    ):
        download_subset("dev-clean", tmp_path, mirror.url, sleep=sleep)
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert visible(tmp_path) == ["dev-clean.tar.gz.part", "dev-clean.tar.gz.part.json"]
    mirror.refusals, mirror.asked = [], []
    path, _ = fetch(mirror, tmp_path)
    assert path.read_bytes() == CONTENT["dev-clean"]
    assert mirror.sent_ranges == ["bytes=700-"]


def test_a_killed_process_is_gone_on_after(mirror, tmp_path):
    mirror.stall = threading.Event()
    process = start(mirror, tmp_path)
    part = tmp_path / "dev-clean.tar.gz.part"
    deadline = time.monotonic() + 30
    try:
        while not part.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert part.exists()
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    mirror.stall.set()
    mirror.stall = None
    assert not (tmp_path / "dev-clean.tar.gz").exists()
    path, _ = fetch(mirror, tmp_path)
    assert path.read_bytes() == CONTENT["dev-clean"]
    assert visible(tmp_path) == ["dev-clean.tar.gz", "dev-clean.tar.gz.verified.json"]


def start(mirror, place):
    script = f"""
import sys, warnings
warnings.simplefilter("error")
from beam_jobs.librispeech import download
from beam_jobs.librispeech.published import PublishedSubset
download.PUBLISHED = {{"dev-clean": PublishedSubset(
    "dev-clean", {SIZE}, {TABLE["dev-clean"].archive_md5!r}, 1, None, 0.1, 1, 0)}}
print(download.download_subset("dev-clean", {str(place)!r}, {mirror.url!r}))
"""
    root = Path(download.__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        text=True,
    )


def test_two_processes_fetch_it_once(mirror, tmp_path):
    mirror.pause = 0.5
    processes = [start(mirror, tmp_path), start(mirror, tmp_path)]
    outputs = [process.communicate(timeout=60)[0].strip() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert outputs == [str(tmp_path / "dev-clean.tar.gz")] * 2
    assert (tmp_path / "dev-clean.tar.gz").read_bytes() == CONTENT["dev-clean"]
    assert len(mirror.asked) == 1


def leave_part(place, held, validator='"one"', url=None, name="dev-clean"):
    """What a broken download leaves."""
    (place / f"{name}.tar.gz.part").write_bytes(held)
    note = {"url": url or "", "validator": validator}
    (place / f"{name}.tar.gz.part.json").write_text(json.dumps(note))


def test_a_file_that_was_changed_meanwhile_starts_anew(mirror, tmp_path):
    leave_part(tmp_path, b"old" * 100, '"zero"', mirror.url + "dev-clean.tar.gz")
    path, pauses = fetch(mirror, tmp_path)
    assert path.read_bytes() == CONTENT["dev-clean"]
    assert [asked[1:] for asked in mirror.asked] == [("bytes=300-", '"zero"')]
    assert pauses == []


def test_without_an_entity_tag_the_date_says_whether_it_changed(mirror, tmp_path):
    mirror.etag, mirror.modified = 'W/"weak"', "Wed, 21 Oct 2015 07:28:00 GMT"
    mirror.cuts = [1_000]
    path, _ = fetch(mirror, tmp_path)
    assert path.read_bytes() == CONTENT["dev-clean"]
    assert mirror.asked[1][1:] == ("bytes=1000-", "Wed, 21 Oct 2015 07:28:00 GMT")


def test_without_either_the_size_and_the_sum_must_do(mirror, tmp_path):
    mirror.etag = ""
    mirror.cuts = [1_000]
    fetch(mirror, tmp_path)
    assert mirror.asked[1][1:] == ("bytes=1000-", None)


def test_another_mirror_goes_on_with_what_the_first_one_sent(mirror, tmp_path):
    leave_part(tmp_path, CONTENT["dev-clean"][:500], '"other"', "http://other.example/dev-clean.tar.gz")
    path, _ = fetch(mirror, tmp_path)
    assert path.read_bytes() == CONTENT["dev-clean"]
    assert mirror.asked[0][1:] == ("bytes=500-", None)


def test_a_part_without_a_note_is_of_an_unknown_version(mirror, tmp_path):
    (tmp_path / "dev-clean.tar.gz.part").write_bytes(b"?" * 500)
    path, _ = fetch(mirror, tmp_path)
    assert path.read_bytes() == CONTENT["dev-clean"]
    assert mirror.sent_ranges == [None]


def test_a_part_that_is_whole_is_not_asked_for(mirror, tmp_path):
    leave_part(tmp_path, CONTENT["dev-clean"])
    path, _ = fetch(mirror, tmp_path)
    assert path.read_bytes() == CONTENT["dev-clean"]
    assert mirror.asked == []


def test_a_part_that_is_too_long_starts_anew(mirror, tmp_path):
    leave_part(tmp_path, CONTENT["dev-clean"] + b"x")
    path, _ = fetch(mirror, tmp_path)
    assert path.read_bytes() == CONTENT["dev-clean"]
    assert mirror.sent_ranges == [None]


def test_a_mirror_that_knows_no_ranges_sends_all_of_it_again(mirror, tmp_path):
    mirror.ranges = False
    mirror.cuts = [1_000]
    path, _ = fetch(mirror, tmp_path)
    assert path.read_bytes() == CONTENT["dev-clean"]
    assert mirror.sent_ranges == [None, "bytes=1000-"]


def test_a_mirror_that_has_less_than_is_held_is_asked_anew(mirror, tmp_path):
    leave_part(tmp_path, CONTENT["dev-clean"][:-1])
    mirror.content["dev-clean"] = CONTENT["dev-clean"][:100]
    with pytest.raises(
        DataError, match=rf"must have {SIZE} bytes, as it was published, and has 100; choose another mirror"
    ):
        fetch(mirror, tmp_path)
    assert mirror.sent_ranges == [f"bytes={SIZE - 1}-", None]


@pytest.mark.parametrize("length", [True, False])
def test_a_file_of_another_size_is_refused(mirror, tmp_path, length):
    mirror.content["dev-clean"] += b"more"
    mirror.length = length
    with pytest.raises(DataError, match=rf"must have {SIZE} bytes, as it was published, and has (more|{SIZE + 4});"):
        fetch(mirror, tmp_path)
    assert not (tmp_path / "dev-clean.tar.gz").exists()


def test_a_page_in_place_of_an_archive_is_not_kept(mirror, tmp_path):
    mirror.content["dev-clean"], mirror.length = b"<html>Log in first</html>", False
    with pytest.raises(
        DataError, match=r"must begin as such a file does, with b'\\x1f\\x8b', and begins with b'<html>"
    ):
        fetch(mirror, tmp_path)
    assert visible(tmp_path) == []


def test_without_a_length_the_file_is_fetched_too(mirror, tmp_path):
    mirror.length = False
    path, _ = fetch(mirror, tmp_path)
    assert path.read_bytes() == CONTENT["dev-clean"]


def test_a_wrong_sum_is_removed_and_told(mirror, tmp_path):
    mirror.content["dev-clean"] = CONTENT["dev-clean"][:-1] + b"?"
    with pytest.raises(
        DataError, match=r"must have the published MD5 sum [0-9a-f]{32}, and what arrived has .*download it again"
    ):
        fetch(mirror, tmp_path)
    assert visible(tmp_path) == []
    mirror.content["dev-clean"] = CONTENT["dev-clean"]
    assert fetch(mirror, tmp_path)[0].read_bytes() == CONTENT["dev-clean"]


@pytest.mark.parametrize("content", [b"mine", CONTENT["dev-other"]])
def test_a_wrong_file_that_lay_there_is_left_alone(mirror, tmp_path, content):
    (tmp_path / "dev-clean.tar.gz").write_bytes(content)
    with pytest.raises(DataError, match=r"must be the published archive of dev-clean, .*; remove it or move it away"):
        fetch(mirror, tmp_path)
    assert (tmp_path / "dev-clean.tar.gz").read_bytes() == content
    assert mirror.asked == []


def test_an_archive_that_somebody_put_there_is_verified(mirror, tmp_path):
    (tmp_path / "dev-clean.tar.gz").write_bytes(CONTENT["dev-clean"])
    fetch(mirror, tmp_path)
    assert mirror.asked == []
    assert visible(tmp_path) == ["dev-clean.tar.gz", "dev-clean.tar.gz.verified.json"]


def test_a_busy_mirror_is_given_the_time_that_it_asks_for(mirror, tmp_path):
    mirror.refusals = [(503, "7"), (429, "100000"), (500, "Wed, 21 Oct 2015 07:28:00 GMT")]
    path, pauses = fetch(mirror, tmp_path)
    assert path.read_bytes() == CONTENT["dev-clean"]
    assert pauses == [7.0, 60.0, 4.0]


@pytest.mark.parametrize(
    ("status", "message"),
    [(404, r"does not have it \(404 Not Found\)"), (410, "does not have it"), (403, r"refuses it \(403 Forbidden\)")],
)
def test_what_a_mirror_does_not_have_is_not_asked_for_again(mirror, tmp_path, status, message):
    mirror.refusals = [(status, "")]
    with pytest.raises(
        UsageError, match=rf"dev-clean\.tar\.gz must be a file that .*{message}.*; check the address of the mirror"
    ):
        fetch(mirror, tmp_path)
    assert len(mirror.asked) == 1


def test_a_redirection_is_followed_with_the_range(mirror, tmp_path):
    leave_part(
        tmp_path, CONTENT["dev-clean"][:500], '"one"', mirror.url.replace("/12/", "/moved/") + "dev-clean.tar.gz"
    )
    download_subset("dev-clean", tmp_path, mirror.url.replace("/12/", "/moved/"))
    assert [asked[:2] for asked in mirror.asked] == [
        ("/moved/dev-clean.tar.gz", "bytes=500-"), ("/12/dev-clean.tar.gz", "bytes=500-"),
    ]  # fmt: skip


def test_a_mirror_that_is_down_can_be_tried_again(mirror, tmp_path):
    pauses = []
    with pytest.raises(TryAgainError, match=r"could not be fetched, 6 times in a row: .*Connection refused; run again"):
        # Port 1 of the loopback: nobody listens there.
        download_subset("dev-clean", tmp_path, "http://127.0.0.1:1/", sleep=pauses.append)
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0]


def test_a_mirror_that_says_nothing_is_given_up(mirror, tmp_path):
    mirror.stall = threading.Event()
    with pytest.raises(TryAgainError, match="timed out"):
        http_file.fetch_file(
            mirror.url + "dev-clean.tar.gz", tmp_path / "part", SIZE, sleep=lambda _: None, timeout_seconds=0.05
        )
    mirror.stall.set()


def test_a_connection_that_brought_much_does_not_count_as_a_failure_in_a_row(mirror, tmp_path, monkeypatch):
    monkeypatch.setattr(http_file, "_WORTHWHILE_BYTES", 1_000)
    mirror.cuts = [1_000] * 20
    path, pauses = fetch(mirror, tmp_path)
    assert path.read_bytes() == CONTENT["dev-clean"]
    assert pauses == [1.0] * 20


def test_a_full_disk_is_said_before_anything_is_fetched(mirror, tmp_path, monkeypatch):
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda _: _Usage(1_000_000))
    with pytest.raises(DiskFullError, match=r"must have 33 MB free, and has 1 MB; free some space there"):
        download_subsets(NAMES, tmp_path, mirror.url)
    assert mirror.asked == []


class _Usage:
    def __init__(self, free):
        self.free = free


def test_a_disk_that_becomes_full_is_said_and_what_has_arrived_is_kept(mirror, tmp_path, monkeypatch):
    class Full:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def seek(self, place):
            return self.file.seek(place)

        def write(self, chunk):
            self.file.write(chunk[:100])
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(http_file, "open", lambda *args: Full(Path.open(Path(args[0]), args[1])), raising=False)
    with pytest.raises(DiskFullError, match="is full; free some space there"):
        fetch(mirror, tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(download, "PUBLISHED", TABLE)
    assert fetch(mirror, tmp_path)[0].read_bytes() == CONTENT["dev-clean"]
    assert mirror.sent_ranges == [None, "bytes=100-"]


def test_a_place_that_is_a_file_is_refused(mirror, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="must be a directory, and cannot be made"):
        fetch(mirror, tmp_path / "file")


def test_several_are_fetched_over_few_connections(mirror, tmp_path):
    mirror.pause = 0.1
    paths = download_subsets([*NAMES, "dev-clean"], tmp_path, mirror.url, connections=2)
    assert [path.name for path in paths] == [f"{name}.tar.gz" for name in NAMES]
    assert [path.read_bytes() for path in paths] == [CONTENT[name] for name in NAMES]
    assert mirror.most == 2


def test_connections_are_four_at_most(mirror, tmp_path, monkeypatch):
    made = []
    executor = download.concurrent.futures.ThreadPoolExecutor
    monkeypatch.setattr(
        download.concurrent.futures, "ThreadPoolExecutor", lambda n, **kw: made.append(n) or executor(n, **kw)
    )
    monkeypatch.setattr(download, "MAX_CONNECTIONS", 3)
    download_subsets(NAMES, tmp_path, mirror.url, connections=100)
    download_subsets(NAMES, tmp_path, mirror.url, connections=0)
    assert made == [3, 1]


def test_the_error_of_one_stops_the_others_soon(mirror, tmp_path):
    del mirror.content["dev-clean"]
    mirror.content["dev-other"] = b""
    mirror.length = False
    began = time.monotonic()
    # dev-other would be tried again for half a minute.
    with pytest.raises(UsageError, match=r"dev-clean\.tar\.gz must be a file that can be downloaded"):
        download_subsets(NAMES[:2], tmp_path, mirror.url)
    assert time.monotonic() - began < 10


def test_unknown_names_and_mirrors_are_refused(tmp_path):
    with pytest.raises(UsageError, match="did you mean 'dev-clean'"):
        download_subset("dev-clear", tmp_path)
    with pytest.raises(UsageError, match="must be an http or https address"):
        download_subset("dev-clean", tmp_path, "file:///tmp/")
    assert list(tmp_path.iterdir()) == []


def test_progress_is_told_in_megabytes(mirror, tmp_path, monkeypatch):
    monkeypatch.setenv("W2V2_EVENTS", str(tmp_path / "events"))
    fetch(mirror, tmp_path / "place")
    events = [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]
    assert {(event["event"], event["unit"], event["total"]) for event in events} == {("progress", "MB", 0.2)}
    assert events[0]["text"] == "downloading dev-clean.tar.gz"
    assert (events[-1]["done"], events[-1]["text"]) == (0.2, "dev-clean.tar.gz is whole")


def test_progress_is_the_sum_and_comes_twice_a_second_at_most(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(transfer, "report", lambda *args: told.append(args))
    now = [0.0]
    progress = transfer.MegabyteProgress(10_000_000, clock=lambda: now[0])
    progress.at("a", 1_000_000, "first")
    progress.at("b", 2_000_000, "too soon")
    now[0] = 0.5
    progress.at("a", 4_000_000, "second")
    progress.at("b", 6_000_000, "last", last=True)
    assert told == [(1.0, 10.0, "MB", "first"), (6.0, 10.0, "MB", "second"), (10.0, 10.0, "MB", "last")]


@pytest.fixture(scope="module")
def patient_mirror():
    with Mirror.serving() as server:
        yield server


@settings(max_examples=25, deadline=None)
@given(
    cuts=st.lists(st.none() | st.integers(0, SIZE), max_size=8),
    etag=st.sampled_from(['"one"', 'W/"weak"', ""]),
    ranges=st.booleans(),
    held=st.binary(max_size=50),
)
def test_whatever_breaks_the_content_is_right_or_nothing_is_there(patient_mirror, cuts, etag, ranges, held):
    mirror = patient_mirror
    mirror.cuts, mirror.etag, mirror.ranges = list(cuts), etag, ranges
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        patch.setenv("no_proxy", "127.0.0.1")
        patch.setattr(download, "PUBLISHED", TABLE)
        leave_part(Path(place), held)
        try:
            path = download_subset("dev-clean", place, mirror.url, sleep=lambda _: None)
        except (TryAgainError, DataError):
            assert not (Path(place) / "dev-clean.tar.gz").exists()
        else:
            assert path.read_bytes() == CONTENT["dev-clean"]


def test_the_table_of_the_tests_names_published_subsets():
    assert set(NAMES) <= set(PUBLISHED)
