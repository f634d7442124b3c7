"""Hexagonal cells: where their centres are, and uniform points inside one."""

from __future__ import annotations

import math

import numpy as np

from sim.problem import FloatArray

# Centres lie in these directions from each other: the normals of a cell's six edges.
_ANGLES = np.arange(6) * (math.pi / 3.0)
_NORMALS = np.stack((np.cos(_ANGLES), np.sin(_ANGLES)), axis=1)


def hexagon_centers(cells: int, inradius_m: float) -> FloatArray:
    """Return the centres of cells laid in rings around the first, ``(cells, 2)``, in metres.

    Neighbouring centres are two inradii apart. The second and third cell touch each other as well
    as the first; seven cells are one full ring, nineteen are two.
    """
    centers = [np.zeros(2)]
    ring = 0
    while len(centers) < cells:
        ring += 1
        # From each corner of the ring walk along its side, to the next corner.
        for side in range(6):
            along = _NORMALS[(side + 2) % 6]
            centers.extend(ring * _NORMALS[side] + step * along for step in range(ring))
    return 2.0 * inradius_m * np.array(centers[:cells])


def points_in_hexagon(
    rng: np.random.Generator, shape: tuple[int, ...], inradius_m: float, inner_radius_m: float
) -> FloatArray:
    """Draw points uniform in the hexagon around the origin, outside a disc.

    Args:
        rng: where they are drawn from.
        shape: shape of the array of points.
        inradius_m: distance from the centre to an edge.
        inner_radius_m: radius of the disc, less than the inradius.

    Returns:
        Positions in metres, ``(*shape, 2)``.
    """
    points = _in_hexagon(rng, math.prod(shape), inradius_m)
    inside = np.flatnonzero(np.hypot(points[:, 0], points[:, 1]) < inner_radius_m)
    while inside.size:
        points[inside] = again = _in_hexagon(rng, inside.size, inradius_m)
        inside = inside[np.hypot(again[:, 0], again[:, 1]) < inner_radius_m]
    return points.reshape(*shape, 2)


def _in_hexagon(rng: np.random.Generator, n: int, inradius_m: float) -> FloatArray:
    """Draw ``n`` points uniform in the whole hexagon, ``(n, 2)``."""
    # One of six triangles between centre and edge: its width grows with the distance from the
    # centre, so that distance has density proportional to itself.
    normal = _NORMALS[rng.integers(6, size=n)]
    height = inradius_m * np.sqrt(rng.random(n))
    across = height * math.tan(math.pi / 6.0) * rng.uniform(-1.0, 1.0, n)
    x = height * normal[:, 0] - across * normal[:, 1]
    y = height * normal[:, 1] + across * normal[:, 0]
    return np.stack((x, y), axis=1)
