"""Reads a Dockerfile, as far as this project's one goes, so that its steps can be run without a container engine."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

_KNOWN = ("ARG", "FROM", "RUN", "COPY", "ENV", "WORKDIR", "USER", "ENTRYPOINT")
_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)\}")


@dataclasses.dataclass(frozen=True)
class Instruction:
    """One instruction, its lines joined: `RUN` and what follows it."""

    name: str
    value: str


@dataclasses.dataclass(frozen=True)
class Stage:
    """One stage: what it starts from, which is an earlier stage or an image, and its instructions."""

    name: str
    base: str
    instructions: tuple[Instruction, ...]


@dataclasses.dataclass(frozen=True)
class Dockerfile:
    """All stages, by name, in their order, and the arguments that stand before the first."""

    arguments: Mapping[str, str]
    stages: Mapping[str, Stage]

    def needed_for(self, target: str) -> list[Stage]:
        """Returns the stages that a target is made from, itself the last; those of other targets are left out.

        Raises:
          KeyError: there is no such stage.
        """
        needed, new = set(), {target}
        while new:
            needed |= new
            asked = {base for name in new for base in _bases_of(self.stages[name])}
            new = (asked & self.stages.keys()) - needed
        return [stage for name, stage in self.stages.items() if name in needed]


def read(path: Path) -> Dockerfile:
    """Reads a Dockerfile.

    Raises:
      ValueError: it has an instruction that is not known here, or one before the first FROM that is no ARG.
    """
    arguments: dict[str, str] = {}
    stages: dict[str, Stage] = {}
    for instruction in _instructions(path.read_text()):
        if instruction.name == "FROM":
            match = re.fullmatch(r"(\S+) AS (\S+)", instruction.value)
            if match is None:
                raise ValueError(f"A stage must be written as FROM … AS …, not FROM {instruction.value}.")
            stages[match[2]] = Stage(match[2], expanded(match[1], arguments), ())
        elif stages:
            last = stages[next(reversed(stages))]
            stages[last.name] = dataclasses.replace(last, instructions=(*last.instructions, instruction))
        elif instruction.name == "ARG":
            name, _, value = instruction.value.partition("=")
            arguments[name] = value
        else:
            raise ValueError(f"Before the first FROM there must be nothing but ARG, not {instruction.name}.")
    return Dockerfile(arguments, stages)


def expanded(text: str, values: Mapping[str, str]) -> str:
    """Returns a text with the values of `${NAME}`; a name without a value is an error (KeyError)."""
    return _VARIABLE.sub(lambda match: values[match[1]], text)


def copied(value: str) -> tuple[str | None, list[str], str]:
    """Returns what COPY copies: the stage that it comes from, or None for the context; sources; destination."""
    words = value.split()
    stage = words.pop(0).removeprefix("--from=") if words[0].startswith("--from=") else None
    return stage, words[:-1], words[-1]


def settings(value: str) -> dict[str, str]:
    """Returns what ENV sets; values with spaces are not known here."""
    return dict(word.split("=", 1) for word in value.split())


def command(value: str) -> list[str]:
    """Returns the words of an ENTRYPOINT, which must be a JSON list (ValueError)."""
    return json.loads(value)


def _bases_of(stage: Stage) -> Sequence[str]:
    copies = (copied(step.value)[0] for step in stage.instructions if step.name == "COPY")
    return [stage.base, *(base for base in copies if base is not None)]


def _instructions(text: str) -> list[Instruction]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ")
    found = []
    for line in filter(None, map(str.strip, whole.splitlines())):
        name, _, value = line.partition(" ")
        if name not in _KNOWN:
            raise ValueError(f"An instruction must be one of {', '.join(_KNOWN)}, not {name}.")
        found.append(Instruction(name, value.strip()))
    return found
