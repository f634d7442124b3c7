"""From propagation paths, as ray tracers list them, to the gains of subbands."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from sim.channel import checks
from sim.deadline.errors import InputError
from sim.problem import FloatArray


def subband_gain(
    amplitude: ArrayLike,
    delay_s: ArrayLike,
    *,
    bandwidth_hz: float,
    subbands: int,
    tones: int = 12,
) -> FloatArray:
    """Return the mean power gain in each subband, ``(N, S, rx, tx)``: what `write_trace` takes.

    The gain at f from the carrier is ``|sum of a exp(-j 2 pi f delay)|^2``. The band lies
    around the carrier, in S subbands of equal width, the lowest first; f takes the middles of
    ``tones`` equal parts of a subband.

    Args:
        amplitude: complex amplitude of each path at the carrier, its phase there included,
            ``(N, rx, tx, P)``: time, receiver, transmitter, path; 0 where there is no path.
        delay_s: delay of each path in seconds, of that shape, or one that broadcasts to it, such as
            ``(rx, tx, P)``; only differences of delays matter.
        bandwidth_hz: of all subbands together.
        subbands: S.
        tones: frequencies that a subband's gain is the mean of.

    Raises:
        InputError: the shapes do not fit, or a number is not above zero.
    """
    a, delay = np.asarray(amplitude, dtype=np.complex128), np.asarray(delay_s, dtype=np.float64)
    if a.ndim != 4:
        raise InputError(f"amplitude: has shape {a.shape}, want (time, rx, tx, path)")
    try:
        np.broadcast_to(delay, a.shape)
    except ValueError:
        raise InputError(
            f"delay_s: has shape {delay.shape}, want {a.shape}, that of the amplitude"
        ) from None
    tone_hz = checks.positive("bandwidth_hz", bandwidth_hz) / (
        checks.count("subbands", subbands) * checks.count("tones", tones)
    )
    gain = np.zeros((a.shape[0], subbands, *a.shape[1:3]))
    for i in range(subbands * tones):
        f = (i + 0.5 - subbands * tones / 2) * tone_hz
        h = (a * np.exp(-2j * np.pi * f * delay)).sum(axis=-1)
        gain[:, i // tones] += (h.real**2 + h.imag**2) / tones
    return gain
