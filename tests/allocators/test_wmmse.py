from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal, get_args, get_type_hints

import numpy as np
import pytest
import textbook
from hypothesis import given, settings
from power_problems import problems, rayleigh, subband_rates

from allocators.fp import FractionalProgramming
from allocators.iterative import IterativeAllocator, RandomStarts
from allocators.wmmse import WMMSE
from allocators.wmmse.compiled import advance
from sim.deadline.errors import InputError
from sim.problem import FloatArray, PowerControlProblem, PowerControlSpec

Backend = Literal["compiled", "numpy", "python"]
BACKENDS: tuple[Backend, ...] = get_args(Backend)
ASCENDING = [*(WMMSE(backend=b) for b in BACKENDS), FractionalProgramming()]
IDS = [*BACKENDS, "fp"]
ascending = pytest.mark.parametrize("solver", ASCENDING, ids=IDS)

# Rounding of a sum of a few logarithms; the ascent itself is exact.
ROUNDING = 1e-11


@ascending
@pytest.mark.parametrize("snr_db", [-10, 0, 10, 20, 40, 60])
def test_agrees_with_the_textbook(solver: IterativeAllocator, snr_db: float) -> None:
    rng = np.random.default_rng(100 + snr_db)
    for links in range(2, 21):
        h = rng.standard_normal((links, links, 2)) @ np.array([1, 1j]) / np.sqrt(2)
        noise = rng.uniform(0.5, 2.0, links) / 10 ** (snr_db / 10)
        p_max, weight = rng.uniform(0.5, 2.0, (2, links))
        problem = PowerControlProblem(np.abs(h) ** 2, noise, p_max, weight)
        answer = solver.solve(problem)
        power, iterations = textbook.wmmse(
            h.tolist(), noise.tolist(), p_max.tolist(), weight.tolist(), 1e-3, 100
        )
        assert answer.work == iterations
        np.testing.assert_allclose(answer.power_w[0], power, rtol=1e-6, atol=1e-6 * p_max.max())


@ascending
@settings(derandomize=True, deadline=None, max_examples=150)
@given(problem=problems())
def test_powers_stay_in_range_and_the_objective_never_falls(
    solver: IterativeAllocator, problem: PowerControlProblem
) -> None:
    rates = [subband_rates(problem, problem.p_max_w)]
    work = 0
    for answer in solver.iterates(problem):
        assert np.all(answer.power_w >= 0)
        assert np.all(answer.power_w <= problem.p_max_w)
        assert answer.work >= work
        work = answer.work
        rates.append(subband_rates(problem, answer.power_w))
    for before, after in pairwise(rates):
        assert np.all(after >= before - ROUNDING * (1 + before))


@ascending
@settings(derandomize=True, deadline=None, max_examples=50)
@given(problem=problems())
def test_last_iterate_is_the_answer_to_the_bit(
    solver: IterativeAllocator, problem: PowerControlProblem
) -> None:
    *_, last = solver.iterates(problem)
    answer = solver.solve(problem)
    assert last.power_w.tobytes() == answer.power_w.tobytes()
    assert last[1:] == answer[1:]


@pytest.mark.parametrize("links", [1, 2, 7, 8, 9, 20, 33])
@pytest.mark.parametrize("snr_db", [0, 30, 60])
def test_backends_take_the_same_iterates(links: int, snr_db: float) -> None:
    rng = np.random.default_rng(links)
    problem = rayleigh(rng, links, subbands=2, snr_db=snr_db)
    for b, *others in zip(*(s.iterates(problem) for s in ASCENDING), strict=True):
        for other in others:
            assert other[1:] == b[1:]
            # powers on their way to zero lose relative accuracy, a factor an iteration
            np.testing.assert_allclose(other.power_w, b.power_w, rtol=1e-9, atol=1e-14)


@ascending
def test_subbands_in_one_call_equal_one_by_one_to_the_bit(solver: IterativeAllocator) -> None:
    problem = rayleigh(np.random.default_rng(3), 13, subbands=12, snr_db=10)
    whole = solver.solve(problem)
    alone = [
        solver.solve(PowerControlProblem(g, n, p, problem.weight))
        for g, n, p in zip(problem.gain, problem.noise_w, problem.p_max_w, strict=True)
    ]
    assert whole.work == sum(a.work for a in alone)
    assert whole.power_w.tobytes() == np.concatenate([a.power_w for a in alone]).tobytes()


@ascending
def test_answer_does_not_depend_on_history(solver: IterativeAllocator) -> None:
    rng = np.random.default_rng(4)
    a, b, c = rayleigh(rng, 10), rayleigh(rng, 10, subbands=3, snr_db=60), rayleigh(rng, 31)
    first = solver.solve(a)
    kept = first.power_w.copy()
    for other in (b, c):
        solver.solve(other)
    again = solver.solve(a)
    assert again.power_w.tobytes() == kept.tobytes() == first.power_w.tobytes()
    assert again.power_w is not first.power_w


