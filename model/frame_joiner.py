"""What was heard in overlapping windows, joined to one row of frames without a break."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from model.text import Vocabulary, text_of_token

_Frames = np.ndarray[Any, Any]
# A joint so far from every word, 0.5 s where a frame is 20 ms, is as good as one that is farther.
_FAR_FRAMES = 25


class FrameJoiner:
    """Joins windows in the order of the recording.

    Two neighbours have heard the same sound in their overlap, each with less of it before or behind. The joint lies
    between words, as both have heard them, as far from any word as can be, and not at the edges of the overlap. Where
    there is no such place, as in a word of seconds, it lies where both say the same, and else in the middle.

    Args:
      vocabulary: What the tokens mean.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        texts = [text_of_token(token) for token in vocabulary.tokens]
        is_blank = np.arange(len(texts)) == vocabulary.blank_id
        self._is_letter = np.array([bool(text.strip()) for text in texts]) & ~is_blank
        self._is_break = np.array([bool(text) and not text.strip() for text in texts]) & ~is_blank
        breaks = np.flatnonzero(self._is_break)
        self._break_id = int(breaks[0]) if len(breaks) else None
        self._tokens: list[_Frames] = []
        self._scores: list[_Frames] = []
        self._latest: tuple[int, _Frames, _Frames] | None = None
        self._joined_frames = 0

    def add(self, first_frame: int, tokens: _Frames, scores: _Frames) -> None:
        """Adds a window.

        Args:
          first_frame: Where its first frame lies in the recording.
          tokens: int `[frames]`, the best token of each frame.
          scores: float `[frames]`, of any meaning, one for each token.
        """
        if self._latest is not None:
            before_first, before, _ = self._latest
            low, high = max(first_frame, self._joined_frames), before_first + len(before)
            assert low < high, "neighbours overlap"
            # A word at the edge of what is shared may have begun before it.
            spoken = self._in_word(before)[low - before_first :]
            spoken = spoken | self._in_word(tokens)[low - first_frame : high - first_frame]
            joint = self._joint(before[low - before_first :], tokens[low - first_frame : high - first_frame], spoken)
            self._take_until(low + joint)
            if self._break_id is not None and not spoken[joint]:
                # Each may have heard the space between the words on the side that is the other's.
                tokens = tokens.copy()
                tokens[low + joint - first_frame] = self._break_id
        self._latest = first_frame, tokens, scores

    def joined(self) -> tuple[_Frames, _Frames]:
        """Returns tokens and scores of all frames so far; another window may change those that it shares."""
        if self._latest is None:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        first_frame, tokens, scores = self._latest
        rest = slice(self._joined_frames - first_frame, None)
        return np.concatenate([*self._tokens, tokens[rest]]), np.concatenate([*self._scores, scores[rest]])

    def _take_until(self, place: int) -> None:
        assert self._latest is not None
        first_frame, tokens, scores = self._latest
        span = slice(self._joined_frames - first_frame, place - first_frame)
        self._tokens.append(tokens[span])
        self._scores.append(scores[span])
        self._joined_frames = place

    def _joint(self, before: _Frames, after: _Frames, spoken: _Frames) -> int:
        """Returns where to join, counted from the beginning of what both have heard.

        Args:
          before: The tokens of the window before.
          after: The tokens of this window, as many.
          spoken: Whether one of them hears a word there.
        """
        shared = len(spoken)
        edge = shared // 4
        places = np.arange(edge, max(shared - edge, edge + 1))
        off_centre = np.abs(places - shared // 2)
        if not spoken[places].all():
            far = np.minimum(_distance(np.flatnonzero(spoken), places), _FAR_FRAMES)
            return int(places[np.lexsort((off_centre, -far))[0]])
        agree = (before == after) & ~self._is_letter[after]
        return int(places[(off_centre + np.where(agree[places], 0, shared)).argmin()])

    def _in_word(self, tokens: _Frames) -> _Frames:
        """Tells for each frame whether it lies within a word: at a letter, or between two that no break parts."""
        inside = self._is_letter[tokens]
        places = np.flatnonzero(inside)
        breaks = np.cumsum(self._is_break[tokens])
        inside = inside.copy()
        for one, other in itertools.pairwise(places):
            if breaks[one] == breaks[other]:
                inside[one:other] = True
        return inside


def _distance(marks: _Frames, places: _Frames) -> _Frames:
    """Returns how far each place is from the nearest of the marks, which are sorted."""
    if not len(marks):
        return np.full(len(places), _FAR_FRAMES)
    behind = np.searchsorted(marks, places)
    following = marks[np.minimum(behind, len(marks) - 1)]
    preceding = marks[np.maximum(behind - 1, 0)]
    return np.minimum(np.abs(following - places), np.abs(places - preceding))
