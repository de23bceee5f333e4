"""Runs a Dockerfile's own steps in Debian roots, stage by stage, where no container engine is at hand."""

from __future__ import annotations

import dataclasses
import fnmatch
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from images import debian_root
from images.dockerfile import Dockerfile, Instruction, Stage, command, copied, expanded, settings


class FailedError(Exception):
    """A step did not do what it must; the message has the step and what it said."""


@dataclasses.dataclass
class Built:
    """A stage that was run: its root, and what its instructions set."""

    root: Path
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    folder: str = "/"
    user: str = "0"
    entrypoint: tuple[str, ...] = ()

    def run(self, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Runs a command as an engine would in a container of this stage."""
        return debian_root.run(self.root, words, self.user, self.folder, self.environment)


class Rehearsal:
    """Builds the targets of a Dockerfile; stages that several need are built once.

    Args:
      dockerfile: As it was read.
      context: The folder that COPY copies from; see `write_context`.
      images: By name, what makes the root of an image that a stage starts from, in a folder that is not there yet.
      work: Where the roots are made.
      arguments: As `--build-arg` gives them.
    """

    def __init__(
        self,
        dockerfile: Dockerfile,
        context: Path,
        images: Mapping[str, Callable[[Path], None]],
        work: Path,
        arguments: Mapping[str, str],
    ):
        self._dockerfile = dockerfile
        self._context = context
        self._images = images
        self._work = work
        self._arguments = arguments
        self._built: dict[str, Built] = {}

    def build(self, target: str, say: Callable[[str], None]) -> Built:
        """Builds a target, and the stages that it needs.

        Raises:
          FailedError: a step failed.
        """
        for stage in self._dockerfile.needed_for(target):
            if stage.name not in self._built:
                say(f"stage {stage.name}")
                self._built[stage.name] = self._run(stage)
        return self._built[target]

    def drop(self, stages: Sequence[str]) -> None:
        """Removes the roots of stages, for the space that they take."""
        for name in stages:
            if (built := self._built.pop(name, None)) is not None:
                shutil.rmtree(built.root)

    def base_of(self, image: str) -> Path:
        """Returns the root of an image that stages start from; it is made when it is first asked for."""
        root = self._work / f"image-{list(self._images).index(image)}"
        if not root.exists():
            self._images[image](root)
        return root

    def _run(self, stage: Stage) -> Built:
        root = self._work / f"stage-{stage.name}"
        if (before := self._built.get(stage.base)) is not None:
            built = dataclasses.replace(before, root=root, environment=dict(before.environment))
            _copy(before.root, root)
        else:
            built = Built(root)
            _copy(self.base_of(stage.base), root)
        given: dict[str, str] = {}
        for step in stage.instructions:
            self._do(step, built, given)
        return built

    def _do(self, step: Instruction, built: Built, given: dict[str, str]) -> None:
        match step.name:
            case "ARG":
                name, _, default = step.value.partition("=")
                given[name] = self._arguments.get(name, default)
            case "ENV":
                built.environment |= settings(expanded(step.value, given | built.environment))
            case "WORKDIR":
                built.folder = step.value
                (built.root / built.folder[1:]).mkdir(parents=True, exist_ok=True)
            case "USER":
                built.user = step.value
            case "ENTRYPOINT":
                built.entrypoint = tuple(command(step.value))
            case "COPY":
                self._copy_into(built, step)
            case "RUN":
                done = debian_root.run(
                    built.root, ["sh", "-c", step.value], built.user, built.folder, {**given, **built.environment}
                )
                if done.returncode:
                    raise FailedError(f"RUN {step.value}\nexit code {done.returncode}\n{done.stdout}{done.stderr}")
            case _:
                raise FailedError(f"{step.name} cannot be run here.")

    def _copy_into(self, built: Built, step: Instruction) -> None:
        stage, sources, destination = copied(step.value)
        from_root = self._context if stage is None else self._built[stage].root
        into = built.root / str(Path(built.folder, destination))[1:]
        for source in sources:
            found = from_root / source.lstrip("/")
            if not found.exists():
                raise FailedError(f"COPY {step.value}: there is no {source}.")
            if found.is_dir():
                _copy(found, into)
            elif destination.endswith("/"):
                into.mkdir(parents=True, exist_ok=True)
                shutil.copy2(found, into)
            else:
                shutil.copy2(found, into)


def write_context(project: Path, into: Path) -> None:
    """Copies what `.dockerignore` leaves of a folder: `*`, and what lines with `!` take in again."""
    lines = [line for line in (project / ".dockerignore").read_text().splitlines() if line]
    for path in _kept(project, project, _patterns(lines)):
        target = into / path.relative_to(project)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)


def _patterns(lines: Sequence[str]) -> list[tuple[bool, str]]:
    return [(not line.startswith("!"), line.removeprefix("!")) for line in lines if not line.startswith("#")]


def _kept(folder: Path, project: Path, patterns: Sequence[tuple[bool, str]]) -> list[Path]:
    found = []
    for path in sorted(folder.iterdir()):
        if _is_left_out(path.relative_to(project), patterns):
            continue
        found += [path] if path.is_file() else _kept(path, project, patterns)
    return found


def _is_left_out(path: Path, patterns: Sequence[tuple[bool, str]]) -> bool:
    """The last pattern that fits a path, or a folder that it is in, decides."""
    left_out = False
    for leaves_out, pattern in patterns:
        for place in (path, *path.parents[:-1]):
            fits = place.name == pattern[3:] if pattern.startswith("**/") else _fits(place, pattern)
            if fits:
                left_out = leaves_out
                break
    return left_out


def _fits(place: Path, pattern: str) -> bool:
    # A star stands for no slash there.
    return place.as_posix().count("/") == pattern.count("/") and fnmatch.fnmatchcase(place.as_posix(), pattern)


def _copy(source: Path, into: Path) -> None:
    """Copies the content of a folder into another, with owners, rights and links, as they are."""
    into.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "--archive", "--reflink=auto", f"{source}/.", str(into)], check=True)
