"""What a process remembers goes with what it is about."""

from datetime import timedelta

from tests.builders import NOW, a_machine, off, on

from trainlease.reconcile.memory import Memory


def test_what_is_remembered_of_a_machine_goes_with_it() -> None:
    memory = Memory()
    kept, gone = a_machine("gpu-1"), a_machine("gpu-2")
    for machine in (kept, gone):
        memory.saw(machine, on(1), NOW, 10.0)
        memory.saw(machine, off(), NOW, 20.0)
        memory.stood_for(machine, 20.0)
        memory.made.add((machine.uid, 1))
        memory.issued.add((machine.uid, 2))
    memory.forget_others({kept.uid})
    assert set(memory.views) == set(memory.off_since) == set(memory.stood_since) == {kept.uid}
    assert memory.made == {(kept.uid, 1)}
    assert memory.issued == {(kept.uid, 2)}
    assert set(memory.started) == {(kept.uid, 1)}


def test_a_machine_has_been_off_since_it_was_seen_so_without_a_break() -> None:
    memory, machine = Memory(), a_machine("gpu-1")
    assert memory.off_for(machine, 5.0) is None
    for view, tick in ((off(), 10.0), (off(), 12.0)):
        memory.saw(machine, view, NOW, tick)
    assert memory.off_for(machine, 15.0) == timedelta(seconds=5)
    memory.lost_sight(machine)
    assert memory.off_for(machine, 16.0) is None


def test_a_ledger_stands_as_it_does_since_this_process_saw_it_so() -> None:
    memory, machine = Memory(), a_machine("gpu-1", generation=1)
    assert memory.stood_for(machine, 10.0) == timedelta(0)
    assert memory.stood_for(machine, 14.0) == timedelta(seconds=4)
    later = a_machine("gpu-1", generation=2)
    assert memory.stood_for(later, 15.0) == timedelta(0)
