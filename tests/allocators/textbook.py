"""WMMSE once more, straight from the paper, loops and all: what the fast ones must agree with.

Complex channels and receivers, and the mean square error written out term by term, so that it
shares neither code nor algebra with the allocators.
"""

from __future__ import annotations

import math

Matrix = list[list[complex]]
Vector = list[float]


def wmmse(
    h: Matrix, noise: Vector, p_max: Vector, weight: Vector, tolerance: float, max_iterations: int
) -> tuple[Vector, int]:
    """Return powers and iterations, from full power, until the objective rises <= tolerance."""
    links = range(len(h))

    def receivers(v: list[complex]) -> tuple[list[complex], Vector]:
        u, w = [], []
        for k in links:
            total = sum(abs(h[k][j] * v[j]) ** 2 for j in links) + noise[k]
            u_k = h[k][k] * v[k] / total
            error = abs(1 - u_k.conjugate() * h[k][k] * v[k]) ** 2 + abs(u_k) ** 2 * noise[k]
            error += sum(abs(u_k.conjugate() * h[k][j] * v[j]) ** 2 for j in links if j != k)
            u.append(u_k)
            w.append(1 / error)
        return u, w

    def objective(w: Vector) -> float:
        return sum(weight[k] * math.log2(w[k]) for k in links)

    v = [complex(math.sqrt(p)) for p in p_max]
    u, w = receivers(v)
    value = objective(w)
    iterations = 0
    while iterations < max_iterations:
        for k in links:
            up = weight[k] * w[k] * u[k] * h[k][k].conjugate()
            down = sum(weight[j] * w[j] * abs(u[j] * h[j][k]) ** 2 for j in links)
            v[k] = up / down
            if abs(v[k]) > math.sqrt(p_max[k]):
                v[k] *= math.sqrt(p_max[k]) / abs(v[k])
        u, w = receivers(v)
        iterations += 1
        before, value = value, objective(w)
        if value - before <= tolerance:
            break
    return [abs(x) ** 2 for x in v], iterations
