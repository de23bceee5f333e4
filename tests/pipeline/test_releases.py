"""Which versions are published."""

from pipeline.releases import published_versions


def test_a_version_counts_while_its_directory_is_there(tmp_path):
    assert published_versions(tmp_path, "tiny") == {}
    for format_, version in (("saved_model", "3"), ("onnx", "2")):
        (tmp_path / "tiny" / format_ / version).mkdir(parents=True)
        (tmp_path / "tiny" / format_ / "latest").write_text(f"{version}\n")
    assert published_versions(tmp_path, "tiny") == {"saved_model": "3", "onnx": "2"}
    (tmp_path / "tiny" / "onnx" / "2").rmdir()
    assert published_versions(tmp_path, "tiny") == {"saved_model": "3"}
    assert published_versions(tmp_path, "other") == {}
