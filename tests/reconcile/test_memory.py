"""What a process remembers goes with what it is about."""

from tests.builders import NOW, a_machine, off, on

from trainlease.reconcile.memory import Memory


def test_what_is_remembered_of_a_machine_goes_with_it() -> None:
    memory = Memory()
    kept, gone = a_machine("gpu-1"), a_machine("gpu-2")
    for machine in (kept, gone):
        memory.saw(machine, on(1), NOW)
        memory.saw(machine, off(), NOW)
        memory.made.add((machine.uid, 1))
        memory.issued.add((machine.uid, 2))
    memory.forget_others({kept.uid})
    assert set(memory.views) == set(memory.off_since) == {kept.uid}
    assert memory.made == {(kept.uid, 1)}
    assert memory.issued == {(kept.uid, 2)}
    assert set(memory.started) == {(kept.uid, 1)}
