"""The hall every room opens onto: errors, runtime, statistics and the eight central types."""
