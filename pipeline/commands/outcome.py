"""How a command ends: its exit code, and its errors in one sentence, on standard error or as a JSON document."""

from __future__ import annotations

import functools
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer

from model.errors import UsageError, W2v2Error
from model.storage import json_text

if TYPE_CHECKING:
    from rich.console import Console


def ending_in_code(function: Callable[..., int]) -> Callable[..., None]:
    """Makes a command of a function that returns an exit code; says its errors in one sentence.

    A function with a parameter `as_json` has its errors printed as a JSON document where that is true.
    """

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> None:
        as_json = bool(kwargs.get("as_json"))
        try:
            code = function(*args, **kwargs)
            sys.stdout.flush()
        except W2v2Error as error:
            code = say(str(error), error.exit_code, as_json)
        except KeyboardInterrupt:
            code = say("Stopped.", 130, as_json)
        except BrokenPipeError:
            # Whoever read the output has closed it; there is nobody left to tell.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = 0
        except (PermissionError, NotADirectoryError, IsADirectoryError, FileExistsError) as error:
            place = error.filename or "a file"
            reason = f"{place} cannot be used: {error.strerror}; name another place, or change who may write there."
            code = say(reason, UsageError.exit_code, as_json)
        except Exception as error:  # noqa: BLE001 — a person gets a sentence, and the file has the traceback
            code = _say_unexpected(error, as_json)
        raise typer.Exit(code)

    return wrapper


def console() -> Console:
    """Returns the console on standard output."""
    from pipeline.terminal import make_console

    return make_console()


def print_json(value: Any) -> int:
    """Prints a document, with null for a number that JSON does not know; returns the exit code 0."""
    sys.stdout.write(json_text(value))
    return 0


def say(message: str, code: int, as_json: bool) -> int:
    """Says what went wrong, on standard error or as the JSON document; returns the exit code."""
    if as_json:
        print_json({"error": message, "exit_code": code})
        return code
    from pipeline.terminal import make_console, show_error

    show_error(make_console(sys.stderr), message)
    return code


def _say_unexpected(error: Exception, as_json: bool) -> int:
    with tempfile.NamedTemporaryFile("w", prefix="w2v2-", suffix=".log", delete=False, encoding="utf-8") as file:
        file.write("".join(traceback.format_exception(error)))
    first = next(iter(str(error).splitlines()), "")
    return say(
        f"Something went wrong that was not foreseen: {type(error).__name__}: {first}; the details are in {file.name}.",
        1,
        as_json,
    )
