"""From files to a score: who spoke, and what is said of it."""

import json

import pytest

from model.errors import DataError, UsageError
from model.metrics import Counts, ScoringSettings
from pipeline.score_files import score_files


@pytest.fixture
def write(tmp_path):
    def write_file(name, *lines):
        path = tmp_path / name
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return path

    return write_file


def test_files_of_three_forms(write):
    ref = write("ref.trans.txt", *(f"{speaker}-1-0001 GOOD MORNING" for speaker in range(6)))
    hyp = write("hyp.trn", *(f"good evening ({speaker}-1-0001)" for speaker in reversed(range(6))))
    baseline = write("base.tsv", *(f"{speaker}-1-0001\tgood morning" for speaker in range(6)))
    found = score_files(ref, hyp, baseline, ScoringSettings())
    assert found.score.system.words == Counts(12, 6, 0, 0, 6, 6)
    assert found.score.speakers == 6
    assert found.score.system.interval.unit == "speaker"
    assert found.score.baseline is not None
    assert found.score.baseline.difference.value == 0.5
    assert found.notes == ("There is no column speaker; the ids, which are like LibriSpeech's, tell who spoke.",)
    document = found.to_json()
    assert document["files"] == {"ref": str(ref), "hyp": str(hyp), "baseline": str(baseline)}
    assert document["notes"] == list(found.notes)
    assert document["words"]["wer"] == 0.5
    json.dumps(document, allow_nan=False)


def test_a_column_tells_who_spoke_and_ids_do_not(write):
    ref = write("ref.tsv", "id\tspeaker\troom\ttext", *(f"{number}-1-1\ts{number % 2}\tx\ta" for number in range(6)))
    hyp = write("hyp.tsv", *(f"{number}-1-1\ta" for number in range(6)))
    found = score_files(ref, hyp, None, ScoringSettings())
    assert found.score.speakers == 2
    assert found.notes == (
        "Columns that mean nothing here: room.",
        "With 2 speakers, too few to draw from, intervals are made by drawing utterances.",
    )
    assert "baseline" not in found.to_json()["files"]
    assert found.to_json()["baseline"] is None


def test_where_nobody_knows_who_spoke_it_says_so(write):
    ref = write("ref.tsv", "one\ta", "two\tb")
    found = score_files(ref, ref, None, ScoringSettings())
    assert found.score.speakers is None
    assert found.notes == (
        "It is not known who spoke, so intervals are made by drawing utterances; they may be too narrow.",
    )


def test_files_that_do_not_fit_are_refused(write, tmp_path):
    ref, other = write("ref.tsv", "a\tx", "b\ty"), write("other.tsv", "a\tx", "c\ty")
    with pytest.raises(DataError, match=r"The hypotheses must be of utterances that the references have, and .* no c;"):
        score_files(ref, other, None, ScoringSettings())
    with pytest.raises(DataError, match=r"The hypotheses of the baseline must be of utterances that the references"):
        score_files(ref, ref, other, ScoringSettings())
    with pytest.raises(UsageError, match="must be a file that exists"):
        score_files(ref, ref, tmp_path / "nowhere.tsv", ScoringSettings())
