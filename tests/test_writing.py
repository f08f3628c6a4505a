"""The one door through which files are written."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steadypose import SteadyposeError
from steadypose._writing import (
    _disk,
    _workplace,
    alone,
    inside,
    made_folders,
    one_call,
    tidy,
    will_read,
    will_write,
    write_text,
    writing,
)
from steadypose._writing._call import Paths, Where

NAMES = st.text(st.sampled_from("ab./\\~\u00e9 "), min_size=1, max_size=12)


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system without the calls that only Linux has."""
    monkeypatch.setattr(_disk, "_function", lambda name: None)


def no_links(source: object, target: object, **options: object) -> None:
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


@pytest.mark.parametrize("system", ["all", "plain"])
def test_a_name_that_is_taken_is_not_replaced(
    system: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if system == "plain":
        request.getfixturevalue("plain")
    for name in ("made", "taken"):
        (tmp_path / name).write_text(name)
        (tmp_path / f"{name} folder").mkdir()
        (tmp_path / f"{name} folder" / "a").touch()
    for kind in ("", " folder"):
        with pytest.raises(OSError, match=r"exists|not empty"):
            _disk.take_new(tmp_path / f"made{kind}", tmp_path / f"taken{kind}")
        _disk.take_new(tmp_path / f"made{kind}", tmp_path / f"free{kind}")
        assert not (tmp_path / f"made{kind}").exists()
    assert (tmp_path / "taken").read_text() == "taken"
    assert (tmp_path / "free").read_text() == "made"


def test_without_links_too_the_door_says_what_may_happen(
    plain: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", no_links)
    with pytest.warns(RuntimeWarning, match="can neither rename without replacing nor link"):
        write_text(tmp_path / "a", "new")
    with pytest.raises(SteadyposeError, match="exists already"):
        write_text(tmp_path / "a", "newer")
    assert (tmp_path / "a").read_text() == "new"


def test_folders_without_an_exchange(plain: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", no_links)  # strangers are copied then
    (tmp_path / "out").mkdir()
    for name in ("frame", "notes"):
        (tmp_path / "out" / name).write_text("old")

    def write() -> None:
        with writing(tmp_path / "out", force=True, own=lambda folder: ["frame"]) as made:
            made.mkdir()
            (made / "frame").write_text("new")

    with pytest.warns(RuntimeWarning, match="cannot exchange folders in one step"):
        write()
    assert (tmp_path / "out" / "frame").read_text() == "new"
    assert (tmp_path / "out" / "notes").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_what_was_set_aside_when_the_process_was_killed_is_put_back(tmp_path: Path) -> None:
    left = tmp_path / ".steadypose-0123456789ab"
    for place, text in (("old", "old"), ("new", "new")):
        (left / place / "out").mkdir(parents=True)
        (left / place / "out" / "frame").write_text(text)
    tidy(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out" / "frame").read_text() == "old"


def test_only_what_a_killed_process_left_is_taken_away(tmp_path: Path) -> None:
    mine = tmp_path / ".steadypose-notes"
    mine.mkdir()
    (tmp_path / ".steadypose-0123456789ab").write_text("a file")
    (tmp_path / ".steadypose-0123456789ac").mkdir()
    with _workplace.workplace(tmp_path) as work:
        assert not (tmp_path / ".steadypose-0123456789ac").exists()
        _workplace._tidied.discard(tmp_path)
        tidy(tmp_path)
        assert work.exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == [".steadypose-0123456789ab", ".steadypose-notes"]


def test_what_comes_into_a_folder_meanwhile_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "frame").write_text("old")
    flush = _disk.flush

    def late(path: Path) -> None:
        (tmp_path / "out" / "late").write_text("mine")
        flush(path)

    monkeypatch.setattr("steadypose._writing.flush", late)
    with writing(tmp_path / "out", force=True, own=lambda folder: ["frame"]) as made:
        made.mkdir()
        (made / "frame").write_text("new")
    assert {p.name: p.read_text() for p in (tmp_path / "out").iterdir()} == {"frame": "new", "late": "mine"}


def test_a_disk_that_fails_only_when_flushed_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "a").write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SteadyposeError, match="a: could not be written: No space left on device"):
        write_text(tmp_path / "a", "new", force=True)
    assert (tmp_path / "a").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@given(name=NAMES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_name_lies_inside_or_is_refused(name: str, tmp_path: Path) -> None:
    try:
        path = inside(tmp_path / "out", name)
    except SteadyposeError as e:
        assert "leads out of it" in str(e)
    else:
        assert os.path.commonpath([path.resolve(), tmp_path / "out"]) == str(tmp_path / "out")


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "link").symlink_to("..")
    with pytest.raises(SteadyposeError, match="leads out of it"):
        inside(tmp_path / "out", "link/a")


def test_a_call_touches_nothing_that_it_reads_and_writes_nothing_twice(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_text("mine")
    with one_call():
        will_read(tmp_path / "in")
        for target in ("in", "in/a", "in/new", "in/../in"):
            with pytest.raises(SteadyposeError, match="never touches its input"):
                will_write(tmp_path / target)
        will_write(tmp_path / "b")
        with pytest.raises(SteadyposeError, match="found it given twice"):
            will_write(tmp_path / "c", tmp_path / "in" / ".." / "b")
        write_text(tmp_path / "b", "new")
        with pytest.raises(SteadyposeError, match="found it given twice"):
            write_text(tmp_path / "b", "newer", force=True)
        for _ in range(2):
            with writing(tmp_path / "d", force=True, renew=True) as made:
                made.write_text("again")
    write_text(tmp_path / "b", "of another call", force=True)
    assert (tmp_path / "in" / "a").read_text() == "mine"


def test_paths_are_the_same_by_whatever_name(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    os.link(tmp_path / "a", tmp_path / "hard")
    (tmp_path / "soft").symlink_to("a")
    paths = Paths([tmp_path / "a", tmp_path / "not there"])
    for name in ("a", "hard", "soft", "x/../a", "not there"):
        assert paths.same(Where.of(tmp_path / name))
    assert not paths.same(Where.of(tmp_path / "b"))
    assert paths.touched_by(Where.of(tmp_path)) == "holds the file that was read"
    assert not paths.same(Where.of(tmp_path / ("a" * 300)))


def test_folders_that_were_made_for_nothing_go_again(tmp_path: Path) -> None:
    with pytest.raises(SteadyposeError), made_folders(tmp_path / "a" / "b"):
        raise SteadyposeError("nothing came of it")
    assert not any(tmp_path.iterdir())
    with pytest.raises(SteadyposeError), made_folders(tmp_path / "a" / "b"):
        (tmp_path / "a" / "mine").touch()
        raise SteadyposeError("nothing came of it")
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["mine"]


def test_a_folder_is_one_runs_alone(tmp_path: Path) -> None:
    with (
        alone(tmp_path / "run"),
        pytest.raises(SteadyposeError, match="found another run at work in it"),
        alone(tmp_path / "run"),
    ):
        pass
    with alone(tmp_path / "run"):
        pass
