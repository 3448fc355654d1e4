"""Every generated file of the repository, by its path, as it should be."""

from __future__ import annotations

from pathlib import Path

from generate import crd, metrics, reference, states

ROOT = Path(__file__).resolve().parents[2]


def wanted() -> dict[Path, str]:
    """What each file should hold."""
    definitions = {ROOT / "crds" / f"{r.model.plural}.yaml": crd.text(r) for r in crd.RESOURCES}
    docs = ROOT / "docs"
    return {
        **definitions,
        docs / "metrics.md": metrics.text(),
        docs / "reference.md": reference.text(),
        docs / "states.md": states.text(),
    }


def stale(files: dict[Path, str]) -> list[Path]:
    """The files that hold something else, or are not there."""
    return [path for path, text in files.items() if _read(path) != text]


def write(files: dict[Path, str]) -> list[Path]:
    """Bring the files up to date; answers which were not."""
    changed = stale(files)
    for path in changed:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[path])
    return changed


def _read(path: Path) -> str | None:
    return path.read_text() if path.exists() else None
