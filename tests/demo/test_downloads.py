"""The files that can be taken from the page."""

import json

from demo.downloads import write_downloads
from model.transcription import Transcription
from model.word import Word


def test_subtitles_and_a_document_named_like_the_recording(tmp_path):
    words = (Word("THE", 0.0, 0.4, 0.9), Word("CAT", 0.6, 1.2, 0.8))
    files = write_downloads(Transcription("THE CAT", 1.5, 0.1, words), "somewhere/my talk.mp3", tmp_path)
    assert [file.name for file in files] == ["my talk.srt", "my talk.vtt", "my talk.json"]
    assert files[0].read_text() == "1\n00:00:00,000 --> 00:00:01,200\nTHE CAT\n"
    assert files[1].read_text() == "WEBVTT\n\n00:00:00.000 --> 00:00:01.200\nTHE CAT\n"
    document = json.loads(files[2].read_text())
    assert (document["audio"], document["text"]) == ("my talk.mp3", "THE CAT")
    assert document["words"][1] == {"text": "CAT", "start_seconds": 0.6, "end_seconds": 1.2, "confidence": 0.8}
