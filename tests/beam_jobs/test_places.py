"""Places: a directory of this machine and one in Cloud Storage behave alike."""

import concurrent.futures
import hashlib
import time

import pytest

from beam_jobs import cloud_storage, places
from model.errors import DataError, TryAgainError, UsageError


@pytest.fixture(params=["local", "remote"])
def root(request, tmp_path):
    if request.param == "local":
        return str(tmp_path / "root")
    request.getfixturevalue("bucket")
    return "gs://speech/root"


def test_what_is_written_is_found_and_read(root):
    places.write_bytes(places.join(root, "a", "b.txt"), b"one")
    places.write_json(places.join(root, "c.json"), {"x": [1, None]})
    with places.new_file(places.join(root, "a", "d")) as temporary:
        temporary.write_bytes(b"three")
    assert [(entry.path, entry.size_bytes) for entry in places.list_tree(root)] == [
        ("a/b.txt", 3), ("a/d", 5), ("c.json", 33),
    ]  # fmt: skip
    assert places.list_names(root) == ["c.json"]
    assert places.list_names(places.join(root, "a")) == ["b.txt", "d"]
    assert places.list_directories(root) == ["a"]
    assert places.read_bytes(places.join(root, "a", "b.txt")) == b"one"
    assert places.read_json(places.join(root, "c.json")) == {"x": [1, None]}
    with places.open_stream(places.join(root, "a", "d")) as stream:
        assert (stream.read(2), stream.read(100), stream.read(1)) == (b"th", b"ree", b"")
    assert places.is_file(places.join(root, "c.json"))
    assert not places.is_file(places.join(root, "a"))
    assert places.is_directory(places.join(root, "a"))
    assert not places.is_directory(places.join(root, "nowhere"))
    assert places.name_of(places.join(root, "a", "d")) == "d"


def test_a_file_is_read_in_pieces(root):
    place = places.join(root, "a")
    places.write_bytes(place, b"0123456789")
    for ahead_bytes in (0, 4, 100):
        with places.open_file(place, ahead_bytes) as read:
            assert [read(2, 3), read(5, 2), read(0, 1), read(8, 5), read(10, 2), read(6, 0), read(6, 2)] == [
                b"234", b"56", b"0", b"89", b"", b"", b"67",
            ]  # fmt: skip


def test_what_is_fetched_ahead_is_not_fetched_again(bucket, monkeypatch):
    places.write_bytes("gs://speech/a", bytes(range(200)))
    asked = []
    fetch = cloud_storage._read_range
    monkeypatch.setattr(cloud_storage, "_read_range", lambda *args: asked.append(args[1:]) or fetch(*args))
    with places.open_file("gs://speech/a", 50) as read:
        assert [read(at, 3)[0] for at in (0, 20, 47, 48, 90, 180)] == [0, 20, 47, 48, 90, 180]
    assert asked == [(0, 50), (48, 50), (180, 50)]


def test_of_a_file_that_is_not_there_nothing_is_read(root):
    with pytest.raises(FileNotFoundError), places.open_file(places.join(root, "none")) as read:
        read(0, 1)


def test_a_copy_is_whole_or_not_at_all(bucket, tmp_path):
    places.write_bytes("gs://speech/empty", b"")
    places.copy_file("gs://speech/empty", str(tmp_path / "empty"))
    assert (tmp_path / "empty").read_bytes() == b""
    with pytest.raises(FileNotFoundError, match="There is no object gs://speech/none"):
        places.copy_file("gs://speech/none", str(tmp_path / "none"))
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_what_is_created_is_never_written_over(root):
    place = places.join(root, "a", "1.json")
    places.create_bytes(place, b"first")
    with pytest.raises(FileExistsError):
        places.create_bytes(place, b"second")
    assert places.read_bytes(place) == b"first"
    assert places.list_names(places.join(root, "a")) == ["1.json"]


