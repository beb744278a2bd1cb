"""Tables: rows of numbers, categories and dates, and one column to predict."""

from goodfit.data.table.task import load

__all__ = ["load"]
