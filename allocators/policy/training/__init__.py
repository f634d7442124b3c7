"""Training of our own policies on `sim.env`, and what they are worth; needs the extra ``rl``."""