@ascending
def test_scaling_gain_and_noise_changes_nothing(solver: IterativeAllocator) -> None:
    rng = np.random.default_rng(5)
    for snr_db in (0, 20, 60):
        problem = rayleigh(rng, 12, snr_db=snr_db)
        answer = solver.solve(problem)
        for factor in (2.0**-40, 1e-13, 1e9):
            scaled = PowerControlProblem(
                problem.gain * factor, problem.noise_w * factor, problem.p_max_w, problem.weight
            )
            again = solver.solve(scaled)
            assert again.work == answer.work
            np.testing.assert_allclose(again.power_w, answer.power_w, rtol=1e-9, atol=1e-14)


@ascending
def test_renaming_the_links_renames_the_powers(solver: IterativeAllocator) -> None:
    rng = np.random.default_rng(6)
    for links in (2, 5, 11, 16):
        problem = rayleigh(rng, links, subbands=2, snr_db=10)
        order = rng.permutation(links)
        renamed = PowerControlProblem(
            problem.gain[:, order][:, :, order],
            problem.noise_w[:, order],
            problem.p_max_w[:, order],
            problem.weight[order],
        )
        np.testing.assert_allclose(
            solver.solve(renamed).power_w,
            solver.solve(problem).power_w[:, order],
            rtol=1e-9,
            atol=1e-14,
        )


@ascending
def test_small_gains_and_noise_at_high_snr(solver: IterativeAllocator) -> None:
    """Watts as they come: gain 1e-9, noise 1e-13; and links whose product of w overflows."""
    rng = np.random.default_rng(7)
    problem = PowerControlProblem(
        1e-9 * rng.exponential(size=(10, 10)) + np.diag(np.full(10, 1e-7)), 1e-13, 0.2
    )
    power = solver.solve(problem).power_w
    assert subband_rates(problem, power) >= subband_rates(problem, problem.p_max_w)
    alone = PowerControlProblem(np.eye(30), 1e-15, 1.0)
    np.testing.assert_array_equal(solver.solve(alone).power_w, 1.0)


@ascending
def test_the_degenerate(solver: IterativeAllocator) -> None:
    one = solver.solve(PowerControlProblem([[2.0]], 1.0, 3.0))
    assert one.power_w.tolist() == [[3.0]]
    assert one == (one.power_w, 1, "converged")
    no_gain = solver.solve(PowerControlProblem(np.zeros((3, 3)), 1.0, 1.0))
    assert no_gain.power_w.tolist() == [[0.0] * 3]
    no_power = solver.solve(PowerControlProblem(np.ones((3, 3)), 1.0, 0.0))
    assert no_power.power_w.tolist() == [[0.0] * 3]
    unwanted = solver.solve(PowerControlProblem(np.ones((2, 2)), 1.0, 1.0, [0.0, 1.0]))
    assert unwanted.power_w.tolist() == [[0.0, 1.0]]


def test_iteration_limit_is_kept_and_said() -> None:
    problem = rayleigh(np.random.default_rng(8), 20, subbands=4)
    for backend in BACKENDS:
        answer = WMMSE(backend=backend, max_iterations=2).solve(problem)
        assert answer[1:] == (8, "max_iterations")


def test_a_smaller_tolerance_goes_further() -> None:
    problem = rayleigh(np.random.default_rng(9), 20, subbands=4)
    coarse = WMMSE(tolerance=1e-1).solve(problem)
    fine = WMMSE(tolerance=1e-6, max_iterations=10_000).solve(problem)
    assert coarse.work < fine.work
    assert np.all(subband_rates(problem, coarse.power_w) < subband_rates(problem, fine.power_w))


def test_read_only_arrays_compile_nothing_new() -> None:
    problem = rayleigh(np.random.default_rng(10), 4)
    for array in (problem.gain, problem.noise_w, problem.p_max_w, problem.weight):
        array.flags.writeable = False
    WMMSE().solve(problem)
    assert len(advance.signatures) == 1


