"""An environment's slot as a table of its links, for a terminal or a log."""

from __future__ import annotations

import numpy as np

from sim.env.scene import Scene

_BAR = 20


def scene_text(scene: Scene) -> str:
    """Return a table with a row for each link: own gain, power, rate; all its subbands together."""
    lines = [
        f"slot {scene.slot}, {scene.outcome}: {scene.sum_rate_bps_hz:.2f} bit/s/Hz"
        + (
            ""
            if scene.reference_bps_hz is None
            else f", reference {scene.reference_bps_hz:.2f} bit/s/Hz"
        ),
        f"link   gain dB  {'power':{_BAR + 9}s}  bit/s/Hz",
    ]
    own = np.diagonal(scene.gain, axis1=1, axis2=2).mean(axis=0)
    cap = scene.p_max_w.sum(axis=0)
    share = np.divide(scene.power_w.sum(axis=0), cap, out=np.zeros_like(cap), where=cap > 0)
    for link, rate in enumerate(scene.link_rate_bps_hz):
        gain = f"{10.0 * np.log10(own[link]):8.1f}" if own[link] > 0 else "    none"
        bar = "#" * round(_BAR * share[link])
        lines.append(f"{link:4d}  {gain}  [{bar:{_BAR}s}] {share[link]:5.0%}  {rate:9.3f}")
    return "\n".join(lines)
