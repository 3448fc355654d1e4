"""The demo: the main job on real parts, watched and judged from the outside.

`python -m demo up [--keep] [--sqlite]` brings everything up, runs the examples through three
faults, and ends with a verdict for each promise; `python -m demo down` removes what was kept.
"""
