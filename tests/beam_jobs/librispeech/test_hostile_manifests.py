"""Manifests as they may come: every line becomes a record or a reject, or the whole is refused in one sentence.

What was drawn says what must become of it; the job is not asked.
"""

import json
import os
import re
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.hostile_job import (
    BLANKS,
    ID3,
    MAX_SAMPLES,
    UNDECODABLE,
    encoded,
    noise,
    normal,
    poke,
    rarely,
    require_rejects,
    run,
    shown,
    with_length,
)


def cut(content, fraction=0.6):
    return content[: int(len(content) * fraction)]


def with_nan(samples):
    values = samples / 32_768
    values[7] = np.nan
    return encoded(values, kind="WAV", subtype="FLOAT")


# Of sound: how its file is called, what it holds, and the reason of its reject; None where it is written.
RECORDINGS = {
    "WAV": ("wav", lambda samples: encoded(samples, kind="WAV"), None),
    "FLAC": ("flac", encoded, None),
    "tagged FLAC": ("flac", lambda samples: ID3 + encoded(samples), None),
    "three channels": ("wav", lambda samples: encoded(np.stack([samples] * 3, axis=1), kind="WAV"), None),
    "FLAC, called MP3": ("mp3", encoded, None),
    "empty": ("wav", lambda _: b"", r"is an empty file"),
    "text": ("mp3", lambda _: b"no sound", r"Format not recognised"),
    "pointer": ("flac", lambda _: b"version https://git-lfs.github.com/spec/v1\n", r"Git LFS pointer"),
    "WAV, cut": ("wav", lambda samples: cut(encoded(samples, kind="WAV")), r"promises 1800 bytes .* and holds 1062"),
    "FLAC, cut": ("flac", lambda samples: cut(encoded(samples)), UNDECODABLE),
    "OGG, cut": ("ogg", lambda s: cut(encoded(s, kind="OGG", subtype="VORBIS"), 0.9), r"last page|no sample|decoded"),
    "MD5 lies": ("flac", lambda samples: poke(encoded(samples), [(30, 1)]), r"holds other sound than the MD5"),
    "promises nothing": ("flac", lambda samples: with_length(encoded(samples), 0), r"in its header how long it is"),
    "promises far more": ("flac", lambda s: with_length(encoded(s), (1 << 36) - 1), r"0\.125 s long at most"),
    "3 kHz": ("wav", lambda samples: encoded(samples, 3_000, "WAV"), r"must have a rate of 4000 to 384000 Hz"),
    "not a number": ("wav", with_nan, r"holds NaN or infinity"),
    "AIFF": ("aiff", lambda samples: encoded(samples, kind="AIFF"), r"must be WAV, FLAC, OGG or MP3, and is AIFF"),
    "too short": ("wav", lambda samples: encoded(samples[:399], kind="WAV"), r"400 samples at least, and has 399"),
    "too long": (
        "wav",
        lambda samples: encoded(np.tile(samples, 3), kind="WAV"),
        r"0\.125 s long at most, and is 0\.2 s",
    ),
}
# What is not read bit by bit, and what mutations of it may be.
LOSSY = {
    "44.1 kHz": ("wav", lambda samples: encoded(samples, 44_100, "WAV")),
    "8 bits": ("wav", lambda samples: encoded(samples, kind="WAV", subtype="PCM_U8")),
    "24 bits": ("flac", lambda samples: encoded(np.stack([samples] * 2, axis=1), 22_050, subtype="PCM_24")),
    "Vorbis": ("ogg", lambda samples: encoded(samples, kind="OGG", subtype="VORBIS")),
    "Opus": ("ogg", lambda samples: encoded(samples, kind="OGG", subtype="OPUS")),
    "MP3": ("mp3", lambda samples: encoded(samples, kind="MP3", subtype="MPEG_LAYER_III")),
}
ODD_RECORDINGS = {
    "missing": (lambda path: None, r"must be a file that can be read: No such file"),
    "directory": (lambda path: path.mkdir(), r"must be a file that can be read: Is a directory"),
    "pipe": (os.mkfifo, r"is a pipe or a device"),
    "device": (lambda path: path.symlink_to("/dev/zero"), r"is a pipe or a device"),
    "dangling link": (lambda path: path.symlink_to("nowhere"), r"must be a file that can be read: No such file"),
    "link to itself": (lambda path: path.symlink_to(path.name), r"must be a file that can be read: Too many levels"),
}
# Of lines: the audio that they name, and what is said of it.
ODD_PATHS = {
    "above": ("../up/{audio}", "must stay in the manifest's directory"),
    "web": ("https://host/{audio}", "must be a path or gs://BUCKET/NAME"),
    "bucket": ("gs://bucket/../{audio}", "must have no empty part and no dots alone"),
    "backslash": ("clips\\{audio}", "must have forward slashes"),
    "bell": ("clips/\a{audio}", "must have no control characters"),
    "separator": ("clips/\u2028{audio}", "must have no control characters"),
    "endless": ("c/" * 1_000 + "{audio}", "must have 2000 characters at most"),
    "none": ("", "there is no path of the audio"),
}
ODD_LINES = ["same id", "same audio", "same audio, absolute", "Latin-1", "endless line", "endless text", "no text",
             "digits", "accent", "no word", "too few", "too many", "blank id", "split", "offset"]  # fmt: skip
