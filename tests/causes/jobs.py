"""Small jobs for the tests of causes: with a fault, healthy with something near its symptom, and of another cause."""

from tests.causes.faulty import FAULTY
from tests.causes.lookalikes import LOOKALIKES
from tests.causes.others import OTHERS

__all__ = ["FAULTY", "LOOKALIKES", "OTHERS"]
