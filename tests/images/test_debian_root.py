"""What a machine must have for a Debian root, said where it is missing."""

import subprocess
import sys
from pathlib import Path

import pytest

from images import check, debian_root


def test_without_root_it_is_said(monkeypatch, capsys):
    monkeypatch.setattr(debian_root.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(sys, "argv", ["check", "beam-ingest"])
    assert check.main() == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("A Debian root is made by root; run this as root, or as `unshare --map-root-user")


def test_without_a_program_it_is_named(monkeypatch):
    monkeypatch.setattr(debian_root.os, "geteuid", lambda: 0)
    monkeypatch.setattr(debian_root.shutil, "which", lambda name: None if name == "dpkg-deb" else f"/usr/bin/{name}")
    with pytest.raises(debian_root.NotPossibleError, match=r"The program dpkg-deb is needed, and was not found"):
        debian_root.require_rights()


def test_without_the_right_to_mount_it_is_said(monkeypatch):
    def refused(command, **options):
        return subprocess.CompletedProcess(command, 1, "", "unshare: unshare failed: Operation not permitted\n")

    monkeypatch.setattr(debian_root.os, "geteuid", lambda: 0)
    monkeypatch.setattr(debian_root.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(debian_root.subprocess, "run", refused)
    with pytest.raises(
        debian_root.NotPossibleError, match=r"the right to mount, and it is refused: unshare: .* not perm"
    ):
        debian_root.require_rights()


def test_the_system_s_python_is_not_copied(monkeypatch, tmp_path):
    monkeypatch.setattr(debian_root.sys, "base_prefix", "/usr")
    monkeypatch.setattr(debian_root, "_called", lambda *arguments: None)
    monkeypatch.setattr(debian_root, "_with_mmdebstrap", lambda folder: "")
    (tmp_path / "etc/ssl/certs").mkdir(parents=True)
    with pytest.raises(
        debian_root.NotPossibleError, match=r"This Python is the system's, in /usr, and cannot be copied"
    ):
        debian_root.make(tmp_path)


def test_a_command_that_fails_is_shown_with_what_it_said(monkeypatch):
    def failed(command, **options):
        return subprocess.CompletedProcess(command, 100, "", "E: Unable to locate package mmdebstrap\n")

    monkeypatch.setattr(debian_root.shutil, "which", lambda name: None)
    monkeypatch.setattr(debian_root.subprocess, "run", failed)
    with pytest.raises(
        debian_root.NotPossibleError, match=r"`apt-get update` failed: E: Unable to locate package mmdebstrap"
    ):
        debian_root.make(Path("/nowhere"))
