"""The report of a recogniser's evaluation: one page that a reviewer can decide by. It needs no network and no script.

`audio_ids` names the utterances whose sound the page wants, `render_report` writes the page.
"""

from components.wer_evaluator.report.document import render_report, render_transcripts_report
from components.wer_evaluator.report.selection import audio_ids

__all__ = ["audio_ids", "render_report", "render_transcripts_report"]
