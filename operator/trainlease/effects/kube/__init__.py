"""The API server: read, list, create, patch, delete, each guarded by what was read."""
