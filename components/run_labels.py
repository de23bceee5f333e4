"""Labels by which the jobs of a run on Vertex AI are found again, there and on Dataflow."""

from __future__ import annotations

import re

PIPELINE_LABEL = "w2v2-pipeline"
"""Its value is the name of the pipeline there."""

RUN_LABEL = "w2v2-run"
"""Its value is the name of the run."""

WORK_LABEL = "w2v2-work"
"""Its value, on a training, is a hash of what is trained on and how: what two attempts of one task have in common."""

JOB_NAME_PLACEHOLDER = "{{$.pipeline_job_name}}"
"""What the service replaces by the name of the run in the arguments of a task."""

_LABEL_CHARACTERS = 63


def label_value(text: str) -> str:
    """Returns a text as the value of a label: small letters, digits, '_' and '-', 63 at most."""
    return re.sub(r"[^a-z0-9_-]", "-", text.lower())[:_LABEL_CHARACTERS]
