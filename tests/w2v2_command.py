"""The command as people call it, in a process of its own, and what it says of the runs of a workspace."""

import json
import os
import subprocess
import sys
from pathlib import Path

W2V2 = str(Path(sys.executable).with_name("w2v2"))


def w2v2(workspace, *arguments, code=0, timeout_seconds=550, environment=None):
    """Runs `w2v2` in a workspace; nothing of this project's settings may leak in but what `environment` has."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("W2V2_")}
    done = subprocess.run(
        [W2V2, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=timeout_seconds,
        env={**outside, **(environment or {}), "W2V2_WORKSPACE": str(workspace), "COLUMNS": "200"},
    )  # fmt: skip
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    return done


def runs(workspace):
    """Every run of a workspace, the newest first."""
    return json.loads(w2v2(workspace, "runs", "--json").stdout)["runs"]


def states(run):
    """The state of each node of a run."""
    return {node["id"]: node["state"] for node in run["nodes"]}
