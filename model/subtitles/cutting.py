"""From words with times to subtitles.

The measures are those that broadcasters agree on (BBC subtitle guidelines; Netflix timed text style guide): two lines
of 42 letters at most, and from one second, in which two words can be read, to seven.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from model.subtitles.cue import Cue
from model.word import Word

MAX_LINE_LETTERS = 42
MIN_MILLISECONDS = 1_000
MAX_MILLISECONDS = 7_000
# A silence of so much ends a cue: a sentence, or a breath.
_PAUSE_MILLISECONDS = 600


class _Piece:
    """A word, or what fits in a line of one that does not, in milliseconds."""

    def __init__(self, text: str, start: float, end: float) -> None:
        self.text, self.start, self.end = text, round(1000 * start), round(1000 * end)


def cues_of(words: Iterable[Word]) -> tuple[Cue, ...]:
    """Cuts words into subtitles.

    A pause of 0.6 s ends a cue; what does not fit is cut at its longest pause. A cue stays while its words
    sound, and for a second at least, and does not overlap the next.

    Args:
      words: In the order of their times, none of which overlap.
    """
    groups: list[list[_Piece]] = []
    for pieces in _between_pauses([piece for word in words for piece in _pieces(word)]):
        groups += _fitting(pieces)
    groups = _without_flashes(groups)
    starts: list[int | None] = [group[0].start for group in groups[1:]]
    cues: list[Cue] = []
    for pieces, next_start in zip(groups, [*starts, None][: len(groups)], strict=True):
        # One that had no room for its second has moved those behind it.
        start = max(pieces[0].start, cues[-1].end_milliseconds if cues else 0)
        end = min(max(pieces[-1].end, start + MIN_MILLISECONDS), start + MAX_MILLISECONDS)
        if next_start is not None:
            end = max(min(end, next_start), start + MIN_MILLISECONDS)
        lines = _lines(pieces)
        assert lines is not None, "only what fits becomes a cue"
        cues.append(Cue(start, end, lines))
    return tuple(cues)


def _pieces(word: Word) -> list[_Piece]:
    """Returns a word as it fits in lines, with its time shared out among the parts."""
    texts = [word.text[start : start + MAX_LINE_LETTERS] for start in range(0, len(word.text), MAX_LINE_LETTERS)]
    span = word.end_seconds - word.start_seconds
    shares = [word.start_seconds + span * index / len(texts) for index in range(len(texts) + 1)]
    return [_Piece(text, shares[index], shares[index + 1]) for index, text in enumerate(texts)]


def _between_pauses(pieces: Sequence[_Piece]) -> list[list[_Piece]]:
    groups: list[list[_Piece]] = []
    for piece in pieces:
        if not groups or piece.start - groups[-1][-1].end >= _PAUSE_MILLISECONDS:
            groups.append([])
        groups[-1].append(piece)
    return groups


def _fitting(pieces: list[_Piece]) -> list[list[_Piece]]:
    """Cuts what is too long for a cue: as much as fits, back to the longest pause in its second half."""
    groups: list[list[_Piece]] = []
    while not _fits(pieces):
        count = 1
        while _fits(pieces[: count + 1]):
            count += 1
        places = range(max(1, (count + 1) // 2), count + 1)
        cut = max(places, key=lambda place: (pieces[place].start - pieces[place - 1].end, place))
        groups.append(pieces[:cut])
        pieces = pieces[cut:]
    return [*groups, pieces]


def _fits(pieces: Sequence[_Piece]) -> bool:
    """Tells whether pieces make one cue; a single one always does, however long it sounds."""
    is_short = len(pieces) == 1 or pieces[-1].end - pieces[0].start <= MAX_MILLISECONDS
    return is_short and _lines(pieces) is not None


def _lines(pieces: Sequence[_Piece]) -> tuple[str, ...] | None:
    """Returns the text in one line, or in two of much the same length; None where it does not fit."""
    texts = [piece.text for piece in pieces]
    # More than two lines hold: it need not be tried.
    if sum(map(len, texts)) + len(texts) - 1 > 2 * MAX_LINE_LETTERS + 1:
        return None
    whole = " ".join(texts)
    if len(whole) <= MAX_LINE_LETTERS:
        return (whole,)
    pairs = [(" ".join(texts[:place]), " ".join(texts[place:])) for place in range(1, len(texts))]
    fitting = [pair for pair in pairs if max(map(len, pair)) <= MAX_LINE_LETTERS]
    return min(fitting, key=lambda pair: abs(len(pair[0]) - len(pair[1])), default=None)


def _without_flashes(groups: Sequence[list[_Piece]]) -> list[list[_Piece]]:
    """Joins a cue to the next where it would be seen for less than a second, and they fit into one."""
    joined: list[list[_Piece]] = []
    for group in groups:
        is_flash = bool(joined) and group[0].start - joined[-1][0].start < MIN_MILLISECONDS
        if is_flash and _fits([*joined[-1], *group]):
            joined[-1] = [*joined[-1], *group]
        else:
            joined.append(group)
    return joined
