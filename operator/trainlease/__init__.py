"""trainlease lends a few GPU machines to several platforms, one holder at a time."""

__version__ = "0.1.0"
