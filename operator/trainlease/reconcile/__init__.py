"""Observe, plan, act, report: the loop that makes the world what the objects say.

What is decided is decided in `plan`; what is done is done by `effects`, behind their ports.
"""
