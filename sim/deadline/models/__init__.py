"""Networks, whatever they answer: weights, cards, checkpoints on disk; Muon, to train them."""
