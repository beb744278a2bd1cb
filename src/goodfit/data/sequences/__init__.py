"""Sequences of tokens with one label each."""

from goodfit.data.sequences.task import load

__all__ = ["load"]
