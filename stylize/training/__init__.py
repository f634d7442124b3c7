"""Train the fast network on the loss that also drives the slow solver."""
