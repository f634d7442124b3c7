"""What a study found: figures, their numbers, and sentences computed from its table."""
