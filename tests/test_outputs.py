"""Output files are whole, and on the disk, or absent."""

from __future__ import annotations

import errno
import os
import stat
import warnings
from pathlib import Path

import pytest

from lmzip.outputs import atomic_output

POSIX = pytest.mark.skipif(os.name != "posix", reason="links, pipes, modes")


def write(target: Path, **options: object) -> bool:
    """Write an output; return whether it is safe on the disk."""
    with atomic_output(target, **options) as file:
        file.write(b"whole")
    return file.safe


def in_the_way(kind: str, path: Path) -> None:
    """Put something under the name of an output."""
    if kind == "a file":
        path.write_bytes(b"mine")
    elif kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a link to a device":
        path.symlink_to("/dev/null")
    else:
        (path.parent / "there").mkdir()
        path.symlink_to("there/victim")
        if kind == "a link":
            (path.parent / "there/victim").write_bytes(b"mine")


def test_an_output_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "out"
    with pytest.raises(RuntimeError), atomic_output(target) as file:
        file.write(b"half")
        assert not target.exists()
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with atomic_output(target) as file:
        file.write(b"whole")
    assert target.read_bytes() == b"whole"


def test_a_good_target_survives_a_failure(tmp_path):
    target = tmp_path / "out"
    target.write_bytes(b"good")
    with pytest.raises(RuntimeError), atomic_output(target, overwrite=True) as file:
        file.write(b"half")
        raise RuntimeError
    assert target.read_bytes() == b"good"
    assert list(tmp_path.iterdir()) == [target]
    with pytest.raises(FileExistsError), atomic_output(target):
        pass


def test_the_name_in_an_error_is_the_target(tmp_path):
    with pytest.raises(FileNotFoundError) as caught, atomic_output(tmp_path / "no" / "out"):
        pass
    assert caught.value.filename == str(tmp_path / "no" / "out")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs to be root")
def test_root_gives_the_output_to_the_owner_of_the_input(tmp_path):
    source = tmp_path / "in"
    source.write_bytes(b"x")
    os.chown(source, 12345, 54321)
    with atomic_output(tmp_path / "out", like=source.stat()) as file:
        file.write(b"y")
    status = (tmp_path / "out").stat()
    assert (status.st_uid, status.st_gid) == (12345, 54321)


def test_a_group_that_cannot_be_given_gets_what_everybody_gets(tmp_path, monkeypatch):
    def refuse(*arguments: object) -> None:
        raise PermissionError

    source = tmp_path / "in"
    source.write_bytes(b"x")
    source.chmod(0o664)
    status = source.stat()
    like = os.stat_result(
        (*status[:5], status.st_gid + 1, *status[6:]),
        {"st_atime_ns": status.st_atime_ns, "st_mtime_ns": status.st_mtime_ns},
    )
    monkeypatch.setattr(os, "chown", refuse)
    with atomic_output(tmp_path / "out", like=like) as file:
        file.write(b"y")
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o644


def test_mode_and_time_are_carried_over(tmp_path):
    source = tmp_path / "in"
    source.write_bytes(b"x")
    source.chmod(0o640)
    os.utime(source, ns=(10**18, 10**18))
    with atomic_output(tmp_path / "out", like=source.stat()) as file:
        file.write(b"y")
    status = (tmp_path / "out").stat()
    assert (status.st_mode & 0o777, status.st_mtime_ns) == (0o640, 10**18)


KINDS = ("a file", "a link", "a dangling link", "a link to a device", "a pipe")


@POSIX
@pytest.mark.parametrize("kind", KINDS)
def test_what_has_the_name_is_neither_followed_nor_opened(kind, tmp_path):
    target = tmp_path / "out"
    in_the_way(kind, target)
    before = os.lstat(target)
    with pytest.raises(FileExistsError):
        write(target)
    assert os.path.samestat(os.lstat(target), before)
    assert write(target, overwrite=True)
    assert stat.S_ISREG(os.lstat(target).st_mode) and target.read_bytes() == b"whole"
    victim = tmp_path / "there/victim"
    assert not victim.exists() or victim.read_bytes() == b"mine"
    assert victim.exists() == (kind == "a link")