ODD_JSON = ["broken", "list", "number", "twice", "half", "deep", "deep and broken", "huge number"]
COLUMNS = ["audio", "text", "speaker", "split", "id", "note", "offset"]
# What is not heard is no word; what is spoken and has no letter would be lost, and is drawn apart.
SILENT_BLANKS = BLANKS.filter(lambda blank: blank != "\t")


class Manifest:
    """A manifest that was drawn, and what must become of each of its lines.

    Attributes:
      content: Of the manifest.
      files: Content by path below its directory, or what makes it.
      written: By id: samples, or None where they are not exact; transcript; split.
      uncertain: Ids that may be written or rejected.
      heard: Ids that are rejected when their sound is read, by split.
      rejects: Id, path and the regular expression of the reason.
      refused: Regular expressions, one of which a refusal must match.
    """

    def __init__(self):
        self.content = b""
        self.files = {}
        self.written = {}
        self.uncertain = set()
        self.heard = set()
        self.rejects = []
        self.refused = []

    def __repr__(self):
        return "\n".join(map(str, (self.content[:3_000], sorted(self.files), list(self.written), self.uncertain,
                                   self.rejects, self.refused)))  # fmt: skip


@st.composite
def manifests(draw):
    """Manifests as TSV or JSON lines; `{root}` in paths is their directory."""
    manifest = Manifest()
    is_json = draw(st.booleans())
    has_splits = draw(st.booleans())
    end = draw(st.sampled_from([b"\n", b"\n", b"\r\n"]))
    number = 0

    def add(line):
        nonlocal number
        manifest.content += line + end
        number += 1
        if rarely(draw, 100, True):
            blank = draw(st.sampled_from([b"", b"   ", b"\x0c"]))
            manifest.content += blank + end
            number += 1

    def formed(fields):
        if is_json:
            kept = {key: value for key, value in fields.items() if value or draw(st.booleans())}
            return json.dumps(kept, ensure_ascii=draw(st.booleans())).encode()
        return "\t".join(fields[column] for column in COLUMNS).encode()

    if not is_json:
        add("\t".join(COLUMNS).encode())
    first_line = number + 1
    splits = ["train", "validation", "test"]
    for index in range(3 + draw(st.integers(0, 6))):
        is_anchor = index < 3
        split = splits[index] if is_anchor else draw(st.sampled_from([*splits, "other"]))
        name, transcript = f"u{index}", draw(st.lists(st.sampled_from(["hi", "It's", "WORLD"]), min_size=1, max_size=4))
        text = transcript[0] + "".join(draw(SILENT_BLANKS) + word for word in transcript[1:])
        fields = dict.fromkeys(COLUMNS, "") | {"id": name, "text": text, "note": "n\u00f6te"}
        fields["split"] = split if has_splits else ""
        fields["speaker"] = draw(st.sampled_from(["", f"of {split} \u00e9" if has_splits else f"speaker {index}"]))
        kind = (
            "WAV"
            if is_anchor
            else draw(
                st.sampled_from(
                    sorted(RECORDINGS)
                    + sorted(LOSSY)
                    + ["mutated"] * 4
                    + sorted(ODD_RECORDINGS)
                    + sorted(ODD_PATHS)
                    + ["long name", "absolute", "roundabout"]
                )
            )
        )
        line = "good" if is_anchor else draw(st.sampled_from(["good"] * 30 + ODD_LINES + ODD_JSON * is_json))
        if line != "good":
            kind = "WAV"
        audio, path, reason = draw_recording(draw, manifest, fields, kind, noise((77, index)), index)
        fields["audio"] = audio
        if line == "good":
            if reason is None or reason is ...:
                exact = noise((77, index)) if kind in [*RECORDINGS, "absolute", "roundabout"] else None
                manifest.written[name] = (exact, normal(text), fields["split"], path)
                if reason is ...:
                    manifest.uncertain.add(name)
            else:
                place = path or f"speech.list:{number + 1}"
                manifest.rejects.append((name, shown(place), reason))
                if kind not in ODD_PATHS:
                    manifest.heard.add(name)
            add(formed(fields))
        else:
            add(draw_odd_line(manifest, formed, fields, line, number + 1, first_line))
    whole = rarely(draw, 30, *range(6))
    if whole == 0:
        manifest.content = b"\xef\xbb\xbf" + manifest.content
    elif whole == 1:
        manifest.content = b"\xff\xfe" + manifest.content.decode("utf-8", "replace").encode("utf-16-le")
        manifest.refused.append(r"A manifest must be UTF-8, and .* is UTF-16")
    elif whole == 2:
        fields = dict.fromkeys(COLUMNS, "") | {"audio": "clips/last.wav", "text": "hi", "speaker": "last"}
        fields["split"] = "" if has_splits else "train"
        add(formed(fields))
        manifest.refused.append(r"Either every line of a manifest has a split, or none has")
    elif whole == 3 and has_splits:
        for split in ("train", "test"):
            add(
                formed(
                    {
                        **dict.fromkeys(COLUMNS, ""),
                        "audio": f"{split}.wav",
                        "text": "hi",
                        "speaker": "x",
                        "split": split,
                    }
                )
            )
        manifest.refused.append(r"Splits must share no speaker, and in .* speaker x is in train .* and in test")
    elif whole == 4 and not is_json:
        manifest.content = manifest.content.replace(b"\t", b"|")
        manifest.refused.append(r"its first line is none: it must name the columns")
    elif whole == 5:
        manifest.content = draw(st.sampled_from([b"", b" \n\n", b"\0" * 600, b"\x89PNG\r\n\x1a\n", b"audio", b"[1]"]))
        manifest.refused.append(r"manifest.*(is empty|its first line is none|one JSON document)")
    return manifest


