"""What `w2v2 doctor` finds when it looks at one thing."""

from __future__ import annotations

import dataclasses
from typing import Literal

Status = Literal["ok", "warn", "fail"]


@dataclasses.dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
      name: What.
      status: `ok`; `warn`, something will not work or be slow; `fail`, the pipeline cannot run.
      message: What was found.
      mend: What to do about it; empty where nothing is wrong.
    """

    name: str
    status: Status
    message: str
    mend: str = ""
