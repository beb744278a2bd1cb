"""Pictures with one label each."""

from goodfit.data.images.task import load

__all__ = ["load"]
