"""The curated schema: what ingest writes fits it, and what does not fit is found."""

import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from tensorflow_transform.tf_metadata import schema_utils

import components.transform
from components.transform.statistics import stats_options
from model.errors import DataError
from model.examples import METADATA_FEATURES, Utterance, decode, encode

SCHEMA = f"{components.transform.__path__[0]}/schema.pbtxt"
GOOD = {
    "chapter_id": "7", "gender": "F", "num_samples": 16_000, "sample_rate_hz": 16_000, "speaker_id": "101",
    "subset": "train-a", "transcript": "HELLO",
}  # fmt: skip


def anomalies(**changes):
    record = {
        name: value.decode() if isinstance(value, bytes) else value for name, value in {**GOOD, **changes}.items()
    }
    frame = pd.DataFrame([record] * 3)
    statistics = tfdv.generate_statistics_from_dataframe(frame, stats_options())
    found = tfdv.validate_statistics(statistics, tfdv.load_schema_text(SCHEMA))
    return {name: info.short_description for name, info in found.anomaly_info.items()}


def test_a_record_as_ingest_writes_it_has_no_anomaly():
    assert anomalies() == {}
    assert anomalies(gender="") == {}
    assert anomalies(transcript="", chapter_id="", gender="") == {}, "a recording without words"


@pytest.mark.parametrize(
    ("changes", "feature"),
    [
        ({"gender": "X"}, "gender"),
        ({"sample_rate_hz": 8_000}, "sample_rate_hz"),
        ({"num_samples": 399}, "num_samples"),
        ({"num_samples": 560_001}, "num_samples"),
    ],
)
def test_what_does_not_fit_is_an_anomaly(changes, feature):
    assert list(anomalies(**changes)) == [feature]


def test_the_schema_knows_every_feature_of_the_record():
    specification = schema_utils.schema_as_feature_spec(tfdv.load_schema_text(SCHEMA)).feature_spec
    assert set(specification) == {*METADATA_FEATURES, "audio", "utterance_id"}
    assert set(stats_options().feature_allowlist or ()) == set(METADATA_FEATURES), "the audio is not looked at"


def test_a_record_is_read_as_it_was_written():
    utterance = Utterance("1-2-0003", "1", "2", "", "test-a", 16_000, np.arange(-5, 5, dtype=np.int16), "A B")
    record = encode(utterance)
    assert encode(utterance) == record
    again = decode(record)
    np.testing.assert_array_equal(again.samples, utterance.samples)
    assert (again.utterance_id, again.gender, again.transcript, again.seconds) == ("1-2-0003", "", "A B", 10 / 16_000)


@pytest.mark.parametrize("record", [b"nonsense", b"", b"\x0a\x00"])
def test_what_is_no_record_is_an_error(record):
    with pytest.raises(DataError, match="must be an utterance as ingest writes it"):
        decode(record)