def draw_recording(draw, manifest, fields, kind, samples, index):
    """Puts sound in its place; returns what the line says of it, its path among the rejects, and the reason, if any."""
    name = f"clips/u {index}\u00e9"
    if kind in RECORDINGS:
        suffix, make, reason = RECORDINGS[kind]
        manifest.files[f"{name}.{suffix}"] = make(samples)
        return f"{name}.{suffix}", f"{name}.{suffix}", reason
    if kind in LOSSY:
        suffix, make = LOSSY[kind]
        manifest.files[f"{name}.{suffix}"] = make(np.repeat(samples, 2) // 2 if kind == "44.1 kHz" else samples)
        return f"{name}.{suffix}", f"{name}.{suffix}", None
    if kind == "mutated":
        makers = [*((suffix, make) for suffix, make, reason in RECORDINGS.values() if reason is None), *LOSSY.values()]
        suffix, make = draw(st.sampled_from(makers))
        content = make(samples)
        places = st.tuples(st.integers(0, 63) | st.integers(0, len(content)), st.integers(1, 255))
        content = poke(content, draw(st.lists(places, min_size=1, max_size=3)))
        manifest.files[f"{name}.{suffix}"] = content[: draw(st.none() | st.integers(1, len(content)))]
        return f"{name}.{suffix}", f"{name}.{suffix}", ...
    if kind in ODD_RECORDINGS:
        make, reason = ODD_RECORDINGS[kind]
        manifest.files[f"{name}.wav"] = make
        return f"{name}.wav", f"{name}.wav", reason
    if kind in ODD_PATHS:
        path, reason = ODD_PATHS[kind]
        path = path.format(audio=f"u{index}.wav")
        return path, path[:200], reason
    if kind == "long name":
        path = f"clips/{'n' * 300}{index}.wav"
        return path, path, r"must be a file that can be read: File name too long"
    manifest.files[f"{name}.flac"] = encoded(samples)
    path = f"{{root}}/{name}.flac" if kind == "absolute" else f"./x//../{name}.flac"
    return path, f"{name}.flac", None


def draw_odd_line(manifest, formed, fields, kind, number, first_line):
    """Returns a line with which something is wrong, and notes what must be said of it."""
    name, audio = fields["id"], fields["audio"]
    told, place = name, audio
    unread = (f"line-{number}", f"speech.list:{number}")
    reason = ""
    line = None
    if kind == "same id":
        fields["id"] = told = "u0"
        reason = rf"the id 'u0' stands in line {first_line} already"
    elif kind.startswith("same audio"):
        fields["audio"] = place = ("{root}/" if "absolute" in kind else "./") + "clips/u 0\u00e9.wav"
        reason = rf"the audio '.*clips/u 0\u00e9\.wav' stands in line {first_line} already"
    elif kind == "Latin-1":
        line = formed({**fields, "text": "caf"}).replace(b"caf", b"caf\xe9")
        reason = r"the text must be UTF-8, and has the byte 0xe9"
    elif kind == "endless line":
        line = formed({**fields, "note": "n" * 10_000})
        reason = r"there must be 10000 characters at most"
    elif kind == "endless text":
        fields["text"] = "a " * 2_501 + "a"
        reason = r"the transcript must have 5000 characters at most, and has 5003"
    elif kind == "no text":
        fields["text"] = ""
        reason = r"the transcript is empty"
    elif kind in ("digits", "accent"):
        fields["text"] = {"digits": "room 7", "accent": "caf\u00e9"}[kind]
        reason = r"the transcript holds '[7\u00e9]', which is spoken and would be lost"
    elif kind == "no word":
        fields["text"] = "... !"
        reason = r"the transcript holds no word"
    elif kind == "too few":
        line = b'{"audio"' if formed(fields).startswith(b"{") else audio.encode()
        reason = r"there must be 7 columns, as in the header, and there are 1|the JSON is broken"
    elif kind == "too many":
        line = formed(fields) + b"\tmore"
        if line.startswith(b"{"):
            line += b"}"
        reason = r"there must be 7 columns, as in the header, and there are 8|the JSON is broken: Extra data"
    elif kind == "blank id":
        fields["id"] = told = "a b/c"
        reason = r"the id must have neither blanks nor slashes, and is 'a b/c'"
    elif kind == "split":
        fields["split"] = "../x"
        reason = r"the split must be a name of letters, digits, - and _"
    elif kind == "offset":
        fields["offset"] = "1.5"
        reason = r"there is an offset into a longer file, which is not read"
    elif kind == "half":
        line = json.dumps({**fields, "text": "a \ud800"}).encode()
        manifest.rejects.append((told, shown(place), rf"In line {number}, the transcript holds half a character"))
        return line
    else:
        line, reason = {
            "broken": (formed(fields)[:-1], "the JSON is broken"),
            "list": (b'["a.wav", "hi"]', "there must be a JSON object"),
            "number": (formed(fields)[:-1] + b', "transcript": 7}', "text stands twice|must be a string, and is '7'"),
            "twice": (formed(fields)[:-1] + b', "path": "b.wav"}', "audio stands twice, the second time as 'path'"),
            "deep": (
                formed(fields)[:-1] + b', "note": ' + b"[" * 900 + b"]" * 900 + b"}",
                "the JSON is broken: .*deep",
            ),
            "deep and broken": (b"[{" * 3_000, "the JSON is broken"),
            "huge number": (formed(fields)[:-1] + b', "note": ' + b"9" * 5_000 + b"}", "the JSON is broken"),
        }[kind]
    if line is not None:
        told, place = unread
    manifest.rejects.append((told, shown(place), rf"In line {number}, .*({reason})"))
    return formed(fields) if line is None else line


@settings(max_examples=50, deadline=None)
@given(manifest=manifests())
def test_of_a_manifest_no_line_is_lost(manifest):
    with tempfile.TemporaryDirectory() as place:
        root = Path(place) / "own" / "speech"
        (root / "clips").mkdir(parents=True)
        for name, content in manifest.files.items():
            if callable(content):
                content(root / name)
            else:
                (root / name).write_bytes(content)
        path = root / "speech.list"
        path.write_bytes(manifest.content.replace(b"{root}", str(root).encode()))
        outcome = run(path, place)
        event(f"error: {type(outcome.error).__name__}")
        check_manifest(manifest, outcome, root)


def check_manifest(manifest, outcome, root):
    """Compares an outcome with what was drawn."""
    if manifest.refused:
        assert outcome.error is not None
        assert any(re.search(reason, str(outcome.error)) for reason in manifest.refused), outcome.error
        return
    certain = set(manifest.written) - manifest.uncertain
    if outcome.error is not None:
        match = re.search(r"The split (\S+) must hold an utterance, and all of its", str(outcome.error))
        assert match, outcome.error
        has_splits = any(split for _, _, split, _ in manifest.written.values())
        assert manifest.uncertain | manifest.heard
        assert not has_splits or match[1] not in {manifest.written[name][2] for name in certain}
        return
    assert certain <= set(outcome.records) <= set(manifest.written)
    for name, utterance in outcome.records.items():
        samples, transcript, _, _ = manifest.written[name]
        if samples is not None:
            np.testing.assert_array_equal(utterance.samples, samples)
        assert 400 <= len(utterance.samples) <= MAX_SAMPLES
        assert (utterance.transcript, utterance.subset, utterance.chapter_id) == (transcript, "speech", "")
    expected = [*manifest.rejects]
    expected += [(name, manifest.written[name][3], "") for name in manifest.uncertain - set(outcome.records)]
    expected = [(name, path.replace("{root}", str(root)), reason) for name, path, reason in expected]
    require_rejects(outcome, expected)
    for reject in outcome.rejects:
        assert reject["path"].startswith("/") or str(root) not in reject["reason"], reject


# What was found with the test above, one by one.


def rejects_of(tmp_path, *lines, name="speech.tsv"):
    """Makes a manifest of four recordings and some more lines; returns its rejects by id."""
    root = tmp_path / "own"
    root.mkdir()
    rows = ["audio\ttext\tspeaker\tsplit"] if name.endswith(".tsv") else []
    for number, split in enumerate(["train", "validation", "test", "test"]):
        (root / f"{number}.wav").write_bytes(encoded(noise(number), kind="WAV"))
        row = {"audio": f"{number}.wav", "text": "hi", "speaker": split, "split": split}
        rows.append("\t".join(row.values()) if name.endswith(".tsv") else json.dumps(row))
    (root / name).write_text("\n".join([*rows, *lines]) + "\n", encoding="utf-8")
    outcome = run(root / name, tmp_path)
    assert outcome.error is None, outcome.error
    assert len(outcome.records) == 4
    return {reject["path"]: reject["reason"] for reject in outcome.rejects}


def test_a_reason_names_a_recording_as_its_manifest_does(tmp_path):
    assert rejects_of(tmp_path, "clips/none.wav\thi\tanna\ttrain") == {
        "clips/none.wav": "clips/none.wav must be a file that can be read: No such file or directory."
    }


def test_a_name_that_is_too_long_for_the_file_system_is_a_reject(tmp_path):
    name = f"{'n' * 300}.wav"
    assert rejects_of(tmp_path, f"{name}\thi\tanna\ttrain") == {
        name: f"{name} must be a file that can be read: File name too long."
    }


def test_what_a_line_says_is_escaped_among_the_rejects(tmp_path):
    assert rejects_of(tmp_path, "a\u2028b.wav\thi\tanna\ttrain") == {
        r"a\u2028b.wav": r"In line 6, the audio must have no control characters, and is 'a\u2028b.wav'."
    }


def test_how_deep_a_line_may_be_depends_on_the_line_alone(tmp_path):
    def line(depth):
        return '{"audio": "x.wav", "text": "hi [{[", "split": "train", "note": ' + "[" * depth + "]" * depth + "}"

    assert rejects_of(tmp_path, line(99), line(100), line(980), name="speech.jsonl") == {
        "x.wav": "x.wav must be a file that can be read: No such file or directory.",
        "speech.jsonl:6": "In line 6, the JSON is broken: it is more than 100 lists and objects deep.",
        "speech.jsonl:7": "In line 7, the JSON is broken: it is more than 100 lists and objects deep.",
    }


def test_a_manifest_whose_name_is_no_utf_8_is_read(tmp_path):
    assert rejects_of(tmp_path, "broken", name="stimme\udcf6.tsv") == {
        r"stimme\udcf6.tsv:6": "In line 6, there must be 4 columns, as in the header, and there are 1."
    }
