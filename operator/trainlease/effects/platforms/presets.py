"""Mappings of schemas that repeat, by name. Not in here: whether a database fits one."""

from trainlease.model.base import joined
from trainlease.model.errors import BadSpec
from trainlease.model.platform import (
    MachineTable,
    Mapping,
    Platform,
    StartLog,
    TrainingStates,
    TrainingTable,
)

PRESETS: dict[str, Mapping] = {
    "integrations-v1": Mapping(
        machines=MachineTable(
            table="maquinas",
            key="nombre",
            status="estado",
            free="libre",
            occupied="ocupada",
            owner="usada_por",
        ),
        trainings=TrainingTable(
            table="entrenamientos",
            key="id",
            status="estado",
            states=TrainingStates(
                waiting="en_espera",
                running="en_curso",
                succeeded="terminado",
                failed="fallido",
            ),
            message="mensaje",
            started="inicio",
            ended="fin",
        ),
        start_log=StartLog(
            table="encendidos",
            id="id",
            machine="maquina",
            who="usuario",
            started="encendida_en",
            ended="apagada_en",
        ),
    ),
}
"""The schema of the "integrations" platforms, which were all started from one template."""


def mapping_of(platform: Platform) -> Mapping:
    """How this platform's tables are named: its own mapping, or its preset's.

    Raises BadSpec for a preset that is not known.
    """
    database = platform.spec.database
    if database.mapping is not None:
        return database.mapping
    known = PRESETS.get(database.preset or "")
    if known is None:
        raise BadSpec(
            f"there is no preset {database.preset!r}: name one of {joined(sorted(PRESETS))}, "
            "or write a mapping"
        )
    return known
