"""The record of each attempt: one run, its metrics, its model version, the production alias."""
