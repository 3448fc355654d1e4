"""Mutants: the operator with one guard less, and the simulator that must notice.

    python -m mutants               # all, two at a time, and a table of what caught each
    python -m mutants undo reaper   # those whose names begin so

Each mutant is a patch on a copy of operator/: the program itself has no switch. One that applies no
longer, or that only crashes, is an error of the mutant. Not in here: the promises and the faults,
which are the simulator's and are taken as they are.
"""
