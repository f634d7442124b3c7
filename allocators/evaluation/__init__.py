"""What allocators are worth away from home: the generalisation table and the mismatch matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from allocators.evaluation.cells import evaluation_table

__all__ = ["evaluation_table"]


def __getattr__(name: str) -> Any:
    # Not before it is asked for: the commands' help would load all that an evaluation needs.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from allocators.evaluation import cells

    return getattr(cells, name)
