"""What is kept is whole, made once, and made anew when its recipe changes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bed.cache import cache_folder, content_key, kept


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINLEASE_CACHE", str(tmp_path))


def test_two_starters_make_it_once() -> None:
    made: list[Path] = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "it").write_text("whole")

    with ThreadPoolExecutor() as pool:
        folders = list(pool.map(lambda _: kept("thing", "k", make), range(8)))

    assert len(made) == 1
    assert {(folder / "it").read_text() for folder in folders} == {"whole"}


def test_what_a_crash_left_half_made_is_made_anew() -> None:
    def crash(folder: Path) -> None:
        (folder / "half").touch()
        raise RuntimeError("crash")

    with pytest.raises(RuntimeError, match="crash"):
        kept("thing", "k", crash)
    folder = kept("thing", "k", lambda folder: (folder / "it").touch())

    assert not (folder / "half").exists()
    assert (folder / "it").exists()


def test_the_key_tells_recipes_apart(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe"
    recipe.write_text("ab")
    keys = {
        content_key(recipe),
        content_key("a", "b"),
        content_key("b", "a"),
        content_key(recipe, "a"),
    }
    assert len(keys) == 4
    assert content_key(recipe) == content_key(b"ab") == content_key("ab")


def test_the_cache_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cache_folder() == tmp_path
    monkeypatch.delenv("TRAINLEASE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "trainlease"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "trainlease"
