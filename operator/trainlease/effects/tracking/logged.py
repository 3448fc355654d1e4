"""Which model a run logged, whatever client it used: found where it was logged, never guessed.

A client of MLflow 3 logs a LoggedModel, which is no artifact of the run. An older one logs a
folder of the run's artifacts and notes that in a tag of the run. A folder that a training made by
hand is found by its file MLmodel, if there is nothing else.
"""

import json
from collections import Counter
from collections.abc import Iterable

from trainlease.effects.tracking.api import Api, LoggedModelRow, RunRow
from trainlease.model import tracking as word
from trainlease.model.base import joined
from trainlease.model.errors import BadSpec, SeveralModels

_MODEL_FILE = "MLmodel"


async def the_model_of(api: Api, run: RunRow) -> LoggedModelRow | str | None:
    """The one model that the run logged, or the folder where it is; None if it logged none.

    SeveralModels if there are more, BadSpec if there is only one that was not logged to its end.
    """
    models = await api.logged_models(run)
    found: list[LoggedModelRow | str] = [model for model in models if model.ready]
    found += _noted_folders(run)
    if not found:
        found += await api.folders_with(run.run_id, _MODEL_FILE)
    if len(found) > 1:
        names = _counted(m if isinstance(m, str) else m.name for m in found)
        raise SeveralModels(
            f"the run logged {len(found)} models ({names}), so that none was registered: "
            "log one model a run"
        )
    if not found and models:
        names = _counted(model.name for model in models)
        raise BadSpec(
            f"the run did not log its model ({names}) to the end, so that it was not registered: "
            "see the training's log"
        )
    return found[0] if found else None


def _noted_folders(run: RunRow) -> list[str]:
    """What a client of MLflow 2 noted; a folder that was logged to twice is one."""
    try:
        noted = json.loads(run.tags.get(word.LOGGED_FOLDERS, "[]"))
        return sorted({str(model["artifact_path"]) for model in noted})
    except (ValueError, TypeError, KeyError):
        return []


def _counted(names: Iterable[str]) -> str:
    """`large, small and model (3 times)`."""
    return joined(
        name if times == 1 else f"{name} ({times} times)"
        for name, times in sorted(Counter(names).items())
    )
