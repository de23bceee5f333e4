"""Subtitles: what was said, in pieces that can be read while it is said, as SubRip and as WebVTT."""

from model.subtitles.cue import Cue
from model.subtitles.cutting import cues_of
from model.subtitles.formats import subrip, webvtt

__all__ = ["Cue", "cues_of", "subrip", "webvtt"]