class TestRestarts:
    @pytest.mark.parametrize("backend", BACKENDS)
    def test_anytime_answers_are_the_best_so_far(self, backend: Backend) -> None:
        problem = rayleigh(np.random.default_rng(11), 8, subbands=3, snr_db=20)
        solved, iterated = (WMMSE(backend=backend, restarts=4) for _ in range(2))
        for solver in (solved, iterated):
            solver.prepare(PowerControlSpec(8, 3, np.random.default_rng(1)))
        answer = solved.solve(problem)
        answers = list(iterated.iterates(problem))
        assert answers[-1].power_w.tobytes() == answer.power_w.tobytes()
        assert answers[-1][1:] == answer[1:]
        rates = [subband_rates(problem, a.power_w) for a in answers]
        assert all(np.all(b >= a - ROUNDING) for a, b in pairwise(rates))
        single = WMMSE(backend=backend).solve(problem)
        assert np.all(rates[-1] >= subband_rates(problem, single.power_w))
        assert answer.work > 2 * single.work

    def test_gain_over_one_start_at_high_snr(self) -> None:
        """At 20 dB ten starts are worth 4% at K = 10; 1% is six standard errors below."""
        problem = PowerControlProblem(
            np.random.default_rng(12).exponential(size=(400, 10, 10)), 0.01, 1.0
        )
        solver = WMMSE(restarts=9)
        solver.prepare(PowerControlSpec(10, 400, np.random.default_rng(2)))
        many = subband_rates(problem, solver.solve(problem).power_w).mean()
        one = subband_rates(problem, WMMSE().solve(problem).power_w).mean()
        assert many > 1.01 * one

    def test_the_first_iterate_does_not_wait_for_the_last_start(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[int] = []

        def starts(_: object, problem: PowerControlProblem) -> Iterator[FloatArray]:
            for number in range(5):
                asked.append(number)
                yield 0.5 * problem.p_max_w

        monkeypatch.setattr(RandomStarts, "of", starts)
        next(WMMSE(restarts=5).iterates(PowerControlProblem(np.eye(2), 1.0, 1.0)))
        assert len(asked) <= 1

    def test_solve_and_iterates_of_one_solver_agree_whatever_came_between(self) -> None:
        rng = np.random.default_rng(13)
        one, other = (rayleigh(rng, 6, subbands=2, snr_db=30) for _ in range(2))
        solver = WMMSE(restarts=3)
        solver.prepare(PowerControlSpec(6, 2, np.random.default_rng(3)))
        answer = solver.solve(one)
        for problem in (other, rayleigh(rng, 4), one):
            *_, last = solver.iterates(problem)
        assert last.power_w.tobytes() == answer.power_w.tobytes()
        assert last[1:] == answer[1:]

    def test_starts_replay_by_seed_and_no_others(self) -> None:
        problem = rayleigh(np.random.default_rng(13), 6, subbands=20, snr_db=30)
        work = []
        for seed in (3, 3, 4):
            rng = np.random.default_rng(seed)
            solver = WMMSE(restarts=3)
            solver.prepare(PowerControlSpec(6, 20, rng))
            work.append(solver.solve(problem).work)
        assert work[0] == work[1] != work[2]

    def test_each_problem_has_starts_of_its_own(self) -> None:
        """Mean share within 5 standard errors of 500 independent draws: a false alarm in 10^6."""
        starts = RandomStarts(2)
        starts.prepare(PowerControlSpec(4, 1, np.random.default_rng(5)))
        rng = np.random.default_rng(6)
        caps = np.array([[1.0, 2.0], [0.0, 4.0]])
        fading = (PowerControlProblem(g, 1.0, 1.0) for g in rng.exponential(size=(500, 4, 4)))
        places = {next(iter(starts.of(problem))).tobytes() for problem in fading}
        assert len(places) > 300  # of 1001 there are
        starts.prepare(PowerControlSpec(2, 2, np.random.default_rng(5)))
        shares = []
        for gain in rng.exponential(size=(500, 2, 2, 2)):
            for power in starts.of(PowerControlProblem(gain, 1.0, caps)):
                assert np.all(power <= caps)
                shares.append(power[:, 1] / caps[:, 1])
        assert len(shares) == 1000
        assert abs(np.mean(shares) - 0.5) < 5 * np.sqrt(1 / 12 / 500)

    def test_needs_the_generator(self) -> None:
        with pytest.raises(RuntimeError, match="prepare"):
            WMMSE(restarts=1).solve(rayleigh(np.random.default_rng(14), 3))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"backend": "compild"}, r"backend: 'compild'; did you mean 'compiled'\?"),
        ({"max_iterations": 0}, "max_iterations: 0, want at least 1"),
        ({"tolerance": -1.0}, "tolerance: -1.0, want"),
        ({"tolerance": float("nan")}, "tolerance: nan, want"),
        ({"restarts": -1}, "restarts: -1, want at least 0"),
    ],
)
def test_bad_parameters(parameters: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        WMMSE(**parameters)


@pytest.mark.parametrize("cls", [WMMSE, FractionalProgramming])
def test_signature_can_be_read_by_the_scenario_layer(cls: type) -> None:
    hints = get_type_hints(cls.__init__)
    assert hints.pop("return") is type(None)
    assert {"max_iterations", "tolerance"} <= hints.keys()
