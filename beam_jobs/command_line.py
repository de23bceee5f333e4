"""How a Beam job that is run alone ends: its result as JSON, or its error in a sentence, and an exit code."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from model.errors import UsageError, W2v2Error


def exit_code_of(job: Callable[[], Any]) -> int:
    """Runs a job, prints what it returns as JSON, and returns the exit code.

    A mistake of the user's is said in a sentence on standard error.

    Args:
      job: Takes nothing, and returns what JSON can hold.
    """
    try:
        told = job()
    except W2v2Error as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except (PermissionError, NotADirectoryError, IsADirectoryError, FileExistsError) as error:
        sys.stderr.write(f"{error.filename or 'A file'} cannot be used: {error.strerror}; name another place.\n")
        return UsageError.exit_code
    sys.stdout.write(json.dumps(told, indent=2) + "\n")
    return 0
