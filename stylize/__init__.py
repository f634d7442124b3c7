"""The same race for images, on the harness `sim.deadline`: to come."""
