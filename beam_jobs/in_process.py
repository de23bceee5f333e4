"""What runs a job where nothing else is asked for: this process, by Beam or without it.

Small data needs no engine. Where `make_pipeline` is None, a job does its parts one after another, by the same functions
that Beam's workers call, and what it writes is the same; so it runs where Beam is not installed, as in notebooks.
"""

from __future__ import annotations

from typing import Any


def direct_pipeline() -> Any:
    """Makes a Beam pipeline that runs in this process."""
    import apache_beam as beam

    return beam.Pipeline()
