"""The run folder: what is to the left of it measures, what is to the right of it only reads."""

from servemark.store.folder import SCHEMA_VERSION, RunFolder, create_run, find_run, list_runs

__all__ = ["SCHEMA_VERSION", "RunFolder", "create_run", "find_run", "list_runs"]
