"""Finding a checkpoint: by its directory, by its file, and in the order of preference."""

from pathlib import Path

import pytest

from model.checkpoint import find_checkpoint, hub
from model.checkpoint.location import CheckpointFiles
from model.errors import CheckpointError, UsageError


@pytest.fixture
def directory(tmp_path):
    """Makes a directory with empty files."""

    def make(*names):
        root = tmp_path / "wav2vec2-base"
        root.mkdir()
        for name in names:
            (root / name).touch()
        return root

    return make


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (("tf_model.h5", "pytorch_model.bin", "model.safetensors", "flax_model.msgpack"), "model.safetensors"),
        (("pytorch_model.bin", "model.safetensors.index.json"), "model.safetensors.index.json"),
        (("pytorch_model.bin.index.json", "pytorch_model.bin", "training_args.bin"), "pytorch_model.bin"),
        (("pytorch_model.bin.index.json", "tf_model.h5"), "pytorch_model.bin.index.json"),
        (("tf_model.h5", "config.json"), "tf_model.h5"),
        (("wav2vec_small_960h.pt", "dict.ltr.txt"), "wav2vec_small_960h.pt"),
        # What a trainer leaves beside a checkpoint.
        (("model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth"), "model.safetensors"),
    ],
)
def test_the_weights_of_a_directory(names, chosen, directory):
    root = directory(*names)
    assert find_checkpoint(root) == CheckpointFiles("wav2vec2-base", root, root / chosen)
    assert find_checkpoint(str(root)).weights == root / chosen


def test_a_file_is_chosen_by_its_name(directory):
    root = directory("model.safetensors", "pytorch_model.bin", "a.pt", "b.pt")
    assert find_checkpoint(root / "pytorch_model.bin") == CheckpointFiles(
        "wav2vec2-base", root, root / "pytorch_model.bin"
    )
    assert find_checkpoint(root / "b.pt") == CheckpointFiles("b.pt", root, root / "b.pt")


def test_the_name_is_that_of_the_directory_however_it_is_given(directory, monkeypatch):
    root = directory("model.safetensors")
    monkeypatch.chdir(root)
    assert find_checkpoint(".").name == "wav2vec2-base"
    assert find_checkpoint("model.safetensors").name == "wav2vec2-base"
    monkeypatch.setenv("HOME", str(root.parent))
    assert find_checkpoint("~/wav2vec2-base").weights == root / "model.safetensors"


def test_the_files_that_describe_the_model(directory):
    root = directory("model.safetensors", "vocab.json", "config.json", "added_tokens.json", "README.md", "dict.ltr.txt")
    assert [path.name for path in find_checkpoint(root).description] == [
        "config.json",
        "vocab.json",
        "added_tokens.json",
        "dict.ltr.txt",
    ]


def test_what_names_these_very_files(directory):
    root = directory("model.safetensors")
    assert find_checkpoint(root).pinned == str(root / "model.safetensors")
    there = CheckpointFiles("hf://facebook/wav2vec2-base-960h", root, root / "model.safetensors", "a" * 40)
    assert there.pinned == f"hf://facebook/wav2vec2-base-960h@{'a' * 40}"


def test_a_checkpoint_of_the_hub_is_downloaded(directory, monkeypatch):
    root = directory("pytorch_model.bin", "config.json")
    asked = []

    def download(text, language):
        asked.append((text, language))
        return hub.DownloadedCheckpoint(root, text, "c" * 40, {})

    monkeypatch.setattr(hub, "download_checkpoint", download)
    files = find_checkpoint("hf://facebook/mms-1b-all@main", "fra")
    assert asked == [("hf://facebook/mms-1b-all@main", "fra")]
    assert files == CheckpointFiles("hf://facebook/mms-1b-all", root, root / "pytorch_model.bin", "c" * 40)


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        (
            "nowhere",
            UsageError,
            r"must be a directory or a file that exists, or hf://owner/name; nowhere does not exist",
        ),
        ("n" * 300, UsageError, r"must be a directory or a file that can be read: .*File name too long"),
        ("~nobody-at-all/x", UsageError, r"must be a directory or a file that can be read: .*home directory"),
        ("null\0", UsageError, r"does not exist"),
        ("https://example.org/model", UsageError, r"a directory, a file, or hf://owner/name, not 'https://example.org"),
        ("hf://facebook", UsageError, r"must be hf://owner/name or .* and not 'hf://facebook'"),
    ],
)
def test_what_is_no_checkpoint_is_refused(source, error, message):
    with pytest.raises(error, match=message):
        find_checkpoint(source)


def test_a_directory_without_weights_is_refused(directory):
    root = directory("config.json", "flax_model.msgpack")
    with pytest.raises(
        CheckpointError, match=r"must hold its weights, one of model.safetensors, .* or fairseq's \*\.pt"
    ):
        find_checkpoint(root)


def test_several_checkpoints_of_fairseq_are_not_chosen_from(directory):
    root = directory("checkpoint_best.pt", "checkpoint_last.pt", "dict.ltr.txt")
    with pytest.raises(
        CheckpointError, match=r"holds checkpoint_best.pt, checkpoint_last.pt; name the one that you mean"
    ):
        find_checkpoint(root)


@pytest.mark.parametrize(
    "name", ["model-00001-of-00002.safetensors", "config.json", "model.ckpt", "pytorch_model.bin.zip"]
)
def test_a_file_of_another_name_is_refused(name, directory):
    root = directory(name)
    with pytest.raises(CheckpointError, match=rf"fairseq's \*\.pt, not {name}; name the checkpoint's directory"):
        find_checkpoint(root / name)


def test_a_directory_that_is_named_like_weights_is_none(directory):
    root = directory()
    (root / "model.safetensors").mkdir()
    with pytest.raises(CheckpointError, match="must hold its weights"):
        find_checkpoint(Path(root))


def test_a_published_version_is_called_by_its_model(directory):
    root = directory("model.safetensors")
    (root / "RELEASE.json").write_text('{"name": "backbone", "version": 3}')
    assert find_checkpoint(root).name == "backbone, version 3"
    assert find_checkpoint(root / "model.safetensors").name == "backbone, version 3"
    (root / "RELEASE.json").write_text('{"name": "backb')
    assert find_checkpoint(root).name == "wav2vec2-base"
