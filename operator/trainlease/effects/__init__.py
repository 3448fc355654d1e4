"""Do: each outside library is imported in one place, behind a port that a fake passes too."""
