"""Training runs with a known fault (or none), to judge the naming of causes; the format is in `bench.jobs.measure`."""