def test_of_several_who_create_a_file_one_succeeds(root):
    def create(number):
        try:
            places.create_bytes(places.join(root, "one"), str(number).encode())
        except FileExistsError:
            return None
        return number

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        created = [number for number in pool.map(create, range(8)) if number is not None]
    assert [places.read_bytes(places.join(root, "one"))] == [str(number).encode() for number in created]


def test_a_file_that_is_not_finished_is_not_there(root):
    def break_off(temporary):
        temporary.write_bytes(b"half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), places.new_file(places.join(root, "x")) as temporary:
        break_off(temporary)
    assert not places.is_file(places.join(root, "x"))
    assert not places.list_names(root)


@pytest.mark.parametrize("other", ["local", "remote"])
def test_a_directory_is_moved_with_all_that_is_in_it(root, other, tmp_path, bucket):
    target = str(tmp_path / "target") if other == "local" else "gs://speech/target"
    places.write_bytes(places.join(root, "a", "b"), b"new")
    places.write_bytes(places.join(target, "stale"), b"old")
    places.move_tree(root, target)
    assert [entry.path for entry in places.list_tree(target)] == ["a/b"]
    assert places.read_bytes(places.join(target, "a/b")) == b"new"
    assert not places.is_directory(root)


def test_what_is_missing_is_told(root):
    missing = places.join(root, "nothing")
    with pytest.raises(FileNotFoundError):
        places.read_bytes(missing)
    assert places.list_names(missing) == []
    assert places.list_directories(missing) == []
    places.remove(missing)
    places.remove_tree(missing)
    assert places.stamps([missing]) == ["missing"]


def test_a_stamp_changes_with_its_file(root):
    files = [places.join(root, "a"), places.join(root, "b", "c")]
    for file in files:
        places.write_bytes(file, b"1")
    before = places.stamps([*files, places.join(root, "d")])
    places.write_bytes(files[1], b"22")
    after = places.stamps([*files, places.join(root, "d")])
    assert (before[0], before[2]) == (after[0], "missing")
    assert before[1] != after[1]
    assert after[1].startswith("2\0")


def test_a_file_is_brought_here_for_a_moment(root, tmp_path):
    place = places.join(root, "words.arpa")
    places.write_bytes(place, b"content")
    with places.here(place, tmp_path / "scratch") as file:
        assert (file.name, file.read_bytes()) == ("words.arpa", b"content")
        assert (str(file) == place) == (not places.is_remote(root))
    assert places.is_file(place)
    assert not list(tmp_path.glob("scratch/*"))
    assert places.sha256_of(place) == hashlib.sha256(b"content").hexdigest()


def test_an_output_must_be_new_or_an_earlier_one(root):
    source = places.join(root, "source")
    places.require_free(places.join(root, "out"), "MARKER", source)
    places.write_bytes(places.join(root, "out", "foreign"), b"x")
    with pytest.raises(UsageError, match="must be new, empty or an earlier output of this command"):
        places.require_free(places.join(root, "out"), "MARKER", source)
    places.write_bytes(places.join(root, "out", "MARKER"), b"x")
    places.require_free(places.join(root, "out"), "MARKER", source)
    with pytest.raises(UsageError, match="must be another place than the source"):
        places.require_free(source, "MARKER", source)


def test_places_have_one_form(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert places.absolute("x/../y") == str(tmp_path / "y")
    assert places.absolute("gs://bucket/a/b/") == "gs://bucket/a/b"
    assert places.absolute("gs://bucket") == "gs://bucket"
    with pytest.raises(UsageError, match="must be a path of this machine or a gs:// address, not 's3://x/y'"):
        places.absolute("s3://x/y")
    with pytest.raises(UsageError, match="must be gs://<bucket>/<name>, not 'gs:///x'"):
        places.absolute("gs:///x")


def test_links_to_directories_are_followed_and_loops_are_not(tmp_path):
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "real" / "deep" / "file").write_bytes(b"x")
    (tmp_path / "real" / "deep" / "loop").symlink_to(tmp_path / "real")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path / "real")
    assert [entry.path for entry in places.list_tree(str(tmp_path / "root"))] == ["link/deep/file"]
    (tmp_path / "root" / "dangling").symlink_to("nowhere")
    with pytest.raises(DataError, match="must be readable, and .*dangling is not: No such file"):
        places.list_tree(str(tmp_path / "root"))


