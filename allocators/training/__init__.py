"""Data, training and measured quality of learned allocators; torch only where a network trains."""
