"""Trees in LibriSpeech's layout with faults in them, drawn together with what must become of each file and line."""

import os
import re
from collections import defaultdict

import numpy as np
from hypothesis import strategies as st

from tests.hostile_job import (
    BLANKS,
    ID3,
    UNDECODABLE,
    encoded,
    noise,
    normal,
    patched,
    poke,
    rarely,
    require_rejects,
    shown,
    with_channels,
    with_length,
    with_rate,
)

# Of sound: what its file holds, and the reason of its reject; None where it is written.
SOUNDS = {
    "good": (encoded, None),
    "shortest": (lambda samples: encoded(samples[:400]), None),
    "without MD5": (lambda samples: patched(encoded(samples), 26, bytes(16)), None),
    "tagged": (lambda samples: ID3 + encoded(samples), None),
    "something after it": (lambda samples: encoded(samples) + b"TAG" + bytes(125), None),
    "WAV": (lambda samples: encoded(samples, kind="WAV"), None),
    "WAV, cut": (lambda samples: encoded(samples, kind="WAV")[:1_000], r"promises 1800 bytes .* and holds 956"),
    "AIFF": (lambda samples: encoded(samples, kind="AIFF"), r"must be FLAC or WAV, and is AIFF"),
    "empty": (lambda _: b"", r"is an empty file"),
    "text": (lambda _: b"no sound at all", r"Format not recognised"),
    "pointer": (lambda _: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", r"Git LFS pointer"),
    "MD5 lies": (lambda samples: poke(encoded(samples), [(30, 1)]), r"holds other sound than the MD5"),
    "tagged, MD5 lies": (lambda samples: ID3 + poke(encoded(samples), [(30, 1)]), r"holds other sound than the MD5"),
    "promises more": (lambda samples: with_length(encoded(samples), 901), UNDECODABLE),
    "promises less": (lambda samples: with_length(encoded(samples), 899), UNDECODABLE),
    "promises far more": (lambda s: with_length(encoded(s), (1 << 36) - 1), r"at most, and has 68719476735"),
    "promises nothing": (lambda samples: with_length(encoded(samples), 0), r"say in its header how long it is"),
    "says 8 kHz": (lambda samples: with_rate(encoded(samples), 8_000), r"rate must be 16000 Hz, and is 8000 Hz"),
    "says two channels": (lambda samples: with_channels(encoded(samples), 2), UNDECODABLE),
    "8 kHz": (lambda samples: encoded(samples, 8_000), r"rate must be 16000 Hz, and is 8000 Hz"),
    "two channels": (lambda samples: encoded(np.stack([samples] * 2, axis=1)), r"one channel, and has 2"),
    "24 bits": (lambda samples: encoded(samples, subtype="PCM_24"), r"16-bit samples, and has PCM_24"),
    "Vorbis": (lambda samples: encoded(samples, kind="OGG", subtype="VORBIS"), r"must be FLAC or WAV, and is OGG"),
    "too short": (lambda samples: encoded(samples[:399]), r"400 samples at least, and has 399"),
    "too long": (lambda samples: encoded(np.tile(samples, 3)), r"2000 samples at most, and has 2700"),
}  # fmt: skip
# What lies there in place of a file. Of a pipe, a socket or a device, nobody may wait for an end.
ODD_FILES = {
    "missing": (lambda path: None, None),
    "directory": (lambda path: path.mkdir(), None),
    "pipe": (os.mkfifo, r"is a pipe or a device"),
    "device": (lambda path: path.symlink_to("/dev/zero"), r"is a pipe or a device"),
    "link": (lambda path: path.symlink_to("../../../../elsewhere.flac"), None),
}

WORDS = st.lists(st.sampled_from(["hello", "It's", "WORLD", "o\u2019clock", "a"]), min_size=1, max_size=5)
# What stands behind an id, and why it is no transcript.
WORDLESS = {
    "empty": (b"   ", r"Its transcript holds no word\."),
    "id alone": (b"", r"Its transcript is empty\."),
    "digits": (b" 123 -- 7", r"Its transcript holds no word\."),
    "lossy": (
        " ROOM 7, CAF\u00c9".encode(),
        r"Its transcript holds '7 \u00c9', which is spoken and would be lost; write",
    ),
}
LINES = ["good", "missing", "twice", "Latin-1", *WORDLESS, "long", "foreign", "tab", "NUL"]


class Tree:
    """A corpus that was drawn, and what must become of it.

    Attributes:
      files: Content by path, or what makes it.
      records: Candidates for a record by id: path of the sound, samples, transcript, and the reason against it, if any;
        `...` where the sound may be read or not.
      rejects: Id, path and the regular expression of the reason, of what is rejected unheard.
      refused: Regular expressions, one of which a refusal of the whole corpus must match.
      is_plain: Whether an archive may hold it.
    """

    def __init__(self):
        self.files = {}
        self.records = defaultdict(list)
        self.rejects = []
        self.refused = []
        self.is_plain = True

    def __repr__(self):
        files = {name: content[:400] if name.endswith(".txt") else len(content) for name, content in self.files.items()
                 if isinstance(content, bytes)}  # fmt: skip
        others = [name for name in self.files if name not in files]
        candidates = [(name, *one[:1], *one[2:]) for name, found in self.records.items() for one in found]
        return "\n".join(map(str, (files, others, candidates, self.rejects, self.refused)))

    def write(self, root):
        """Makes the tree below a directory."""
        for name, content in self.files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if callable(content):
                content(path)
            else:
                path.write_bytes(content)

    def reject(self, name, path, reason):
        self.rejects.append((shown(name), shown(path), reason))


ELSEWHERE = noise(9_999, 700)
# Subset, speaker, chapter. One chapter is in two subsets of a split.
CHAPTERS = [
    ("train-a", "101", "7"),
    ("dev-a", "103", "7"),
    ("test-a", "104", "7"),
    ("train-b", "101", "7"),
    ("train b", "105", "x"),
    ("test-b.2", "106", "é"),
]
# Two chapters whose ids are the same, in two splits.
SAME_IDS = [("train-a", "5", "6-7"), ("test-a", "5-6", "7")]
IGNORED = [
    ".DS_Store",
    "#notes#",
    "{prefix}-0000.flac~",
    "{prefix}-0000.flac.bak",
    "{prefix}.trans.txt~",
    "\udcff.txt",
    "a\nb",
]
UNTRANSCRIBED = [
    "._{prefix}-0000",
    "\udcff\udcfe",
    "{prefix}-\udce9",
    "{prefix}-a\nb",
    "{prefix}-\u2028",
    "{prefix}-" + "y" * 230,
    "",
    "a b",
    "other",
]
STRAYS = [
    "{chapter}/{prefix}-0000.FLAC",
    "{chapter}/a.wav",
    "{chapter}/b\n.Mp3",
    "{chapter}/deep/{prefix}-0000.flac",
    "{chapter}/../{prefix}-0000.flac",
    "{chapter}/../{prefix}.trans.txt",
    "{chapter}/d/\udcff.trans.txt",
]
ODD_DIRECTORIES = [
    ("train-a/10\udcff/7", "must have names in UTF-8 that can be printed"),
    ("train-a/101/a\nb", "must have names in UTF-8 that can be printed"),
    ("train-\u2028/108/7", "must have names in UTF-8 that can be printed"),
    ("train-a/108/x y", "those of speakers and chapters without blanks"),
    ("train-a/x y/7", "those of speakers and chapters without blanks"),
    ("test a/108/7", "must have a name of letters, digits"),
    ("test-" + "a" * 100 + "/108/7", "must have a name of letters, digits"),
]  # fmt: skip


@st.composite
def trees(draw, hostile=True):
    """Trees; those that are not hostile have no more faults than an archive may hold."""
    tree = Tree()
    chapters = CHAPTERS[:3] + draw(st.lists(st.sampled_from(CHAPTERS[3:] if hostile else CHAPTERS[3:4]), unique=True))
    if hostile and rarely(draw, 50, True):
        chapters += SAME_IDS[: draw(st.integers(1, 2))]
    for number, (subset, speaker, chapter) in enumerate(chapters):
        draw_chapter(draw, tree, number, subset, speaker, chapter, hostile)
    if draw(st.booleans()):
        tree.files["SPEAKERS.TXT"] = b"; ID\n101 | F | train-a | 1.0 | N\xe9\n104 | M |\n|||\n103\n"
    if hostile:
        draw_oddities(draw, tree, chapters)
    tree.files["../elsewhere.flac"] = encoded(ELSEWHERE)
    one, two = ({p.rpartition("/")[2] for p, content in tree.files.items() if p.startswith(f"{'/'.join(chapter)}/5-")
                 and p.endswith(".flac") and is_file(content)} for chapter in SAME_IDS)  # fmt: skip
    if one & two:
        tree.refused.append(r"An utterance must be in one split, and 5-6-7-\S+ is in test-a .* and in train")
    if not any(path.endswith(".flac") and is_file(content) for path, content in tree.files.items() if path[0] != "."):
        tree.refused.append("A corpus must hold utterances as .* holds none")
    return tree


def is_file(content):
    return content not in (ODD_FILES["missing"][0], ODD_FILES["directory"][0])


def draw_chapter(draw, tree, number, subset, speaker, chapter, hostile):
    directory, prefix = f"{subset}/{speaker}/{chapter}", f"{speaker}-{chapter}"
    tree.is_plain &= re.fullmatch(r"[\w-]+/\w+/\w+", directory, re.ASCII) is not None
    transcripts = f"{directory}/{prefix}.trans.txt"
    lines, kinds = [], []
    # What was drawn first is there for sure in most chapters: else some split is empty nearly always.
    is_anchored = not rarely(draw, 20, True)
    for index in range(is_anchored + draw(st.integers(0, 4))):
        anchor = is_anchored and index == 0
        name = f"{prefix}-{9_000 + number if anchor else index:04d}"
        sound = (
            "good"
            if anchor
            else draw(st.sampled_from(sorted(SOUNDS) + ["flipped", "cut"] + sorted(ODD_FILES) * hostile))
        )
        line = "good" if anchor else draw(st.sampled_from(["good"] * 8 + LINES))
        samples = noise((number, index))
        path = f"{directory}/{name}.flac"
        is_there, candidate = draw_sound(draw, tree, path, sound, samples)
        words = draw(WORDS)
        text = words[0] + "".join(draw(BLANKS) + word for word in words[1:])
        kinds.append((name, path, line, text, is_there, candidate))
    mark = b"\xef\xbb\xbf" if hostile and rarely(draw, 20, True) else b""
    ends = draw(
        st.lists(st.sampled_from([b"\n", b"\n", b"\n", b"\r\n", b"\r", b"\n\n \t\n"]), min_size=12, max_size=12)
    )
    content = b""

    def add(raw):
        """Adds a line and returns its number."""
        nonlocal content
        number = len(content.splitlines()) + 1
        content += raw + ends[len(lines) % len(ends)]
        lines.append(raw)
        return number

    for name, path, line, text, is_there, candidate in kinds:
        draw_line(draw, tree, add, not lines and mark, transcripts, name, path, line, text, is_there, candidate)
    if lines or draw(st.booleans()):
        fate = rarely(draw, 10, "pipe", "device", "directory") if hostile and kinds else None
        if fate is None:
            tree.files[transcripts] = mark + content
        else:
            lose_transcripts(tree, fate, transcripts, kinds)


def lose_transcripts(tree, fate, transcripts, kinds):
    """Puts something else in the place of a file of transcripts."""
    directory = transcripts.rpartition("/")[0]
    tree.rejects = [entry for entry in tree.rejects if not entry[1].startswith(f"{directory}/")]
    for name, path, _, _, is_there, _ in kinds:
        tree.records[name] = [one for one in tree.records[name] if one[0] != path]
        if is_there:
            tree.reject(name, path, r"It has audio and no transcript\.")
    tree.is_plain = False
    if fate == "pipe":
        tree.files[transcripts] = os.mkfifo
        tree.reject(transcripts.rpartition("/")[2], transcripts, r"must be in a file that can be read: it is a pipe or")
    elif fate == "device":
        tree.files[transcripts] = lambda path: path.symlink_to("/dev/zero")
        tree.reject(transcripts.rpartition("/")[2], transcripts, r"must be in a file that can be read: it is a pipe or")
    else:
        tree.files[f"{transcripts}/notes"] = b"a directory"


def draw_sound(draw, tree, path, kind, samples):
    """Puts sound in its place; returns whether a file is there, and its samples and the reason against it."""
    if kind in ("flipped", "cut"):
        content = encoded(samples)
        if kind == "cut":
            tree.files[path] = content[: draw(st.integers(1, len(content) - 1))]
            return True, (samples, "decoded|promises|MD5|whole FLAC header|no sample|decod")
        places = st.tuples(st.integers(0, 63) | st.integers(0, len(content)), st.integers(1, 255))
        tree.files[path] = poke(content, draw(st.lists(places, min_size=1, max_size=3)))
        return True, (samples, ...)
    if kind in SOUNDS:
        make, reason = SOUNDS[kind]
        tree.files[path] = make(samples)
        return True, (samples[:400] if kind == "shortest" else samples, reason)
    make, reason = ODD_FILES[kind]
    tree.files[path] = make
    tree.is_plain = False
    return kind not in ("missing", "directory"), (ELSEWHERE, reason)


def draw_line(draw, tree, add, mark, transcripts, name, path, kind, text, is_there, candidate):
    """Adds the lines of an utterance, and what must become of both."""
    alone = r"It has a transcript and no audio\."

    def bad(raw, reason, told=name):
        number = add(raw)
        tree.reject(told, f"{transcripts}:{number}", rf"In line {number}, .*{reason}")
        if is_there and told != name:
            tree.reject(name, path, r"It has audio and no transcript\.")

    raw = name.encode()
    if mark and kind not in ("missing", "twice"):
        # Whatever else is wrong, the first line does not begin with its id.
        bad(raw + b" HI", "the id must begin with", "\ufeff" + name)
    elif kind == "missing":
        if is_there:
            tree.reject(name, path, r"It has audio and no transcript\.")
    elif kind == "Latin-1":
        bad(raw + b" CAF\xc9", "the transcript must be UTF-8, and is not")
    elif kind == "long":
        bad(raw + b" A" * 5_000, "must have 5000 characters at most, and has 9999")
    elif kind == "foreign":
        bad(b"../1-2-0000 HI", r"the id must begin with .*, and is '\.\./1-2-0000'", "../1-2-0000")
    elif kind == "tab":
        bad(raw + b"\tHELLO", r"no slashes and no control characters, and is '.*\\tHELLO'", name + "\tHELLO")
    elif kind == "NUL":
        bad(raw + b"\0 HELLO", r"no slashes and no control characters, and is '.*\\x00'", name + "\0")
    elif kind in WORDLESS:
        rest, reason = WORDLESS[kind]
        add(raw + rest)
        tree.reject(name, transcripts, reason if is_there else alone)
    else:
        add(raw + b" " + text.encode())
        if mark:
            tree.reject(f"\ufeff{name}", f"{transcripts}:1", r"In line 1, the id must begin with")
        if kind == "twice":
            number = add(raw + b" AGAIN")
            if mark:
                text = "again"
            else:
                tree.reject(name, f"{transcripts}:{number}", rf"In line {number}, its transcript stands twice\.")
        if not is_there:
            tree.reject(name, transcripts, alone)
        else:
            tree.records[name].append((path, candidate[0], normal(text), candidate[1]))


def draw_oddities(draw, tree, chapters):
    """Adds files and directories that belong to no utterance."""
    subset, speaker, chapter = draw(st.sampled_from(chapters))
    names = {"prefix": f"{speaker}-{chapter}", "chapter": f"{subset}/{speaker}/{chapter}"}
    for name in draw(st.lists(st.sampled_from(IGNORED), max_size=3, unique=True)):
        tree.files[f"{names['chapter']}/{name.format(**names)}"] = b"what"
        tree.is_plain = False
    for name in draw(st.lists(st.sampled_from(UNTRANSCRIBED), max_size=2, unique=True)):
        told = name.format(**names)
        path = f"{names['chapter']}/{told}.flac"
        tree.files[path] = encoded(noise(1))
        tree.reject(told, path, r"It has audio and no transcript\.")
        tree.is_plain = False
    if rarely(draw, 200, True):
        other = draw(
            st.sampled_from(["1-2.trans.txt", "{prefix} (1).trans.txt", "{prefix}.TRANS.TXT", "\udcff\n.trans.txt"])
        )
        path = f"{names['chapter']}/{other.format(**names)}"
        tree.files[path] = b"1-2-0000 HELLO\n\n\xff\xfd\n"
        for number, told in ((1, "1-2-0000"), (3, "\udcff\udcfd")):
            tree.reject(
                told, f"{path}:{number}", rf"In line {number}, transcripts must be in {names['prefix']}\.trans\.txt"
            )
        tree.is_plain = False
    kind = rarely(draw, 12, *range(len(STRAYS) + len(ODD_DIRECTORIES)), "link", "speaker", "table", "split", "nothing")
    if isinstance(kind, int) and kind < len(STRAYS):
        path = os.path.normpath(STRAYS[kind].format(**names))
        tree.files[path] = b"X Y"
        tree.refused.append(r"must lie as .* and this does not: " + re.escape(shown(path)))
    elif isinstance(kind, int):
        directory, reason = ODD_DIRECTORIES[kind - len(STRAYS)]
        tree.files[f"{directory}/a.flac"] = b""
        tree.refused.append(reason)
    elif kind == "link":
        tree.files[f"{names['chapter']}/z.flac"] = lambda path: path.symlink_to("nowhere")
        tree.refused.append(r"Every file of a corpus must be readable, and .*/z\.flac is not: No such file")
    elif kind == "speaker":
        tree.files["dev-a/101/9/x.flac"] = b""
        tree.refused.append(r"Splits must share no speaker, and speaker 101 is in")
    elif kind == "table":
        tree.files["SPEAKERS.TXT"] = os.mkfifo
        tree.refused.append(r"SPEAKERS\.TXT must be a file that can be read, and that in .* is not: it is a pipe")
    elif kind == "split":
        tree.files["test-c/109/7/109-7.trans.txt"] = b"109-7-0000 HI"
        tree.reject("109-7-0000", "test-c/109/7/109-7.trans.txt", r"It has a transcript and no audio\.")
    elif kind == "nothing":
        tree.files["train-a/109/7/.DS_Store"] = tree.files["notes/1/2/a.txt"] = b"nobody's"
    tree.is_plain &= kind is None


def check(tree, outcome):
    """Compares an outcome with what was drawn."""
    if tree.refused:
        assert outcome.error is not None
        assert any(re.search(reason, str(outcome.error)) for reason in tree.refused), (outcome.error, tree.refused)
        return
    written, uncertain, expected = {}, set(), list(tree.rejects)
    for name, candidates in tree.records.items():
        for place, (path, samples, transcript, reason) in enumerate(sorted(candidates, key=lambda one: one[0])):
            if place:
                expected.append((name, path, r"Its id stands twice in the corpus\."))
            elif reason is None:
                written[name] = (samples, transcript, path)
            elif reason is ...:
                uncertain.add(name)
                written[name] = (samples, transcript, path)
            else:
                expected.append((name, path, reason))
    if outcome.error is not None:
        match = re.search(r"The split (\S+) must hold an utterance, and ", str(outcome.error))
        assert match, outcome.error
        subsets = {"train": ("train-a", "train-b", "train b"), "validation": ("dev-a",)}.get(match[1], (match[1],))
        sure = {name for name, (_, _, path) in written.items() if path.split("/")[0] in subsets} - uncertain
        assert not sure, (outcome.error, sure)
        return
    assert set(written) - uncertain <= set(outcome.records) <= set(written)
    for name, utterance in outcome.records.items():
        samples, transcript, path = written[name]
        np.testing.assert_array_equal(utterance.samples, samples)
        assert (utterance.transcript, utterance.subset) == (transcript, path.split("/")[0])
        assert f"{utterance.subset}/{utterance.speaker_id}/{utterance.chapter_id}" == path.rpartition("/")[0]
    expected += [(name, written[name][2], "") for name in uncertain - set(outcome.records)]
    require_rejects(outcome, expected)
