"""What the process counts of itself, and how it is read from outside."""
