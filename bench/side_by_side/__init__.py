"""What a training costs here, beside a plain batch/v1 Job with the same pod: `make bench`."""
