"""Power allocators, one module each; `sim` finds them by name through the entry points."""
