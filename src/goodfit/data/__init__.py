"""From a person's files or frames to a `Task`: one module for each kind of data."""
