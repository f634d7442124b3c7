"""Networks on disk, whatever they answer: weights and their cards, checkpoints of a training."""
