"""The page in Gradio: nothing but its layout, and what is called when. Gradio is in the demo's environment alone."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from demo.answers import Answer, answers
from demo.downloads import DOWNLOADS, write_downloads
from demo.heading import TITLE, heading_html
from model.errors import W2v2Error
from model.transcriber import Transcriber

# How often, and what is older, in seconds: nobody's voice stays for long.
_SWEEP_SECONDS, _KEPT_SECONDS = 600, 3600
_CSS = Path(__file__).with_name("page.css")
_MAX_WAITING = 20
_MAX_UPLOAD = "500mb"
_HINT = "WAV, FLAC, OGG, MP3 and others, of any length, up to 500\u00a0MB."
# Fonts of the system: nothing is fetched from elsewhere.
_FONTS = {"font": ("system-ui", "sans-serif"), "font_mono": ("ui-monospace", "monospace")}


def build_page(model: Transcriber | W2v2Error, examples: Sequence[Path]) -> gr.Blocks:
    """Returns the page.

    Args:
      model: What hears, or why nothing does.
      examples: Files of sound that a person can choose without having one.
    """

    def answer(recording: str | None) -> Iterator[tuple[Any, ...]]:
        """Write down what is said in a recording."""
        for each in answers(model, recording):
            # The page takes copies of the files while it is told of them.
            with tempfile.TemporaryDirectory() as directory:
                yield _updates(each, recording, directory)

    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(_SWEEP_SECONDS, _KEPT_SECONDS)) as page:
        gr.HTML(heading_html(model), elem_classes="w2v2-heading", apply_default_css=False)
        with gr.Row():
            with gr.Column(min_width=320):
                sound = gr.Audio(
                    sources=["upload", "microphone"],
                    type="filepath",
                    label="Recording",
                    elem_id="w2v2-sound",
                    buttons=[],
                )
                gr.HTML(f'<p class="w2v2-hint">{_HINT}</p>', apply_default_css=False)
                with gr.Row():
                    cancel = gr.Button("Cancel", elem_id="w2v2-cancel", min_width=90, scale=1)
                    start = gr.Button("Transcribe", variant="primary", elem_id="w2v2-start", min_width=160, scale=3)
                chosen = _examples(examples, sound)
            with gr.Column(min_width=320):
                text = gr.Textbox(
                    label="Text", lines=4, max_lines=14, buttons=["copy"], interactive=False, elem_id="w2v2-text"
                )
                status = gr.HTML(elem_id="w2v2-status", apply_default_css=False)
                with gr.Row():
                    files = [
                        gr.DownloadButton(f"Save .{format_}", size="sm", min_width=80, interactive=False,
                                          elem_id=f"w2v2-{format_}")
                        for format_ in DOWNLOADS
                    ]  # fmt: skip
        picture = gr.HTML(elem_id="w2v2-picture", apply_default_css=False)
        with gr.Accordion("Words with their times", open=True):
            table = gr.HTML(elem_id="w2v2-table", apply_default_css=False)
        outputs = [status, text, picture, table, *files]
        # One at a time has the processor; what is shown as it comes needs no veil over it.
        manner: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "hearing", "show_progress": "hidden"}
        triggers = [start.click, sound.upload, sound.stop_recording]
        running = [gr.on(triggers, answer, sound, outputs, api_name="transcribe", **manner)]
        if chosen is not None:
            on_choice = chosen.load_input_event.success
            running.append(on_choice(answer, sound, outputs, api_visibility="private", **manner))
        cancel.click(lambda: "", outputs=status, cancels=running, queue=False, api_visibility="private")
    return page.queue(max_size=_MAX_WAITING, default_concurrency_limit=1)


def _examples(paths: Sequence[Path], sound: gr.Audio) -> gr.Examples | None:
    if not paths:
        return None
    labels = [path.stem.replace("-", " ") for path in paths]
    return gr.Examples(
        [[str(path)] for path in paths], sound, example_labels=labels, elem_id="w2v2-examples", cache_examples=False
    )


def serve(page: gr.Blocks, host: str | None, port: int | None) -> None:
    """Serves the page until it is interrupted.

    Args:
      page: What `build_page` returns.
      host: None for that of GRADIO_SERVER_NAME, which a Space sets, or 127.0.0.1.
      port: None for that of GRADIO_SERVER_PORT, or the first free one from 7860 on.
    """
    page.launch(
        server_name=host, server_port=port, theme=gr.themes.Default(**_FONTS), css_paths=_CSS, share=False,
        max_file_size=_MAX_UPLOAD, footer_links=[], run_history=False, ssr_mode=False, pwa=False, mcp_server=False,
        enable_monitoring=False,
    )  # fmt: skip


def _updates(answer: Answer, recording: str | None, directory: str) -> tuple[Any, ...]:
    """Returns what each component is told, in the order of the outputs."""
    picture = gr.skip() if answer.picture is None else answer.picture
    if answer.transcription is None or recording is None:
        files = [gr.DownloadButton(value=None, interactive=False) for _ in DOWNLOADS]
    else:
        written = write_downloads(answer.transcription, recording, directory)
        files = [gr.DownloadButton(value=str(file), interactive=True) for file in written]
    return (answer.status, answer.text, picture, answer.table, *files)
