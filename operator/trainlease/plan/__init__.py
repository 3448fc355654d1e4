"""Decide: pure functions from facts to actions. `now` is an argument; no network, no random."""
