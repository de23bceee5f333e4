"""Ingest from and to Cloud Storage, which an emulator on the loopback stands for."""

import hashlib
import io
import json
import tarfile

import pytest

from beam_jobs import cloud_storage, places
from beam_jobs.librispeech import IngestSettings, inspect_corpus, shards
from beam_jobs.librispeech.__main__ import main
from beam_jobs.librispeech.ingest import ingest
from beam_jobs.librispeech.obtain import NOTE_FILE, obtain_corpus
from model.errors import DataError, TryAgainError, UsageError

SUBSETS = {"train-a": ["101", "102"], "dev-a": ["103"], "test-a": ["104"]}
SETTINGS = IngestSettings(num_shards_per_split=2)


@pytest.fixture(scope="module")
def corpus(write_corpus, tmp_path_factory):
    """A corpus on this machine, which nobody changes."""
    return write_corpus(tmp_path_factory.mktemp("local") / "corpus", SUBSETS)


@pytest.fixture
def remote(corpus, bucket):
    """The corpus under gs://speech/data/LibriSpeech."""
    cloud_storage.upload_tree(corpus, f"gs://{bucket.name}/data/LibriSpeech")
    return f"gs://{bucket.name}/data"


def content(place):
    """The sha256 of everything at a place but the page and the counts, which name the corpus."""
    return {
        entry.path: hashlib.sha256(places.read_bytes(places.join(place, entry.path))).hexdigest()
        for entry in places.list_tree(place)
        if not entry.path.startswith("dataset")
    }


@pytest.fixture(scope="module")
def expected(corpus, tmp_path_factory):
    """What comes of it without Cloud Storage."""
    place = tmp_path_factory.mktemp("expected")
    ingest(corpus, place / "out", place / "staging", SETTINGS)
    return content(str(place / "out"))


@pytest.mark.parametrize("where", ["to Cloud Storage", "to this machine", "from this machine"])
def test_records_are_the_same_wherever_they_come_from_and_go(corpus, remote, expected, tmp_path, where):
    output = str(tmp_path / "out") if where == "to this machine" else "gs://speech/out"
    source = str(corpus) if where == "from this machine" else remote
    info = ingest(source, output, f"{output}.staging", SETTINGS)
    assert content(output) == expected
    assert (info["read"], info["written"]) == (12, 12)
    assert places.read_json(places.join(output, "dataset_info.json")) == info
    assert b"<h1>" in places.read_bytes(places.join(output, "dataset.html"))
    assert places.list_tree(f"{output}.staging") == [] if places.is_remote(output) else True


def test_the_command_takes_addresses(remote, expected, capsys):
    assert main(["--corpus", remote, "--output", "gs://speech/out", "--num-shards-per-split", "2"]) == 0
    assert json.loads(capsys.readouterr().out)["written"] == 12
    assert content("gs://speech/out") == expected


def test_a_later_output_replaces_an_earlier_one_and_nothing_else(remote, expected, bucket):
    bucket.blob("mine/novel.txt").upload_from_string("x")
    with pytest.raises(UsageError, match="The output gs://speech/mine must be new, empty or an earlier output"):
        ingest(remote, "gs://speech/mine", "gs://speech/staging", SETTINGS)
    ingest(remote, "gs://speech/out", "gs://speech/staging", IngestSettings(num_shards_per_split=5))
    bucket.blob("out/Split-gone/data_tfrecord-00000-of-00001").upload_from_string("x")
    ingest(remote, "gs://speech/out", "gs://speech/staging", SETTINGS)
    assert content("gs://speech/out") == expected


def test_a_killed_job_goes_on_in_cloud_storage(remote, expected, monkeypatch):
    read = shards.read_pcm16
    heard = []

    def killed_at_the_seventh(source, *rest):
        heard.append(rest[0])
        if len(heard) == 7:
            raise KeyboardInterrupt
        return read(source, *rest)

    monkeypatch.setattr(shards, "read_pcm16", killed_at_the_seventh)
    with pytest.raises(BaseException):  # noqa: B017, PT011 — Beam decides what becomes of an interrupt
        ingest(remote, "gs://speech/out", "gs://speech/staging", SETTINGS)
    assert places.list_tree("gs://speech/out") == []
    finished = [entry.path for entry in places.list_tree("gs://speech/staging") if "/Split-" in entry.path]
    assert 0 < len(finished) < 6
    again = []
    monkeypatch.setattr(shards, "read_pcm16", lambda source, *rest: again.append(rest[0]) or read(source, *rest))
    ingest(remote, "gs://speech/out", "gs://speech/staging", SETTINGS)
    assert content("gs://speech/out") == expected
    assert 0 < len(again) < 12
    assert len(again) == len(set(again))


