"""What the page says of itself and of the model: its name, its version, and what runs it. All of it is HTML."""

from __future__ import annotations

import html

from model.errors import W2v2Error
from model.onnx_release import description_of
from model.transcriber import Transcriber

TITLE = "Speech to text"


def heading_html(model: Transcriber | W2v2Error) -> str:
    """Returns the top of the page; where there is no model, it says why.

    Raises:
      ReleaseError: the description of the release is no such thing.
    """
    if isinstance(model, W2v2Error):
        return f'<h1>{TITLE}</h1><p class="w2v2-refusal" role="alert">{html.escape(str(model))}</p>'
    release = description_of(model.directory)
    parts = [model.directory.name]
    if release is not None:
        parts = [release.name, "not published" if release.version is None else f"version {release.version}"]
        parts.append(f"language {release.language}")
    about = html.escape(" · ".join([*parts, str(model.choice)]))
    return f'<h1>{TITLE}</h1><p class="w2v2-about">{about}</p>'
