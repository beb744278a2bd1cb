"""The decision guide: the questions as data, and the judges that answer them from measured numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from goodfit.guide.tree import TREE, Question

if TYPE_CHECKING:
    from goodfit.guide.verdict import diagnose_scores as diagnose_scores

__all__ = ["TREE", "Question", "diagnose_scores"]


def __getattr__(name: str) -> Any:
    # The tree can be printed without waiting for torch.
    if name == "diagnose_scores":
        from goodfit.guide.verdict import diagnose_scores

        return diagnose_scores
    raise AttributeError(f"module 'goodfit.guide' has no attribute {name!r}")
