"""What allocators are worth away from home: the generalisation table and the mismatch matrix."""

from allocators.evaluation.cells import evaluation_table

__all__ = ["evaluation_table"]