def test_the_fingerprint_changes_with_an_object(remote, bucket):
    before = inspect_corpus(remote).fingerprint
    assert inspect_corpus(remote).fingerprint == before
    blob = bucket.blob("data/LibriSpeech/train-a/101/7/101-7-0000.flac")
    blob.upload_from_string(blob.download_as_bytes() + b"x")
    assert inspect_corpus(remote).fingerprint != before


def test_an_object_that_is_gone_is_rejected_by_name(remote, bucket, monkeypatch):
    read = places.read_bytes

    def gone(place, *limit):
        if place.endswith("101-7-0001.flac"):
            raise FileNotFoundError(place)
        return read(place, *limit)

    monkeypatch.setattr(places, "read_bytes", gone)
    info = ingest(remote, "gs://speech/out", "gs://speech/staging", IngestSettings(max_reject_fraction=0.5))
    assert (info["read"], info["written"], info["rejected"]) == (12, 11, 1)
    reject = json.loads(read("gs://speech/out/rejects.jsonl"))
    assert reject["utterance_id"] == "101-7-0001"
    assert reject["reason"] == "train-a/101/7/101-7-0001.flac must be there, and is not."


def test_an_outage_ends_the_job_and_rejects_nothing(remote, monkeypatch):
    read = places.read_bytes

    def outage(place, *limit):
        if place.endswith(".flac"):
            raise TryAgainError("Cloud Storage did not answer.")
        return read(place, *limit)

    monkeypatch.setattr(places, "read_bytes", outage)
    with pytest.raises(TryAgainError, match=r"^Cloud Storage did not answer\.$"):
        ingest(remote, "gs://speech/out", "gs://speech/staging", IngestSettings(max_reject_fraction=1.0))
    assert places.list_tree("gs://speech/out") == []


def test_what_is_no_corpus_is_said(bucket):
    with pytest.raises(UsageError, match="gs://speech/nowhere does not exist"):
        inspect_corpus("gs://speech/nowhere")
    bucket.blob("other/notes.txt").upload_from_string("x")
    with pytest.raises(DataError, match="must hold utterances as <subset>.*gs://speech/other holds none"):
        inspect_corpus("gs://speech/other")


def archive_of(corpus):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        archive.add(corpus, "LibriSpeech")
    return stream.getvalue()


@pytest.mark.parametrize("corpora", ["local", "gs://speech/corpora"])
def test_an_archive_in_cloud_storage_is_unpacked_once(corpus, bucket, tmp_path, monkeypatch, expected, corpora):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    bucket.blob("archives/train-a.tar.gz").upload_from_string(archive_of(corpus))
    place = str(tmp_path / "corpora") if corpora == "local" else corpora
    for source in ("gs://speech/archives/train-a.tar.gz", "gs://speech/archives"):
        obtained = obtain_corpus(source, place)
        assert places.is_remote(obtained.root) == (corpora != "local")
        before = inspect_corpus(obtained.root).fingerprint
        assert obtain_corpus(source, place) == obtained
        assert inspect_corpus(obtained.root).fingerprint == before, "nothing is unpacked anew"
        ingest(obtained.root, "gs://speech/out", "gs://speech/staging", SETTINGS)
        assert content("gs://speech/out") == expected
    assert list((tmp_path / "scratch").glob("w2v2-*")) == []


