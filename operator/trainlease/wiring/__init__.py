"""One module for each process: the only place that chooses real effects."""
