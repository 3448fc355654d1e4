"""The demo from the command line; 0 if every promise was kept, 1 if not or if it could not run."""

from __future__ import annotations

import argparse
import pprint
import shutil
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from rich.console import Console

from bed import BedError, keep, running, sweep
from demo.director import AWAY, Director
from demo.judges import judge
from demo.observer import Observer
from demo.parts import ROOT, Parts, apply_examples, bring_up, why_no_mariadb
from demo.report import report
from demo.screen import Screen
from demo.watcher import Watcher

_MARK = "demo"
_LONGEST = 900.0
_LOOK_EVERY = 0.5
_PLAIN_WIDTH = 160


def main(arguments: list[str] | None = None) -> int:
    """Run one command; what is missing is said in a sentence on stderr."""
    chosen = _parser().parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)  # a script's background jobs ignore SIGINT else
    folder: Path = chosen.folder.resolve()
    try:
        return int(chosen.run(folder, chosen))
    except BedError as failed:
        print(f"demo: {failed}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: interrupted; all that it had started was ended", file=sys.stderr)
        return 130


def up(folder: Path, chosen: argparse.Namespace) -> int:
    """The whole demo; what it started is ended at its end, unless it is to be kept."""
    if names := running(folder):
        raise BedError(f"{', '.join(names)} already run in {folder}: `make demo-down` ends them")
    _clear(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _MARK).touch()
    console = Console()
    if not console.is_terminal:
        console = Console(width=_PLAIN_WIDTH)
    try:
        parts, held = _perform(folder, Screen(console), console, sqlite=chosen.sqlite)
    except KeyboardInterrupt:
        _end(folder)
        raise
    except BaseException:
        sweep(folder)  # the logs stay
        raise
    if chosen.keep:
        keep(folder)
        _print(console, _what_to_try(parts))
    elif held:
        _end(folder)
    else:
        sweep(folder)
        _print(
            console, f"What was seen and all logs are in {folder}; `make demo-down` removes them."
        )
    return 0 if held else 1


def down(folder: Path, _: argparse.Namespace) -> int:
    """End all parts and remove the folder."""
    print("\n".join(f"ended {name}" for name in _end(folder)) or "nothing runs")
    return 0


def _perform(folder: Path, screen: Screen, console: Console, *, sqlite: bool) -> tuple[Parts, bool]:
    """Bring everything up, watch it to its rest, and judge: the parts, and whether all held."""
    if not sqlite and (why := why_no_mariadb()):
        screen.say(f"SQLite files stand in for the platforms' databases, since {why}")
        sqlite = True
    parts = bring_up(folder, screen.say, sqlite=sqlite)
    with Watcher(parts.claims) as watcher:
        director = Director(watcher, parts.database(AWAY).server, screen.say)
        observer = Observer(parts, watcher, director)
        apply_examples(parts.plane)
        screen.say("applied the examples: eight trainings of three platforms for two machines")
        try:
            _watch(observer, screen)
        finally:
            director.bring_back()
        screen.say("judging what the observer saw")
        facts = observer.facts()
        verdicts = judge(facts)
        (folder / "facts.txt").write_text(pprint.pformat(facts, width=_PLAIN_WIDTH))
        console.print(report(observer.ending(), verdicts))
    return parts, all(verdict.kept for verdict in verdicts)


def _watch(observer: Observer, screen: Screen) -> None:
    """Show how it stands and play the faults, until nothing more will come."""
    latest = time.monotonic() + _LONGEST
    with screen:
        while time.monotonic() < latest:
            view = observer.view()
            screen.show(view)
            observer.director.look(view)
            if not observer.parts.operator.is_running:
                raise BedError(f"the operator ended: {observer.parts.operator.tail()}")
            if observer.is_at_rest(view):
                return
            time.sleep(_LOOK_EVERY)
    screen.say(f"not at rest after {_LONGEST:.0f} s: judging what is there")


def _what_to_try(parts: Parts) -> str:
    places = "\n".join(f"  {one.server.place}" for one in parts.databases)
    return f"""\
Everything is still up. In a shell:
  export KUBECONFIG={parts.plane.kubeconfig} PATH={parts.plane.bin}:$PATH

  kubectl get tj -A -w                      # the trainings
  kubectl get mach                          # who holds which machine
  kubectl get plat                          # whether each database agrees
  kubectl describe tj -n latam digits-part-4
  kubectl delete tj -n saturno digits-lr-low && kubectl apply -f examples/jobs   # once more
  kubectl apply -f examples/hold.yaml       # ana takes gpu-2: see kubectl get mach
  kubectl delete -f examples/hold.yaml
MLflow: {parts.mlflow.url}
The platforms' databases:
{places}
The operator's log: {parts.operator.log}
`make demo-down` ends and removes all of it."""


def _end(folder: Path) -> list[str]:
    """End what runs and remove the folder; the names of what ran."""
    names = sweep(folder)
    _clear(folder)
    return names


def _clear(folder: Path) -> None:
    """Remove what a demo made; no other folder is ever removed."""
    if (folder / _MARK).exists():
        shutil.rmtree(folder)


def _print(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m demo", description="The main job, for real.")
    commands = parser.add_subparsers(required=True)
    for name, run, what in (
        ("up", up, "bring everything up, run the examples, judge, and end it all"),
        ("down", down, "end and remove what a kept demo left"),
    ):
        command = commands.add_parser(name, help=what)
        command.set_defaults(run=run)
        command.add_argument(
            "--folder", type=Path, default=ROOT / ".demo", help="where everything lives"
        )
    commands.choices["up"].add_argument("--keep", action="store_true", help="leave all up")
    commands.choices["up"].add_argument(
        "--sqlite", action="store_true", help="SQLite files instead of MariaDB servers"
    )
    return parser