def test_a_bucket_that_is_not_there_is_named(bucket):
    for ask in (places.list_tree, places.list_names, places.is_directory):
        with pytest.raises(UsageError, match=r"There is no bucket for gs://nowhere-at-all/x; name one that exists\."):
            ask("gs://nowhere-at-all/x")
    for address in ("gs://_speech/x", "gs://speech-/x", "gs://S/x"):
        with pytest.raises(UsageError, match="A bucket's name has 3 to 222 small letters"):
            places.is_file(address)


def test_a_storage_that_does_not_answer_may_be_tried_again(monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    monkeypatch.setattr(cloud_storage, "RETRY_SECONDS", 0.1)
    with pytest.raises(TryAgainError, match="Cloud Storage did not answer for gs://speech/x"):
        places.read_bytes("gs://speech/x")


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (403, DataError, "must be allowed to use gs://speech/x, and is not; give the account the role"),
        (401, DataError, "must be allowed to use gs://speech/x"),
        (404, FileNotFoundError, "There is no object gs://speech/x"),
        (400, DataError, r"must take the request for gs://speech/x, and refused it \(400 no\)"),
        (408, TryAgainError, "did not answer for gs://speech/x"),
        (429, TryAgainError, "did not answer for gs://speech/x"),
        (503, TryAgainError, "did not answer for gs://speech/x"),
    ],
)
def test_refusals_are_said_in_one_sentence(bucket, monkeypatch, status, error, message):
    from google.api_core.exceptions import from_http_status

    class Refusing:
        def bucket(self, _):
            raise from_http_status(status, "no")

    monkeypatch.setattr(cloud_storage, "_client", Refusing)
    with pytest.raises(error, match=message):
        places.read_bytes("gs://speech/x")


def test_a_directory_that_a_browser_has_made_is_empty(bucket):
    bucket.blob("out/").upload_from_string("")
    assert not places.is_directory("gs://speech/out")
    assert places.list_tree("gs://speech/out") == []
    places.require_free("gs://speech/out", "MARKER")
    bucket.blob("out/x").upload_from_string("")
    assert places.is_directory("gs://speech/out")


def test_after_a_failure_nothing_more_is_begun():
    begun = []

    def work(number):
        begun.append(number)
        if number == 3:
            raise DataError("the third")
        time.sleep(0.01)
        return 2 * number

    assert cloud_storage.each(work, [0, 1, 2]) == [0, 2, 4]
    with pytest.raises(DataError, match="the third"):
        cloud_storage.each(work, range(3, 1_000))
    assert len(begun) < 100


def test_of_a_long_object_no_more_is_fetched_than_asked_for(bucket):
    bucket.blob("long").upload_from_string(b"x" * 5_000)
    assert len(places.read_bytes("gs://speech/long", 5_000)) == 5_000
    with pytest.raises(
        cloud_storage.TooLargeError, match=r"gs://speech/long must have 4999 bytes at most, and has more\."
    ):
        places.read_bytes("gs://speech/long", 4_999)


def test_what_has_arrived_damaged_may_be_tried_again(bucket, monkeypatch):
    from google.resumable_media import DataCorruption

    class Damaging:
        def bucket(self, _):
            raise DataCorruption(None, "Checksum mismatch while downloading")

    monkeypatch.setattr(cloud_storage, "_client", Damaging)
    with pytest.raises(
        TryAgainError, match=r"did not answer for gs://speech/x \(Checksum mismatch while downloading\)"
    ):
        places.read_bytes("gs://speech/x")
