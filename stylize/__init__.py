"""The same race for images, on the harness `sim.deadline`: style transfer, slow and fast."""
