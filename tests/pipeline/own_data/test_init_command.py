"""`w2v2 init`: what it says of recordings, what it writes, and that ingest then does what was said."""

import functools
import json
import os
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_jobs.librispeech.ingest import ingest
from components.wer_evaluator.gate import decide
from components.wer_evaluator.settings import GateSettings
from model.alphabet import Alphabet
from model.metrics.normaliser import get_normaliser
from model.pretrained import TINY_PRETRAINED
from pipeline.config import load_config
from pipeline.own_data.configuration_file import configuration_text, literal
from pipeline.own_data.examination import examine
from pipeline.own_data.letters import find_letters
from pipeline.own_data.plan import ENGLISH, MULTILINGUAL, make_plan
from pipeline.sources import find_sources, with_absolute_sources
from pipeline.workspace import Workspace
from tests.own_recordings import GREEK, rows_of, sound, table
from tests.passing_metrics import METRICS, replaced

PROJECT = Path(__file__).parents[3]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory."""
    directory = tmp_path / "here"
    directory.mkdir()
    monkeypatch.chdir(directory)
    return directory


RUFF = (
    ("check", "--isolated"),
    ("check", "--isolated", "--select=E,F,I,UP,B,W,Q", "--line-length=120", "--target-version=py310"),
    ("format", "--check", "--isolated", "--line-length=120"),
)


def require_formatted(path):
    """Checks that ruff has nothing to say of a file: its own rules, then more of them with the length of our lines."""
    ruff = Path(sys.executable).with_name("ruff")
    for arguments in RUFF:
        done = subprocess.run([ruff, *arguments, path], capture_output=True, text=True, check=False, cwd=PROJECT)
        assert done.returncode == 0, done.stdout + done.stderr


def test_from_a_folder_to_a_configuration_that_runs(here, call, tmp_path):
    table(tmp_path / "speech" / "μεταγραφές.tsv", rows_of(tmp_path / "speech"))
    code, said, error = call("init", tmp_path / "speech", "--checkpoint", TINY_PRETRAINED)
    assert (code, error) == (0, "")
    for words in ("24 recordings by 6 speakers", "WAV 16 kHz (24)", "train: ", "test: ", "(Greek)", "yours to decide",
                  "w2v2 run --config my_run.py"):  # fmt: skip
        assert words in said
    assert sorted(path.name for path in here.iterdir()) == ["my_run.py"]
    require_formatted(here / "my_run.py")
    config = load_config("my_run.py")
    assert config.name == "my_run"
    assert config.corpus.source == str(tmp_path / "speech" / "μεταγραφές.tsv")
    assert config.ingest.alphabet == Alphabet("".join(sorted(set("".join(GREEK).lower()) - set(" !;."))))
    assert config.checkpoint.source == str(TINY_PRETRAINED)
    assert config.checkpoint.new_head
    assert (config.gate.max_silence_words, config.gate.max_noise_words, config.gate.max_wer) == (0, 0, 0.3)
    assert (config.release.name, config.release.language) == ("wav2vec2-my_run", "el")
    assert config.evaluation.normaliser == "librispeech"
    sources = find_sources(with_absolute_sources(config), Workspace(tmp_path / "workspace"))
    assert list(sources.vocabulary)[5:] == list(config.ingest.letters[:-1])


def test_what_was_said_of_rejects_and_splits_is_what_ingest_does(here, call, tmp_path):
    speech = tmp_path / "speech"
    rows = rows_of(speech, speakers=9, each=3)
    rows[0] = (rows[0][0], "Δωμάτιο 7", rows[0][2])
    rows.append(("clips/none.wav", "Δεν είναι εδώ.", "speaker-0"))
    (speech / "clips" / "broken.wav").write_bytes(b"RIFF no sound")
    rows.append(("clips/broken.wav", "Χαλασμένο.", "speaker-1"))
    sound(speech / "clips" / "long.wav", seconds=36)
    rows.append(("clips/long.wav", "Πολύ μεγάλο.", "speaker-2"))
    sound(speech / "clips" / "other.aiff")
    rows.append(("clips/other.aiff", "Άλλο.", "speaker-4"))
    sound(speech / "clips" / "short.wav", seconds=0.02)
    rows.append(("clips/short.wav", "Ναι.", "speaker-3"))
    rows.append(rows[1])
    table(speech / "speech.tsv", rows)
    code, said, _ = call("init", speech, "--json", "--checkpoint", "tiny")
    assert code == 0
    told = json.loads(said)
    config = load_config("my_run.py")
    info = ingest(speech / "speech.tsv", tmp_path / "records", tmp_path / "staging", config.ingest)
    assert info["rejected"] == len(told["rejects"]) == 7
    assert info["written"] == 26
    assert {name: split["utterances"] for name, split in info["splits"].items()} == {
        name: split["utterances"] for name, split in told["splits"].items()
    }
    assert {name: split["words"] for name, split in info["splits"].items()} == {
        name: split["words"] for name, split in told["splits"].items()
    }
    assert config.ingest.max_reject_fraction == 0.213


@pytest.mark.parametrize("layout", ["headless", "texts", "one speaker", "two speakers", "splits", "splits without dev"])
def test_what_ingest_cannot_read_as_it_lies_gets_a_manifest(here, call, tmp_path, layout):
    speech = tmp_path / "speech"
    speakers = {"one speaker": 1, "two speakers": 2}.get(layout, 5)
    rows = rows_of(speech, speakers=speakers, each=20 // speakers)
    header = ("audio", "text", "speaker")
    if layout == "headless":
        header = ()
    elif layout == "texts":
        for path, text, _ in rows:
            (speech / path).with_suffix(".txt").write_text(text, encoding="utf-8")
    elif layout.startswith("splits"):
        given = ("train", "train", "train", "train" if "without" in layout else "dev", "test")
        rows = [(*row, given[int(row[2][-1])]) for row in rows]
        header = (*header, "split")
    if layout != "texts":
        table(speech / "speech.tsv", rows, header)
    code, said, error = call("init", speech, "--checkpoint", "tiny", "--output", "mine.py")
    assert (code, error) == (0, "")
    config = load_config("mine.py")
    needs = layout != "splits"
    assert (here / "mine.tsv").is_file() == needs
    assert config.corpus.source == str(here / "mine.tsv" if needs else speech / "speech.tsv")
    info = ingest(config.corpus.source, tmp_path / "records", tmp_path / "staging", config.ingest)
    assert info["written"] == 20
    assert set(info["splits"]) == {"train", "validation", "test"}
    assert info["speakers_known"] == layout.startswith("splits")
    require_formatted(here / "mine.py")
    flat = " ".join(said.split())
    if "speaker" in layout:
        people = "one person speaks" if speakers == 1 else "2 people speak"
        assert f"Only {people}, so the splits part recordings and not people" in flat
    if layout in ("headless", "texts"):
        assert "Nobody says who speaks, so each recording counts as a speaker of its own" in flat
    if layout == "splits without dev":
        assert "Nobody validates in the splits given; a tenth of those who train does." in flat


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (("train", "test"), "speaker-0 speaks in the splits train and test, so that the splits given are not used"),
        (("a", "b"), r"No split is called train \(there are a, b\)"),
        (("train", "dev"), "No split is there to test on"),
    ],
)
def test_splits_that_cannot_be_used_are_made_anew(here, call, tmp_path, given, reason):
    rows = rows_of(tmp_path / "speech")
    alternating = "speaks in" in reason
    rows = [(*row, given[(index if alternating else int(row[2][-1])) % 2]) for index, row in enumerate(rows)]
    table(tmp_path / "speech" / "speech.tsv", rows, ("audio", "text", "speaker", "split"))
    code, said, _ = call("init", tmp_path / "speech", "--checkpoint", "tiny")
    assert code == 0
    assert re.search(reason, " ".join(said.split()))
    config = load_config("my_run.py")
    info = ingest(config.corpus.source, tmp_path / "records", tmp_path / "staging", config.ingest)
    assert set(info["splits"]) == {"train", "validation", "test"}


def test_where_too_little_is_left_one_sentence_says_why(here, call, tmp_path):
    rows = [(path, "Δωμάτιο 7" if index else "Δωμάτιο", who) for index, (path, _, who) in enumerate(rows_of(tmp_path))]
    table(tmp_path / "speech.tsv", rows)
    code, _, error = call("init", tmp_path / "speech.tsv", "--checkpoint", "tiny")
    assert code == 3
    message = r"1 of 24 can be used, and these are all in train \(In line 3, the transcript holds '7', .*\); mend"
    assert re.search(message, " ".join(error.split()))


def test_what_is_odd_is_said(here, call, tmp_path):
    speech = tmp_path / "speech"
    rows = rows_of(speech)
    sound(speech / "clips" / "0-0.wav", level=0)
    sound(speech / "clips" / "0-1.wav", level=3)
    (speech / "clips" / "0-2.wav").write_bytes((speech / "clips" / "0-3.wav").read_bytes())
    rows[4] = (rows[4][0], "πολύ γρήγορα " * 10, rows[4][2])
    rows[5] = (rows[5][0], "με wifi", rows[5][2])
    rows.append(("clips/none.wav", "ζώα", "speaker-0"))
    sound(speech / "extra.flac")
    table(speech / "speech.tsv", rows)
    code, said, _ = call("init", speech, "--json", "--checkpoint", "tiny")
    assert code == 0
    remarks = [" | ".join([one["text"], *one["examples"]]) for one in json.loads(said)["remarks"]]
    for expected in (
        "To be left out, each with its reason in rejects.jsonl: 2 of 25 recordings. | In line 7, the transcript holds",
        "No letters of the alphabet, so that recordings with them are left out: i (2) f (1) w (1).",
        "Not there: 1 file of the table. | none.wav",
        "Without a transcript, and not used: 1 recording. | extra.flac",
        "Silent, of 24 that were listened to: 1 recording. | 0-0.wav",
        "Recorded too loud, of 24 that were listened to: 1 recording. | 0-1.wav",
        "With the content of another one: 1 file. | 0-3.wav = 0-2.wav",
        "Too long for their recording, more than 35 characters a second: 1 transcript. | 1-0.wav",
        "There are 0 minutes to train on, less than an hour.",
    ):
        assert any(expected in remark for remark in remarks), (expected, remarks)


def test_a_guess_at_turkish_is_a_warning(here, call, tmp_path):
    table(tmp_path / "speech.tsv", rows_of(tmp_path, texts=["Işık ılık", "Kapı açık", "Iyi kış", "İyi"]))
    code, said, _ = call("init", tmp_path, "--json", "--checkpoint", "tiny")
    assert code == 0
    (level,) = [one["level"] for one in json.loads(said)["remarks"] if "so I becomes ı" in one["text"]]
    assert level == "warning"


def test_nothing_is_written_over(here, call, tmp_path):
    table(tmp_path / "speech" / "speech.tsv", rows_of(tmp_path / "speech"))
    options = ("init", tmp_path / "speech", "--checkpoint", "tiny")
    assert call(*options)[0] == 0
    before = (here / "my_run.py").read_bytes()
    code, _, error = call(*options, "--steps", 7)
    assert code == 2
    assert "writes over no file, and" in error
    assert "add --force to replace it, or name another --output" in error
    assert (here / "my_run.py").read_bytes() == before
    assert call(*options, "--steps", 7, "--force")[0] == 0
    assert load_config("my_run.py").train.steps == 7
    (here / "other.tsv").write_text("precious")
    code, _, error = call(*options, "--output", "other.py", "--force")
    assert (code, (here / "other.tsv").read_text()) == (2, "precious")
    assert "other.tsv exists; name another --output" in error
    (here / "folder.py").mkdir()
    assert call(*options, "--output", "folder.py", "--force")[0] == 2


@pytest.mark.parametrize("is_older", [True, False])
def test_the_table_that_is_read_is_never_replaced(here, call, is_older):
    rows = rows_of(here)
    table(here / "my.tsv", rows)
    before = (here / "my.tsv").read_bytes()
    (here / "my.py").write_text('"""Mine."""\n') if is_older else None
    code, _, error = call("init", "my.tsv", "--output", "my.py", "--checkpoint", "tiny", "--force")
    assert code == 2
    assert "must be another file than the table that is read" in error
    assert "my.tsv itself; name another --output" in " ".join(error.split())
    code, _, error = call("init", ".", "--output", "my.py", "--checkpoint", "tiny", "--force")
    assert code == 2
    assert "my.tsv exists; name another --output" in " ".join(error.split())
    assert (here / "my.tsv").read_bytes() == before


def test_a_manifest_of_an_earlier_time_goes_where_none_is_needed(here, call, tmp_path):
    rows = rows_of(tmp_path / "speech")
    table(tmp_path / "speech" / "speech.tsv", rows, header=())
    options = ("init", tmp_path / "speech", "--checkpoint", "tiny", "--force")
    assert call(*options)[0] == 0
    assert (here / "my_run.tsv").is_file()
    table(tmp_path / "speech" / "speech.tsv", rows)
    assert call(*options)[0] == 0
    assert not (here / "my_run.tsv").exists()


def test_twice_the_same_gives_the_same_bytes_also_in_the_folder_itself(call, tmp_path, monkeypatch):
    speech = tmp_path / "speech"
    for path, text, _ in rows_of(speech):
        (speech / path).with_suffix(".txt").write_text(text, encoding="utf-8")
    monkeypatch.chdir(speech)
    assert call("init", "--checkpoint", "tiny")[0] == 0
    before = [(speech / name).read_bytes() for name in ("my_run.py", "my_run.tsv")]
    assert call("init", "--checkpoint", "tiny", "--force")[0] == 0
    assert [(speech / name).read_bytes() for name in ("my_run.py", "my_run.tsv")] == before


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("nowhere",), 2, "w2v2 init takes a folder or a table that exists, and .*nowhere does not; correct"),
        ((".",), 3, "Recordings must have transcripts"),
        (("speech", "--output", "run.txt"), 2, "--output must be a Python file that ends in .py, not 'run.txt'"),
        (("speech", "--output", "none/run.py"), 2, "--output must be in a directory that exists; .*none does not"),
        (("speech", "--language", "Greek"), 2, "--language must be an ISO 639 code of two or three small letters"),
        (("speech", "--case", "title"), 2, "--case must be lower, upper, keep or lower_turkic, not 'title'"),
        (("speech", "--checkpoint", "nowhere"), 2, "nowhere"),
        (("speech", "--checkpoint", "hf://x"), 2, "hf://owner/name"),
        (("speech", "--least-letter-count", "9999"), 3, "none occurs 9999 times; choose a lower --least-letter-count"),
        (("two.tsv",), 3, "There must be 3 recordings at least, .* to validate and to test, and 2 are there"),
        (("gone.tsv",), 3, r"none of the 3 that gone\.tsv names is \(.*a\.wav is not there\); correct the paths"),
    ],
)  # fmt: skip
def test_mistakes_end_in_one_sentence(here, call, options, code, message):
    rows = rows_of(here / "speech")
    table(here / "speech" / "speech.tsv", rows)
    table(here / "two.tsv", [(f"speech/{path}", text, speaker) for path, text, speaker in rows[:2]])
    table(here / "gone.tsv", [(f"{name}.wav", "α", name) for name in "abc"])
    if options == (".",):
        (here / "empty").mkdir()
        os.chdir(here / "empty")
    found, out, error = call("init", *options)
    assert (found, out) == (code, "")
    assert re.search(message, " ".join(error.split())), error
    assert not (here / "my_run.py").exists()


def test_english_keeps_its_head_and_another_language_gets_one(here, tmp_path):
    english = ["HELLO THERE", "IT IS ME", "GOOD MORNING", "WHO IS IT"]
    table(tmp_path / "en" / "speech.tsv", rows_of(tmp_path / "en", texts=english))
    found = examine(str(tmp_path / "en"), here / "run.tsv")
    plan = make_plan(found, Path("run.py"), None, None, None)
    assert (plan.checkpoint, plan.new_head, found.ingest.transcript_normaliser) == (ENGLISH, False, "english")
    choose = functools.partial(find_letters, language="en", keep_digits=True)
    found = examine(str(tmp_path / "en"), here / "run.tsv", choose)
    plan = make_plan(found, Path("run.py"), None, None, None)
    assert (plan.checkpoint, plan.new_head, found.ingest.transcript_normaliser) == (ENGLISH, True, "unicode")
    table(tmp_path / "el" / "speech.tsv", rows_of(tmp_path / "el"))
    found = examine(str(tmp_path / "el"), here / "run.tsv")
    plan = make_plan(found, Path("Mein Lauf (2).py"), None, None, None)
    assert (plan.checkpoint, plan.new_head, plan.is_small) == (MULTILINGUAL, True, False)
    assert plan.name == "mein-lauf-2"
    assert plan.margin > plan.detectable > 0


def test_without_spaces_the_gate_counts_characters(here, call, tmp_path):
    texts = ["今天天气很好，我们去公园。", "你好世界。", "他在学校里学习中文。", "明天可能会下雨吧。"]
    table(tmp_path / "zh" / "speech.tsv", rows_of(tmp_path / "zh", texts=texts))
    code, said, _ = call("init", tmp_path / "zh", "--checkpoint", "tiny")
    assert code == 0
    assert "errors are counted in characters" in " ".join(said.split())
    config = load_config("my_run.py")
    assert config.evaluation.normaliser == "characters"
    assert config.ingest.alphabet is not None
    assert not config.ingest.alphabet.word_spaces
    info = ingest(config.corpus.source, tmp_path / "records", tmp_path / "staging", config.ingest)
    assert info["written"] == 24
    require_formatted(here / "my_run.py")


def test_a_letter_is_counted_with_its_marks_as_the_evaluation_counts(here, tmp_path):
    texts = ["สวัสดีครับวันนี้อากาศดี", "ไปเที่ยวทะเลกัน", "ที่นี่", "น้ำ"]
    table(tmp_path / "speech.tsv", rows_of(tmp_path, texts=texts))
    found = examine(str(tmp_path), here / "run.tsv")
    compared = get_normaliser("characters")
    normal = [found.ingest.normalise(one.text) for one in found.transcripts.utterances]
    letters = sum(unicodedata.category(character)[0] != "M" for text in normal for character in text)
    assert sum(split.words for split in found.splits.values()) == letters < sum(map(len, normal))
    assert sum(len(compared(text).split()) for text in normal) == letters
    plan = make_plan(found, Path("run.py"), "tiny", None, None)
    assert plan.test_words == found.splits["test"].words


def test_rejects_for_their_sound_are_scaled_to_the_files_that_were_not_looked_at(here, tmp_path, monkeypatch):
    speech = tmp_path / "speech"
    rows = rows_of(speech, speakers=8, each=5)
    for path, _, _ in rows[::4]:
        (speech / path).write_bytes(b"RIFF no sound")
    rows[1] = (rows[1][0], "Δωμάτιο 7", rows[1][2])
    table(speech / "speech.tsv", rows)
    whole = examine(str(speech), here / "run.tsv")
    assert (len(whole.rejects), whole.rejected_sounds, whole.expected_rejects) == (11, 10, 11)
    monkeypatch.setattr("pipeline.own_data.sounds._MAX_HEADERS", 20)
    found = examine(str(speech), here / "run.tsv")
    # Every second path is looked at, so ten of twenty are broken; by the table, ten of forty are.
    assert (found.rejected_sounds, len(found.rejects), found.looked_at_share) == (10, 11, 0.5)
    assert found.expected_rejects == pytest.approx(1 + 20 + 2 * 2 * (10 * 0.5) ** 0.5)
    plan = make_plan(found, Path("run.py"), "tiny", None, None)
    assert plan.max_reject_fraction == 0.749
    assert "and by an estimate more of the files not looked at" in " ".join(
        configuration_text(found, plan, Path("run.py")).replace("#", "").split()
    )


def test_given_splits_need_no_three_speakers(here, call, tmp_path):
    rows = rows_of(tmp_path, speakers=2, each=6)
    given = {"speaker-0": "train", "speaker-1": "test"}
    header = ("audio", "text", "speaker", "split")
    table(tmp_path / "speech.tsv", [(*row, given[row[2]]) for row in rows], header)
    code, _, error = call("init", tmp_path, "--checkpoint", "tiny")
    assert code == 3
    assert "one alone speaks in the split train; leave the column split out" in " ".join(error.split())
    rows += [(path.replace("0-", "2-"), text, "speaker-2") for path, text, _ in rows[:6]]
    for index in range(6):
        sound(tmp_path / "clips" / f"2-{index}.wav", seed=900 + index)
    table(tmp_path / "speech.tsv", [(*row, {**given, "speaker-2": "train"}[row[2]]) for row in rows], header)
    assert call("init", tmp_path, "--checkpoint", "tiny")[0] == 0
    config = load_config("my_run.py")
    info = ingest(config.corpus.source, tmp_path / "records", tmp_path / "staging", config.ingest)
    assert {name: split["utterances"] for name, split in info["splits"].items()} == {
        "train": 6, "validation": 6, "test": 6
    }  # fmt: skip


def test_a_narrow_terminal_shows_all_of_it(here, tmp_path):
    table(tmp_path / "speech" / "speech.tsv", rows_of(tmp_path / "speech"))
    environment = {**os.environ, "COLUMNS": "60", "NO_COLOR": "1", "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "pipeline.cli", "init", tmp_path / "speech", "--checkpoint", "tiny"],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert "6 speakers" in " ".join(done.stdout.split())
    assert "w2v2 run --config my_run.py" in done.stdout


LETTERS = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"], exclude_characters="|"), min_size=1)


@pytest.fixture(scope="module")
def examined(tmp_path_factory):
    speech = tmp_path_factory.mktemp("speech")
    table(speech / "speech.tsv", rows_of(speech))
    return examine(str(speech), speech / "my_run.tsv")


@settings(max_examples=40, deadline=None)
@given(text=LETTERS)
def test_any_alphabet_is_written_so_that_it_is_read_again(examined, tmp_path_factory, text):
    import dataclasses

    letters = "".join(dict.fromkeys(text))
    kept = "".join(one for one in letters if unicodedata.normalize("NFC", one) == one)
    if not kept:
        return
    alphabet = Alphabet(kept, case="keep")
    found = dataclasses.replace(examined, letters=dataclasses.replace(examined.letters, alphabet=alphabet))
    path = tmp_path_factory.mktemp("written") / "run.py"
    plan = make_plan(found, path, "tiny", 10, 0.5)
    path.write_text(configuration_text(found, plan, path), encoding="utf-8")
    assert load_config(str(path)).ingest.alphabet == alphabet


def test_large_alphabets_are_formatted(examined, tmp_path):
    import dataclasses

    for first, count in ((0x4E00, 900), (0x0905, 50), (0xAC00, 400), (0x0300, 60), (0x0430, 32)):
        text = "".join(chr(first + index) for index in range(count))
        letters = find_letters([f"{text} "] * 2 + ["xx"]).alphabet if first != 0x0300 else Alphabet(
            "".join(one for one in text if unicodedata.normalize("NFC", one) == one) + "'\"\\")  # fmt: skip
        found = dataclasses.replace(examined, letters=dataclasses.replace(examined.letters, alphabet=letters))
        path = tmp_path / "run.py"
        path.write_text(configuration_text(found, make_plan(found, path, "tiny", 10, 0.5), path), encoding="utf-8")
        require_formatted(path)
        assert load_config(str(path)).ingest.alphabet == letters


@given(text=st.text())
def test_texts_are_written_as_python(text):
    assert eval(literal(text)) == text


def test_the_gate_that_is_written_stays_closed_for_a_bad_model(examined, tmp_path):
    path = tmp_path / "run.py"
    path.write_text(configuration_text(examined, make_plan(examined, path, "tiny", 10, None), path), encoding="utf-8")
    gate = load_config(str(path)).gate
    assert isinstance(gate, GateSettings)
    # On splits of 10 utterances and 100 words, as its margins are for.
    good = decide(METRICS, gate)
    assert good.verdict == "ACCEPT", [check for check in good.checks if check.verdict == "FAIL"]
    for change, failed in (
        (replaced(0.31, "splits", "test-clean", "words", "wer"), "max_wer/test-clean"),
        (replaced({"alone": "ηφη", "onnx": ""}, "silence", 0, "texts"), "silence_words"),
        (replaced(None, "splits", "test-clean", "words", "wer"), "max_wer/test-clean"),
    ):
        decision = decide(change, gate)
        assert decision.verdict == "REJECT"
        assert failed in [check.name for check in decision.checks if check.verdict == "FAIL"]
