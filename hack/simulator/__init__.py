"""The simulator: production plan and reconcile code over fake effects and a virtual clock.

    python -m simulator --seeds 2000            # many, on both cores, with the table of hits
    python -m simulator --seed 7 --trace        # one, with all that happened

- `loop`: the deterministic event loop, with processes that freeze and die.
- `scenario`: what a seed draws; `deeds`: how people, programs and mishaps do it; `objects`: bodies;
  `scenario_databases`, `_machines`, `_people` and the `deeds_` of these names: the same for what
  befalls a database but being away, for providers, for words on Machines; `scenario_clocks` and
  `scenario_tracker`: the same for wall clocks and MLflow;
  `drawing`: all of it.
- `weather`: which fault meets which call; `line`: what the fault does to it; `proxy`: the ports.
- `operators`: the operators' processes and watches; `databases`: the platforms' databases.
- `world`: all of it together, turned into facts; `runner`: one seed from start to rest;
  `campaign`: many seeds.
- `facts`, `book`, `limits`, `observer`: what the observer is told, knows, and may ask for, and how
  it judges;
  `promises_*`: what it holds the operators to; `reading`: what is read at rest.

Nothing in here is imported by the operator, and nothing starts a thread or opens a socket.
"""
