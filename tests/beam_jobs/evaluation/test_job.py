"""The whole job: every utterance once, in order, whatever the engine; and what is damaged."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from beam_jobs import engines, places
from beam_jobs.evaluation import ALONE, BATCHED, CONSTANT, ONNX, Way
from beam_jobs.evaluation.job import hear
from beam_jobs.evaluation.listener import Listener
from beam_jobs.evaluation.results import read_probes
from model.audio import to_float
from model.beam_search import BeamSearch, BeamSearchSettings
from model.errors import ConfigurationError, DataError, ReleaseError, UsageError, WorkerError
from model.progress import EVENTS_VARIABLE
from tests.arpa import write_arpa

SPLITS = ("test-b", "test-a")


@pytest.fixture
def work(tmp_path):
    return tmp_path / "work"


def plain(heard):
    """All but the seconds."""
    return [
        (one.utterance_id, one.split, one.num_samples, {name: by.text for name, by in one.by_way.items()})
        for one in heard
    ]


def test_every_utterance_is_heard_in_every_way(examples, by_split, release, work):
    ways = (BATCHED, ALONE, ONNX, Way("padded", alone=True, pad_to_samples=9_000))
    heard = hear(examples, SPLITS, release, ways, working_dir=work, batch_samples=20_000)
    expected = [utterance for split in SPLITS for utterance in by_split[split]]
    assert [one.utterance_id for one in heard] == [utterance.utterance_id for utterance in expected]
    listener = Listener(release)
    for one, utterance in zip(heard, expected, strict=True):
        assert one.split == one.subset == utterance.subset
        assert (one.speaker_id, one.gender) == (utterance.speaker_id, utterance.gender)
        assert (one.num_samples, one.reference) == (len(utterance.samples), "SOME WORDS HERE")
        assert list(one.by_way) == ["batched", "alone", "onnx", "padded"]
        (alone,) = listener.hear(ALONE, [to_float(utterance.samples)])
        assert {by.text for by in one.by_way.values()} == {alone.text}
        assert one.by_way["batched"].logit_difference == 0.0
        assert 0.0 < one.by_way["onnx"].logit_difference < 1e-3
        assert all(by.seconds > 0 for by in one.by_way.values())


def test_the_order_of_splits_is_the_one_asked_for(examples, release, work):
    heard = hear(examples, ("test-a", "test-empty", "test-b"), release, (BATCHED,), working_dir=work)
    assert [one.split for one in heard] == ["test-a"] * 4 + ["test-b"] * 8
    assert hear(examples, ("test-empty",), release, (BATCHED,), working_dir=work) == []
    assert hear(examples, (), release, (BATCHED,), working_dir=work) == []


def test_probes_hold_sound_and_logits(examples, by_split, release, work):
    heard = hear(examples, SPLITS, release, (BATCHED, ONNX), working_dir=work, batch_samples=20_000, num_probes=4)
    probes = read_probes(str(work))
    utterances = {one.utterance_id: one for some in by_split.values() for one in some}
    lengths = [len(probe.waveform) for probe in probes]
    every = sorted((len(one.samples) for one in utterances.values()), reverse=True)
    assert (len(probes), lengths[0], lengths[-1]) == (4, every[0], every[-1])
    by_id = {one.utterance_id: one for one in heard}
    for probe in probes:
        np.testing.assert_array_equal(probe.waveform, to_float(utterances[probe.utterance_id].samples))
        assert list(probe.by_way) == ["batched", "onnx"]
        for name, sound in probe.by_way.items():
            assert sound.text == by_id[probe.utterance_id].by_way[name].text
        difference = np.abs(probe.by_way["onnx"].logits - probe.by_way["batched"].logits).max()
        assert by_id[probe.utterance_id].by_way["onnx"].logit_difference == pytest.approx(difference)
    # A later job in the same place keeps none.
    hear(examples, SPLITS, release, (BATCHED,), working_dir=work)
    assert read_probes(str(work)) == []


def test_progress_is_told(examples, release, work, tmp_path, monkeypatch):
    monkeypatch.setenv(EVENTS_VARIABLE, str(tmp_path / "events"))
    hear(examples, SPLITS, release, (BATCHED,), working_dir=work, batch_samples=20_000, stage="SavedModel")
    events = [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]
    assert {(event["total"], event["unit"], event["text"]) for event in events} == {(12, "utterances", "SavedModel")}
    assert events[-1]["done"] == 12
    assert [event["done"] for event in events] == sorted(event["done"] for event in events)


def test_an_utterance_that_is_lost_is_an_error(examples, release, work, monkeypatch):
    monkeypatch.setattr(engines, "run", lambda *arguments: None)
    with pytest.raises(WorkerError, match="The job must hear every utterance, and of batch 0 it has heard 0 of 12"):
        hear(examples, SPLITS, release, (BATCHED,), working_dir=work)


def test_neither_sound_nor_logits_cross_a_shuffle(examples, release, work, monkeypatch):
    pipelines = []
    monkeypatch.setattr(engines, "run", lambda pipeline, *rest: pipelines.append((pipeline, rest)))
    with pytest.raises(WorkerError):
        hear(examples, SPLITS, release, (BATCHED,), working_dir=work, batch_samples=20_000)
    ((pipeline, (name, reached, _, needs)),) = pipelines
    assert (name, reached) == ("evaluate", (str(examples), str(release), str(work)))
    assert needs == ("tensorflow", "onnxruntime")
    graph = pipeline.to_runner_api()
    # The sound of these utterances alone has more bytes.
    assert graph.ByteSize() < 100_000
    transforms = graph.components.transforms.values()
    (hearing,) = (one for one in transforms if one.unique_name == "HearBatches/HearBatch")
    read = {name for one in transforms for name in one.inputs.values()}
    assert not read & set(hearing.outputs.values()), "whoever hears gives nothing to anybody"
    assert set(hearing.inputs.values()) <= {name for one in transforms for name in one.outputs.values()}


def test_what_an_engine_counts_is_told(examples, release, work, tmp_path, monkeypatch):
    """Workers of other machines cannot tell it themselves."""
    monkeypatch.setattr(engines, "run", lambda pipeline, name, reached, watch, needs: watch({"utterances_heard": 5}))
    monkeypatch.setenv(EVENTS_VARIABLE, str(tmp_path / "events"))
    with pytest.raises(WorkerError):
        hear(examples, SPLITS, release, (BATCHED,), working_dir=work, stage="far away")
    event = json.loads((tmp_path / "events").read_text())
    assert (event["done"], event["total"], event["text"]) == (5, 12, "far away")


def test_a_damaged_shard_is_named(examples, release, work):
    shard = examples / "Split-test-a" / "data_tfrecord-00001-of-00003"
    content = bytearray(shard.read_bytes())
    content[1_000] ^= 1
    shard.write_bytes(content)
    with pytest.raises(
        DataError, match=r"00001-of-00003 must hold a whole record at byte 12, .*\(its checksum"
    ) as said:
        hear(examples, SPLITS, release, (BATCHED,), working_dir=work)
    assert "while running" not in str(said.value)
    shard.write_bytes(content[:-20])
    with pytest.raises(DataError, match=r"00001-of-00003 must be a whole file of records, and ends within the one"):
        hear(examples, SPLITS, release, (BATCHED,), working_dir=work)


def test_a_release_that_is_not_whole_is_said(examples, release, work, tmp_path):
    shutil.copytree(release, tmp_path / "copy")
    (tmp_path / "copy" / "saved_model" / "saved_model.pb").unlink()
    with pytest.raises(ReleaseError, match="saved_model must be a SavedModel with the signature 'transcribe'") as said:
        hear(examples, SPLITS, tmp_path / "copy", (BATCHED,), working_dir=work)
    assert "while running" not in str(said.value)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"ways": ()}, ConfigurationError, "A release must be heard in one way at least"),
        ({"ways": (BATCHED, BATCHED)}, ConfigurationError, "Each way must have a name of its own, .* batched, batched"),
        ({"ways": (Way("x", kind="onnx"),)}, ConfigurationError, "An ONNX file takes no lengths"),
        ({"ways": (Way("x", decoder="beam_search"),)}, ConfigurationError, "beam search, which needs a language model"),
        ({"batch_samples": 0}, ConfigurationError, "batch_samples must be at least 1, not 0"),
        ({"splits": ("test-a", "test-a")}, ConfigurationError, "Each split must be named once, not test-a, test-a"),
        ({"splits": ("test-x",)}, DataError, "must have the split test-x, and have no Split-test-x; name one"),
        ({"release_dir": "http://x/y"}, UsageError, "A place must be a path of this machine or a gs:// address"),
    ],
)
def test_what_cannot_be_asked_for(examples, release, work, options, error, message):
    asked = {"splits": SPLITS, "release_dir": release, "ways": (BATCHED,), **options}
    with pytest.raises(error, match=message):
        hear(examples, working_dir=work, **asked)


def test_a_way_by_beam_search_is_what_the_search_makes_of_the_logits(examples, release, work, tmp_path, loaded):
    letters = [chr(letter) for letter in range(ord("A"), ord("Z") + 1)]
    arpa = write_arpa(tmp_path / "letters.arpa", [(letter, -1.5) for letter in letters])
    settings = BeamSearchSettings(arpa, beam_width=5)
    ways = (ALONE, Way("beam_search", alone=True, decoder="beam_search"))
    heard = hear(
        examples, ("test-a",), release, ways, working_dir=work, num_probes=2, beam_search=settings, stage="search"
    )
    search = BeamSearch(loaded.vocabulary, settings)
    texts = {one.utterance_id: one.by_way["beam_search"] for one in heard}
    for probe in read_probes(str(work)):
        assert texts[probe.utterance_id].text == search.decode(probe.by_way["alone"].logits)
    assert {by.logit_difference for by in texts.values()} == {0.0}
    assert any(one.by_way["alone"].text != one.by_way["beam_search"].text for one in heard)


def test_everything_can_be_in_cloud_storage(examples, release, tmp_path, bucket):
    """Where a split without an utterance is no directory; what ingest says of it is."""
    info = json.loads((examples / "dataset_info.json").read_text())
    info["splits"]["test-empty"] = {"utterances": 0, "words": 0}
    (examples / "dataset_info.json").write_text(json.dumps(info))
    arpa = write_arpa(tmp_path / "letters.arpa", [(letter, -1.5) for letter in "ETAOINS"])
    root = "gs://speech/run"
    for name, directory in (("examples", examples), ("release", release)):
        places.copy_tree(str(directory), f"{root}/{name}")
    places.copy_file(arpa, f"{root}/letters.arpa")

    def heard_in(place, working_dir, language_model, splits=("test-a", "test-empty")):
        return hear(
            f"{place}/examples", splits, f"{place}/release",
            (ALONE, Way("beam_search", alone=True, decoder="beam_search")), working_dir=working_dir,
            beam_search=BeamSearchSettings(language_model, beam_width=5),
        )  # fmt: skip

    (tmp_path / "release").symlink_to(release)
    expected = heard_in(tmp_path, tmp_path / "work", arpa)
    assert plain(heard_in(root, f"{root}/work", f"{root}/letters.arpa")) == plain(expected)
    assert len(expected) == 4
    with pytest.raises(DataError, match=f"The examples {root}/examples must have the split test-x, and have no"):
        heard_in(root, f"{root}/work", f"{root}/letters.arpa", ("test-x",))
    shard = f"{root}/examples/Split-test-a/data_tfrecord-00001-of-00003"
    places.write_bytes(shard, places.read_bytes(shard)[:-20])
    with pytest.raises(DataError, match=f"^{shard} must be a whole file of records, and ends within the one at byte"):
        heard_in(root, f"{root}/work", f"{root}/letters.arpa")


@pytest.mark.e2e
@pytest.mark.parametrize("mode", ["multi_processing", "multi_threading"])
def test_two_workers_hear_what_one_hears(examples, release, tmp_path, mode):
    """In a process of its own, as a command runs it: Beam's worker processes are started anew."""
    code = (
        "import dataclasses, json, sys\n"
        "from beam_jobs import engines\n"
        "from beam_jobs.evaluation import ALONE, BATCHED, ONNX\n"
        "from beam_jobs.evaluation.job import hear\n"
        "examples, release, work, *flags = sys.argv[1:]\n"
        "heard = hear(examples, ('test-b', 'test-a'), release, (BATCHED, ALONE, ONNX), engines.pipeline_maker(flags),\n"
        "             working_dir=work, batch_samples=20_000)\n"
        "print(json.dumps([[one.utterance_id, one.split, one.num_samples,\n"
        "                   {name: by.text for name, by in one.by_way.items()}] for one in heard]))\n"
    )
    flags = [f"--direct_running_mode={mode}", "--direct_num_workers=2"]
    command = [sys.executable, "-W", "ignore", "-c", code, str(examples), str(release), str(tmp_path / "two"), *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    expected = hear(
        examples, SPLITS, release, (BATCHED, ALONE, ONNX), working_dir=tmp_path / "one", batch_samples=20_000
    )
    assert json.loads(done.stdout.splitlines()[-1]) == [list(one) for one in plain(expected)]


@pytest.mark.e2e
def test_an_error_of_a_worker_process_is_one_of_ours(examples, release, tmp_path):
    shard = examples / "Split-test-a" / "data_tfrecord-00001-of-00003"
    content = bytearray(shard.read_bytes())
    content[1_000] ^= 1
    shard.write_bytes(content)
    code = (
        "import sys\n"
        "from beam_jobs import engines\n"
        "from beam_jobs.evaluation import BATCHED\n"
        "from beam_jobs.evaluation.job import hear\n"
        "from model.errors import DataError\n"
        "try:\n"
        "    hear(sys.argv[1], ('test-a',), sys.argv[2], (BATCHED,), engines.pipeline_maker(sys.argv[4:]),\n"
        "         working_dir=sys.argv[3])\n"
        "except DataError as error:\n"
        "    print(error)\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", code, str(examples), str(release), str(tmp_path / "work")]
    done = subprocess.run([*command, *engines.direct_flags(2)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "00001-of-00003 must hold a whole record at byte 12" in done.stdout
    assert "while running" not in done.stdout


def test_constant_padding_is_to_the_published_length(examples, release, work):
    heard = hear(examples, ("test-a",), release, (ALONE, CONSTANT), working_dir=work)
    assert [one.by_way["constant"].text for one in heard] == [one.by_way["alone"].text for one in heard]
    assert max(one.by_way["constant"].logit_difference for one in heard) < 1e-3


def test_without_beam_the_same_is_heard_and_told(examples, release, tmp_path, monkeypatch):
    ways = (BATCHED, ALONE, Way("padded", alone=True, pad_to_samples=9_000))
    by_beam = hear(examples, SPLITS, release, ways, working_dir=tmp_path / "beam", batch_samples=20_000, num_probes=2)
    events = tmp_path / "events"
    monkeypatch.setenv(EVENTS_VARIABLE, str(events))
    alone = hear(
        examples, SPLITS, release, ways, None, working_dir=tmp_path / "alone", batch_samples=20_000, num_probes=2
    )
    assert plain(alone) == plain(by_beam)
    assert [one.utterance_id for one in read_probes(str(tmp_path / "alone"))] == [
        one.utterance_id for one in read_probes(str(tmp_path / "beam"))
    ]
    last = json.loads(events.read_text().splitlines()[-1])
    assert (last["event"], last["done"], last["total"]) == ("progress", 12, 12)


def test_a_corpus_is_evaluated_without_beam_installed(release, make_corpus, tmp_path):
    corpus = make_corpus({"test-a": ["104", "105"]}, seconds=0.3)
    code = (
        "import sys; sys.modules['apache_beam'] = None; sys.modules['tfx'] = None\n"
        "from beam_jobs.evaluation.evaluate import EvaluationRequest, evaluate\n"
        "from pipeline.evaluation_display import show_evaluation\n"
        "from rich.console import Console\n"
        f"request = EvaluationRequest({str(release)!r}, {str(corpus)!r}, in_process=True)\n"
        f"made = evaluate(request, 'corpora', {str(tmp_path / 'scratch')!r})\n"
        "show_evaluation(Console(width=100), made)\n"
        "print([(table.utterances, table.words, len(table.rows)) for table in made.tables])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[(6, 18, 3)]"
    assert "padded to 246,000" in done.stdout
