"""The simulator: production plan and reconcile code over fake effects and a virtual clock.

`loop` is the deterministic event loop, `world` what a seed draws, `proxy` the faults between the
operator and its ports, `observer` the judge of the promises, `runner` one seed from start to rest.
Nothing in here is imported by the operator, and nothing starts a thread or opens a socket.
"""
