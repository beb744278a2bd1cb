"""The decision guide: the questions as data, and the judges that answer them from measured numbers."""

from goodfit.guide.tree import TREE, Question
from goodfit.guide.verdict import diagnose_scores

__all__ = ["TREE", "Question", "diagnose_scores"]
