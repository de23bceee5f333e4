"""SubRip and WebVTT, read back by a reader that knows nothing of the writer."""

import re

from hypothesis import given
from hypothesis import strategies as st

from model.subtitles import Cue, subrip, webvtt

CUES = (Cue(0, 1_500, ("ONE TWO",)), Cue(3_723_004, 3_725_000, ("THREE", "FOUR")))

SUBRIP = """\
1
00:00:00,000 --> 00:00:01,500
ONE TWO

2
01:02:03,004 --> 01:02:05,000
THREE
FOUR
"""

WEBVTT = """\
WEBVTT

00:00:00.000 --> 00:00:01.500
ONE TWO

01:02:03.004 --> 01:02:05.000
THREE
FOUR
"""


def test_the_files():
    assert subrip(CUES) == SUBRIP
    assert webvtt(CUES) == WEBVTT


def test_where_nothing_is_said():
    assert subrip([]) == ""
    assert webvtt([]) == "WEBVTT\n"


def milliseconds(text, point):
    """The timestamp of the specification: hours of two digits or more, 00 to 59, 00 to 59, three digits."""
    found = re.fullmatch(rf"(\d{{2,}}):([0-5]\d):([0-5]\d){re.escape(point)}(\d{{3}})", text)
    assert found, text
    hours, minutes, seconds, rest = map(int, found.groups())
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + rest


def read_blocks(blocks, point):
    cues = []
    for block in blocks:
        times, *lines = block.split("\n")
        start, arrow, end = times.split(" ")
        assert arrow == "-->"
        cues.append(Cue(milliseconds(start, point), milliseconds(end, point), tuple(lines)))
    return tuple(cues)


def read_subrip(content):
    if not content:
        return ()
    assert content.endswith("\n")
    numbers, blocks = zip(*(block.split("\n", 1) for block in content[:-1].split("\n\n")), strict=True)
    assert list(numbers) == [str(number) for number in range(1, len(numbers) + 1)]
    return read_blocks(blocks, ",")


def read_webvtt(content):
    """W3C WebVTT §4: a signature, then blocks parted by blank lines; text knows `&amp;`, `&lt;`, `&gt;`, and tags."""
    header, *blocks = content.removesuffix("\n").split("\n\n")
    assert header == "WEBVTT"
    text = "\n\n".join(blocks)
    assert all("-->" not in line for block in blocks for line in block.split("\n")[1:])
    assert not re.search(r"[<>]", re.sub(r" --> ", "", text)), "no tag begins"
    assert not re.search(r"&(?!amp;|lt;|gt;)", text)
    cues = read_blocks(blocks, ".")

    def plain(line):
        return line.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")

    return tuple(Cue(cue.start_milliseconds, cue.end_milliseconds, tuple(map(plain, cue.lines))) for cue in cues)


lines = st.text("AB'É<>&-", min_size=1, max_size=42)


@st.composite
def cue_rows(draw):
    cues, at = [], 0
    for _ in range(draw(st.integers(0, 8))):
        start = at + draw(st.integers(0, 40_000_000))
        at = start + draw(st.integers(1_000, 7_000))
        cues.append(Cue(start, at, tuple(draw(st.lists(lines, min_size=1, max_size=2)))))
    return tuple(cues)


@given(cue_rows())
def test_what_is_written_is_read_back(cues):
    assert read_subrip(subrip(cues)) == cues
    assert read_webvtt(webvtt(cues)) == cues
