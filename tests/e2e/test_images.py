"""The image of the worker that ingests, step by step as the Dockerfile has it, in a clean Debian root; then it works.

`make images-check` does the same for all four images. It needs root, and Debian's packages; where they cannot be had,
it fails and says so.
"""

import json
import subprocess
import sys

import pytest

from images.requirements import LOCK

pytestmark = pytest.mark.e2e


def test_the_worker_that_ingests_is_built_and_works():
    command = [sys.executable, "-m", "images.check", "beam-ingest"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=LOCK.parent)
    assert done.returncode == 0, done.stderr[-5000:]
    base, worker = map(json.loads, done.stdout.splitlines())
    assert base["image"].startswith("python:3.10-slim")
    assert worker["image"] == "beam-ingest"
    assert worker["megabytes"] < 2_600, "an image that grows is noticed"