def test_what_forbids_the_name_is_found_out_before_the_work(tmp_path):
    for overwrite in (False, True):
        with pytest.raises(IsADirectoryError), atomic_output(tmp_path, overwrite=overwrite):
            raise AssertionError("there was work")
        with pytest.raises(OSError, match="too long"), atomic_output(tmp_path / ("x" * 300)):
            raise AssertionError("there was work")


@pytest.mark.parametrize("how", ["link", "rename"])
def test_a_target_made_meanwhile_is_not_replaced(how, tmp_path, monkeypatch):
    if how == "rename":
        monkeypatch.setattr(os, "link", fail(errno.EPERM))
    with pytest.raises(FileExistsError) as caught, atomic_output(tmp_path / "out") as file:
        file.write(b"late")
        (tmp_path / "out").write_bytes(b"mine")
    assert caught.value.filename == str(tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"mine"
    assert len(list(tmp_path.iterdir())) == 1 and not file.safe


def test_a_file_system_without_hard_links(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", fail(errno.EPERM))
    assert write(tmp_path / "out") and (tmp_path / "out").read_bytes() == b"whole"


def fail(number: int, only=lambda *arguments: True, otherwise=None):
    """A system call that fails with an error number."""

    def call(*arguments: object, **options: object) -> object:
        if only(*arguments):
            raise OSError(number, os.strerror(number))
        return otherwise(*arguments, **options)

    return call


def is_directory(descriptor: int) -> bool:
    return stat.S_ISDIR(os.fstat(descriptor).st_mode)


def is_file(descriptor: int) -> bool:
    return not is_directory(descriptor)


@POSIX
@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, errno.EIO])
@pytest.mark.parametrize("call", ["chown", "chmod", "utime"])
def test_what_would_be_nice_to_have_ends_in_a_warning(call, number, tmp_path, monkeypatch):
    (tmp_path / "in").write_bytes(b"x")
    monkeypatch.setattr(os, call, fail(number))
    with pytest.warns(RuntimeWarning, match=r"out: its \w+ cannot be set: "):
        assert write(tmp_path / "out", like=(tmp_path / "in").stat())
    assert (tmp_path / "out").read_bytes() == b"whole"


@POSIX
def test_an_owner_that_nobody_may_set_is_not_worth_a_word(tmp_path, monkeypatch):
    (tmp_path / "in").write_bytes(b"x")
    monkeypatch.setattr(os, "chown", fail(errno.EPERM))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert write(tmp_path / "out", like=(tmp_path / "in").stat())


@POSIX
@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EROFS, errno.ENOSYS])
@pytest.mark.parametrize("only", [is_file, is_directory])
def test_a_file_system_without_fsync(number, only, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", fail(number, only, os.fsync))
    with pytest.warns(RuntimeWarning, match="is on the disk cannot be known"):
        assert write(tmp_path / "out") == (only is is_directory), "a file nobody knows to be safe"
    assert (tmp_path / "out").read_bytes() == b"whole"


@POSIX
def test_a_directory_that_may_be_written_but_not_read(tmp_path, monkeypatch):
    refuse = fail(errno.EACCES, lambda path, *rest: os.path.isdir(path), os.open)
    monkeypatch.setattr(os, "open", refuse)
    with pytest.warns(RuntimeWarning, match="permission denied"):
        assert write(tmp_path / "out")


@POSIX
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("only", [is_file, is_directory])
def test_bytes_that_did_not_reach_the_disk_are_an_error(number, only, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", fail(number, only, os.fsync))
    with pytest.raises(OSError) as caught:
        write(tmp_path / "out")
    assert (caught.value.errno, caught.value.filename) == (number, str(tmp_path / "out"))
    assert (tmp_path / "out").exists() == (only is is_directory)
