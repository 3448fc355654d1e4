"""Figures that a command prints: what the code promises in numbers, measured on the code itself."""
