"""Training runs with a known fault (or none), to judge the naming of causes; `_common` states the format."""
