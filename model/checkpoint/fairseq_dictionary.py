"""fairseq's dictionary of tokens, in the naming of published checkpoints.

Source: fairseq's `Dictionary`, whose first four symbols are `<s>`, `<pad>`, `</s>`, `<unk>`; `<s>` is the CTC blank of
its speech tasks. Published conversions call the blank `<pad>`, so the first two change names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from model.checkpoint.fairseq_settings import unwrap
from model.checkpoint.readers.byte_file import shown
from model.errors import CheckpointError
from model.text import PAD_TOKEN, UNKNOWN_TOKEN

BEGINNING_TOKEN = "<s>"
END_TOKEN = "</s>"
FAIRSEQ_SPECIALS = (BEGINNING_TOKEN, PAD_TOKEN, END_TOKEN, UNKNOWN_TOKEN)

_OVERWRITE = "#fairseq:overwrite"


def read_fairseq_dictionary(path: str | Path) -> tuple[str, ...]:
    """Reads a `dict.ltr.txt`: a symbol and its count a line, without the four special symbols.

    Returns:
      The tokens by id in the published naming, the blank `<pad>` first. A symbol that a later line overwrites leaves
      its id behind, which no label uses: that id is called `<overwritten_ID>`.

    Raises:
      CheckpointError: the file cannot be read, a line is something else, or a symbol occurs twice.
    """
    try:
        # Not splitlines: it also breaks at characters that are symbols here.
        with open(path, encoding="utf-8") as file:
            return parse_fairseq_dictionary(file, str(path))
    except (OSError, UnicodeError) as error:
        raise CheckpointError(f"{path} must be a dictionary of fairseq in UTF-8: {error}.") from error


def parse_fairseq_dictionary(lines: Iterable[str], where: str) -> tuple[str, ...]:
    """Returns the tokens of a dictionary's lines; see `read_fairseq_dictionary`.

    Raises:
      CheckpointError: a line is something else, or a symbol occurs twice.
    """
    symbols: list[str] = [*FAIRSEQ_SPECIALS]
    seen = set(symbols)
    for number, line in enumerate(lines, start=1):
        symbol, _, count = line.rstrip().rpartition(" ")
        overwrites = count == _OVERWRITE
        if overwrites:
            symbol, _, count = symbol.rpartition(" ")
        if not symbol or not _is_integer(count):
            raise CheckpointError(
                f"Line {number} of {where} must be «symbol count», with {_OVERWRITE} at most behind it, not"
                f" {shown(line.rstrip())}; give the dict.ltr.txt of the training."
            )
        if symbol in seen and not overwrites:
            raise CheckpointError(
                f"A dictionary of fairseq must hold each symbol once, and line {number} of {where} repeats"
                f" {shown(symbol)}; remove it, or mark it {_OVERWRITE} if it was so in training."
            )
        seen.add(symbol)
        symbols.append(symbol)
    return published_tokens(symbols, where)


def tokens_of_dictionary(dictionary: Any, where: str) -> tuple[str, ...]:
    """Returns the tokens of a `fairseq.data.dictionary.Dictionary` that lay in a checkpoint.

    Raises:
      CheckpointError: it is something else, or its blank is not its first symbol.
    """
    state = unwrap(dictionary)
    symbols = unwrap(state.get("symbols")) if isinstance(state, Mapping) else None
    if not isinstance(symbols, (list, tuple)) or not all(isinstance(symbol, str) for symbol in symbols):
        raise CheckpointError(
            f"The target_dictionary of {where} must be a dictionary of fairseq with its symbols, not"
            f" {shown(dictionary)}; give the dict.ltr.txt of the training beside the checkpoint."
        )
    indices = unwrap(state.get("indices"))
    if isinstance(indices, Mapping) and indices.get(BEGINNING_TOKEN, 0) != 0:
        raise _blank_moved(where)
    return published_tokens(symbols, where)


def published_tokens(symbols: Sequence[str], where: str) -> tuple[str, ...]:
    """Returns fairseq's symbols, by id, in the published naming: the blank, id 0, is `<pad>`, and id 1 is `<s>`.

    Raises:
      CheckpointError: they do not begin with `<s>` and `<pad>`, or one of these occurs again.
    """
    head = (BEGINNING_TOKEN, PAD_TOKEN)
    if tuple(symbols[:2]) != head or any(symbol in head for symbol in symbols[2:]):
        raise _blank_moved(where)
    last = {symbol: index for index, symbol in enumerate(symbols)}
    rest = [symbol if last[symbol] == index else f"<overwritten_{index}>" for index, symbol in enumerate(symbols)]
    return (PAD_TOKEN, BEGINNING_TOKEN, *rest[2:])


def _blank_moved(where: str) -> CheckpointError:
    return CheckpointError(
        f"The dictionary of {where} must begin with <s>, the CTC blank, and <pad>, and hold them nowhere else; it does"
        " not, so that the blank is another token: give the dict.ltr.txt of the training."
    )


def _is_integer(text: str) -> bool:
    try:
        int(text)
    except ValueError:
        return False
    return True
