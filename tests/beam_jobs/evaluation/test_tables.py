"""Both tables of a model: what agrees, what does not where padding counts, and what is compared."""

import json

import pytest

from beam_jobs import engines, places
from beam_jobs.evaluation.evaluate import EvaluationRequest, evaluate
from beam_jobs.evaluation.example_splits import open_examples
from beam_jobs.evaluation.tables import TableSettings, make_tables
from model.checkpoint import convert_checkpoint
from model.errors import ConfigurationError, DataError, UsageError
from model.export import obtain
from model.export.build import export_release
from model.export.settings import ReleaseSettings
from model.metrics import ScoringSettings, count_word_errors, total
from tests.beam_jobs.evaluation.conftest import GOLDEN

SETTINGS = TableSettings(pad_to_samples=9_000, scoring=ScoringSettings(resamples=100))


@pytest.fixture(scope="module")
def unmasked(model_directory, tmp_path_factory):
    directory = tmp_path_factory.mktemp("unmasked") / "release"
    export_release(model_directory, directory, ReleaseSettings(), ("saved_model",), "unmasked")
    return directory


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    root = tmp_path_factory.mktemp("other")
    convert_checkpoint(GOLDEN / "group_post_norm", root / "model")
    export_release(root / "model", root / "release", ReleaseSettings(), ("saved_model",))
    return root / "release"


def tables_of(examples, tmp_path, releases, baselines=None):
    make_pipeline = engines.pipeline_maker(())
    return make_tables(
        open_examples(str(examples), ()), releases, baselines or {}, SETTINGS, make_pipeline, str(tmp_path / "work")
    )


def test_masked_rows_agree_and_unmasked_ones_do_not(examples, release, unmasked, tmp_path):
    tables = tables_of(examples, tmp_path, {"masked": release, "unmasked": unmasked})
    assert [table.split for table in tables] == ["test-a", "test-b"]
    for table, utterances in zip(tables, (4, 8), strict=True):
        assert (table.utterances, table.words, table.published) == (utterances, 3 * utterances, None)
        names = [(row.padding, row.way.name, row.way.pad_to_samples) for row in table.rows]
        ways = [("alone", 0), ("constant", 9_000), ("batched", 0)]
        assert names == [(padding, *way) for padding in ("masked", "unmasked") for way in ways]
        rows = {(row.padding, row.way.name): row for row in table.rows}
        for way in ("alone", "constant", "batched"):
            row = rows["masked", way]
            assert (row.text_agreement, row.largest_logit_difference < 1e-3) == (1.0, True)
            assert row.score.system.words == rows["masked", "alone"].score.system.words
            assert (row.realtime_factor is None) == (way == "batched")
        # Alone, there is no padding to count.
        assert rows["unmasked", "alone"].score.system.words == rows["masked", "alone"].score.system.words
        assert rows["unmasked", "constant"].largest_logit_difference > 0.01
        assert rows["unmasked", "constant"].text_agreement < 1.0
        json.dumps(table.to_mapping(), allow_nan=False)


def test_a_baseline_is_heard_in_the_same_ways(examples, release, other, by_split, tmp_path):
    (table, _) = tables_of(examples, tmp_path, {"masked": release}, {"masked": other})
    (own, _) = tables_of(examples, tmp_path, {"masked": other})
    for row, alone in zip(table.rows, own.rows, strict=True):
        comparison = row.score.baseline
        assert comparison is not None
        assert comparison.system.words == alone.score.system.words
        expected = row.score.system.words.rate - alone.score.system.words.rate
        assert comparison.difference.value == pytest.approx(expected)
    heard = {one.utterance_id: one.hypothesis for one in table.rows[0].score.rows}
    counts = total(count_word_errors("some words here", heard[one.utterance_id]) for one in by_split["test-a"])
    assert table.rows[0].score.system.words == counts


def test_what_was_promised_must_be_there(examples, release, tmp_path):
    info = json.loads((examples / "dataset_info.json").read_text())
    info["splits"]["test-b"]["words"] = 25
    (examples / "dataset_info.json").write_text(json.dumps(info))
    with pytest.raises(
        DataError,
        match="The split test-b must hold the 8 utterances with 25 words .*, and 8 with 24 were heard; ingest",
    ):
        tables_of(examples, tmp_path, {"masked": release})


def test_the_whole_evaluation_is_one_document(make_corpus, release, tmp_path, monkeypatch):
    monkeypatch.setattr(obtain, "build_release", export_release)
    corpus = make_corpus({"train-a": ["1", "2"], "test-a": ["3", "4"]})
    request = EvaluationRequest(
        model=str(release), corpus=str(corpus), padding="both", baseline=str(release), tables=SETTINGS
    )
    (tmp_path / "scratch").mkdir()
    evaluated = evaluate(request, tmp_path / "corpora", tmp_path / "scratch")
    document = json.loads(json.dumps(evaluated.to_mapping(), allow_nan=False))
    assert document["model"]["source"] == str(release)
    assert document["model"]["release_digest"] == document["baseline"]["release_digest"]
    assert document["same_model"] is True
    assert (document["pad_to_samples"], document["rejected"], document["beam_search"]) == (9_000, 0, None)
    assert list(document["splits"]) == ["test-a"]
    rows = document["splits"]["test-a"]["rows"]
    assert [(row["padding"], row["way"]["name"]) for row in rows] == [
        (padding, way) for padding in ("masked", "unmasked") for way in ("alone", "constant", "batched")
    ]
    assert all(row["score"]["baseline"] is None for row in rows)
    assert not (tmp_path / "scratch" / "heard" / "baseline-masked").exists(), "the same model is heard once"
    assert all(row["score"]["words"]["words"] == 18 for row in rows)


def test_what_workers_read_and_write_may_be_in_cloud_storage(examples, release, other, tmp_path, bucket):
    (tmp_path / "scratch").mkdir()
    request = EvaluationRequest(
        str(release), str(examples), ("test-b",), baseline=str(other), tables=SETTINGS,
        beam_flags=("--runner=DirectRunner",),
    )  # fmt: skip
    evaluated = evaluate(request, tmp_path / "corpora", tmp_path / "scratch", "gs://speech/staging")
    (table,) = evaluated.tables
    assert (table.utterances, [row.text_agreement for row in table.rows]) == (8, [1.0, 1.0, 1.0])
    written = [entry.path for entry in places.list_tree("gs://speech/staging")]
    assert {path.split("/")[0] for path in written} == {"heard", "shared-model", "shared-baseline"}
    assert not (tmp_path / "scratch" / "heard").exists()


def test_dataflow_needs_a_shared_place(examples, release, tmp_path):
    flags = ("--runner=DataflowRunner", "--project=p", "--region=r", "--temp_location=gs://speech/tmp")
    request = EvaluationRequest(str(release), str(examples), beam_flags=flags)
    with pytest.raises(UsageError, match="must be in Cloud Storage, and .*scratch is on this machine; name a gs://"):
        evaluate(request, tmp_path / "corpora", tmp_path / "scratch")


def test_requests_are_checked():
    with pytest.raises(ConfigurationError, match="--padding must be masked, unmasked or both, not 'none'"):
        EvaluationRequest("m", "c", padding="none")
    with pytest.raises(ConfigurationError, match="--pad-to must be at least 400 samples, not 399"):
        TableSettings(pad_to_samples=399)