def test_an_upload_that_broke_off_is_done_again(corpus, bucket, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    bucket.blob("archives/train-a.tar.gz").upload_from_string(archive_of(corpus))
    source = "gs://speech/archives/train-a.tar.gz"
    root = obtain_corpus(source, "gs://speech/corpora").root
    places.remove(places.join(root, NOTE_FILE))
    places.remove(places.join(root, "LibriSpeech", "SPEAKERS.TXT"))
    places.write_bytes(places.join(root, "LibriSpeech", "train-a", "9", "1", "9-1-1.flac"), b"left over")
    obtain_corpus(source, "gs://speech/corpora")
    assert inspect_corpus(root).utterances == 12
    assert places.is_file(places.join(root, "LibriSpeech", "SPEAKERS.TXT"))


def test_own_recordings_in_cloud_storage(bucket, tone, tmp_path):
    lines = ["audio\ttext\tspeaker\tsplit"]
    for number, name in enumerate(["a.wav", "deep/b.flac", "c.ogg"]):
        (tmp_path / "deep").mkdir(exist_ok=True)
        tone(tmp_path / name, number, rate_hz=22_050, subtype=None if name.endswith("ogg") else "PCM_16")
        bucket.blob(f"clips/{name}").upload_from_filename(tmp_path / name)
        place = name if number else f"gs://speech/clips/{name}"
        lines.append(f"{place}\tHELLO THERE\tspeaker-{number}\t{('train', 'validation', 'test')[number]}")
    lines.append("gone.wav\tHELLO\tspeaker-9\ttrain")
    bucket.blob("clips/mine.tsv").upload_from_string("\n".join(lines) + "\n")
    before = inspect_corpus("gs://speech/clips/mine.tsv").fingerprint
    info = ingest("gs://speech/clips/mine.tsv", tmp_path / "out", tmp_path / "s", IngestSettings(max_reject_fraction=1))
    assert (info["read"], info["written"], info["rejected"]) == (4, 3, 1)
    assert "must be there, and is not" in (tmp_path / "out" / "rejects.jsonl").read_text()
    bucket.blob("clips/c.ogg").upload_from_string(b"other")
    assert inspect_corpus("gs://speech/clips/mine.tsv").fingerprint != before


def test_an_object_too_long_to_be_sound_is_rejected_and_not_fetched(remote, bucket, monkeypatch):
    monkeypatch.setattr(shards, "_MAX_OBJECT_BYTES", 1 << 20)
    bucket.blob("data/LibriSpeech/train-a/101/7/101-7-0001.flac").upload_from_string(b"fLaC" + b"x" * (2 << 20))
    info = ingest(remote, "gs://speech/out", "gs://speech/staging", IngestSettings(max_reject_fraction=0.5))
    assert (info["read"], info["written"], info["rejected"]) == (12, 11, 1)
    reject = json.loads(places.read_bytes("gs://speech/out/rejects.jsonl"))
    assert reject["reason"] == "train-a/101/7/101-7-0001.flac must have 1 MB at most; cut it."


def test_a_killed_publication_goes_on(remote, expected, monkeypatch):
    copy = cloud_storage.copy
    copied = []

    def killed(source, target):
        if len(copied) == 3:
            raise KeyboardInterrupt
        copied.append(target)
        copy(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(cloud_storage, "copy", killed)
        with pytest.raises(KeyboardInterrupt):
            ingest(remote, "gs://speech/out", "gs://speech/staging", SETTINGS)
    assert places.is_directory("gs://speech/out")
    ingest(remote, "gs://speech/out", "gs://speech/staging", SETTINGS)
    assert content("gs://speech/out") == expected


def test_a_manifest_in_cloud_storage_names_no_file_of_this_machine(bucket, tone, tmp_path):
    tone(tmp_path / "a.wav", 1)
    bucket.blob("clips/mine.tsv").upload_from_string(f"audio\ttext\nb.wav\tHELLO\n{tmp_path}/a.wav\tHELLO\n")
    with pytest.raises(DataError, match=r"line 3 of gs://speech/clips/mine.tsv names /\S+/a.wav; copy it there\."):
        inspect_corpus("gs://speech/clips/mine.tsv")


def test_a_plan_with_a_split_that_was_not_there_is_refused(bucket, tone, tmp_path, monkeypatch):
    """A manifest that is changed between the first look at it and the work."""
    from beam_jobs.librispeech import recordings

    tone(tmp_path / "a.wav", 1)
    manifest = tmp_path / "mine.tsv"
    manifest.write_text("audio\ttext\tsplit\na.wav\tHELLO\ttrain\n")
    inspect = recordings.inspect_recordings

    def inspect_and_change(*arguments):
        found = inspect(*arguments)
        manifest.write_text(manifest.read_text().replace("train", "exam"))
        return found

    monkeypatch.setattr(recordings, "inspect_recordings", inspect_and_change)
    with pytest.raises(
        DataError, match=r"must stay as it is while it is read, and the split exam of a-\w+ is new; run"
    ):
        ingest(manifest, tmp_path / "out", tmp_path / "s", SETTINGS)
