"""Series: predict the next day (hour, week, month) from the last ones."""

from goodfit.data.series.task import load, load_histories

__all__ = ["load", "load_histories"]
