"""From a folder of recordings in another language to a released model: `w2v2 init`, `w2v2 run`, `w2v2 transcribe`."""

import json
import subprocess

import pytest

from model.text import Vocabulary
from tests.greek_recordings import record, write_table
from tests.w2v2_command import W2V2, runs, w2v2

pytestmark = pytest.mark.e2e

STEPS = 110


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with recordings and the table, and a person's working directory beside it."""
    root = tmp_path_factory.mktemp("own")
    write_table(root / "φωνή" / "μεταγραφές.tsv", record(root / "φωνή", num_speakers=8, each=15))
    return root


@pytest.fixture(scope="module")
def released(place):
    """The run, its configuration and its workspace."""
    workspace, configuration = place / "workspace", place / "greek.py"
    told = w2v2(
        workspace, "init", place / "φωνή", "--output", configuration, "--checkpoint", "tiny", "--steps", STEPS,
        "--max-wer", "0.9",
    )  # fmt: skip
    assert "8 speakers" in told.stdout
    written = configuration.read_text(encoding="utf-8")
    assert "max_silence_words=0,\n" in written
    assert "max_noise_words=0,\n" in written
    # A person decides: after so few steps on clean speech alone, words are heard in noise, and sometimes in silence.
    decided = written.replace("max_silence_words=0,\n", "max_silence_words=None,\n")
    decided = decided.replace("max_noise_words=0,\n", "max_noise_words=None,\n")
    configuration.write_text(decided, encoding="utf-8")
    w2v2(workspace, "run", "--config", configuration)
    (run,) = runs(workspace)
    return run, workspace


def test_the_run_ends_in_accept(released):
    run, _ = released
    assert (run["state"], run["verdict"]) == ("COMPLETE", "ACCEPT")
    assert 0 < run["wer"]["test"] < 0.9


def test_what_is_released_spells_greek(released):
    _, workspace = released
    root = workspace / "releases" / "wav2vec2-greek"
    assert sorted(path.name for path in root.iterdir()) == ["checkpoint", "onnx", "saved_model"]
    letters = set("άέήίαβγδεζηθικλμνξοπρςστυφψωύώ")
    for format_ in ("onnx", "checkpoint"):
        (version,) = (path for path in (root / format_).iterdir() if path.name.isdigit())
        vocabulary = Vocabulary.from_file(version / "vocab.json")
        assert vocabulary.tokens[:5] == ("<pad>", "<s>", "</s>", "<unk>", "|")
        assert set(vocabulary.tokens[5:]) == letters
        config = json.loads((version / "config.json").read_text())
        assert (config["vocab_size"], config["pad_token_id"]) == (len(letters) + 5, 0)
        assert json.loads((version / "tokenizer_config.json").read_text())["do_lower_case"] is False
        card = (version / "README.md").read_text(encoding="utf-8")
        assert 'language: ["el"]' in card


def test_transcribing_gives_greek_letters(released, place):
    _, workspace = released
    (evaluation,) = (workspace / "pipelines").glob("*/WEREvaluator/evaluation/*/utterances.jsonl")
    rows = [json.loads(line) for line in evaluation.read_text(encoding="utf-8").splitlines()]
    assert len(rows) >= 15
    assert all(row["reference"] == row["reference"].lower() for row in rows)
    files = sorted((place / "φωνή" / "ηχογραφήσεις").iterdir())[:6]
    told = json.loads(w2v2(workspace, "transcribe", *files, "--json").stdout)["transcriptions"]
    heard = " ".join(entry["text"] for entry in told)
    assert set(heard) <= set("άέήίαβγδεζηθικλμνξοπρςστυφψωύώ ")
    said = (place / "φωνή" / "μεταγραφές.tsv").read_text(encoding="utf-8").lower()
    assert sum(word in said for word in heard.split()) >= 6, heard


def test_vertex_says_in_one_sentence_what_it_needs(released, place):
    done = subprocess.run(
        [W2V2, "vertex", "compile", "--config", place / "greek.py"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "A configuration for Vertex AI must have vertex=VertexSettings(…), and 'greek' has none" in done.stderr
