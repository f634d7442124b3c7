import json
from itertools import pairwise, permutations
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from allocators.dnn import DNN
from allocators.dnn.network import Network, joined, layer_sizes, load
from allocators.shipped import WEIGHTS, shipped_models
from sim.deadline.errors import InputError
from sim.deadline.models.model_file import save
from sim.deadline.stats import ratio_error
from sim.deadline.testing import check_solver
from sim.problem import PowerControlProblem, PowerControlSpec, check_allocation, sinr


def random_network(links: int, seed: int = 0, members: int = 1) -> Network:
    rng = np.random.default_rng(seed)
    sizes = layer_sizes(links)
    return Network(
        tuple(
            (rng.standard_normal((members, n, m)) * np.sqrt(2 / m)).astype(np.float32)
            for m, n in pairwise(sizes)
        ),
        tuple(rng.standard_normal((members, n)).astype(np.float32) for n in sizes[1:]),
    )


def write(path: Path, network: Network) -> None:
    save(path, "dnn", network.config, network.tensors())


def random_problem(links: int, subbands: int, seed: int = 0) -> PowerControlProblem:
    """Return a problem whose noise and caps differ from link to link and subband to subband."""
    rng = np.random.default_rng(seed)
    shape = (subbands, links)
    return PowerControlProblem(
        rng.exponential(size=(*shape, links)),
        10 ** rng.uniform(-1, 1, shape),
        10 ** rng.uniform(-1, 1, shape),
    )


def torch_power(network: Network, problem: PowerControlProblem, member: int = 0) -> np.ndarray:
    """Write a member of the network once more, in torch, layer by layer."""
    h = np.sqrt(problem.gain)
    x = h * np.sqrt(problem.p_max_w)[:, None, :] / np.sqrt(problem.noise_w)[:, :, None]
    orders = [np.argsort(-np.diag(one), kind="stable") for one in x]
    x = np.stack([one[np.ix_(order, order)] for one, order in zip(x, orders, strict=True)])
    activations = [torch.nn.ReLU(), torch.nn.ReLU(), torch.nn.ReLU(), torch.nn.ReLU6()]
    modules: list[torch.nn.Module] = []
    for weights, biases, activation in zip(network.weight, network.bias, activations, strict=True):
        weight, bias = weights[member], biases[member]
        layer = torch.nn.Linear(weight.shape[1], weight.shape[0])
        layer.weight.data = torch.from_numpy(weight.copy())
        layer.bias.data = torch.from_numpy(bias.copy())
        modules += [layer, activation]
    with torch.no_grad():
        flat = torch.from_numpy(x.reshape(len(x), -1).astype(np.float32))
        share = torch.nn.Sequential(*modules)(flat) / 6
    back = np.stack([one[np.argsort(o)] for one, o in zip(share.numpy(), orders, strict=True)])
    return back * problem.p_max_w


@pytest.fixture
def network_file(tmp_path: Path) -> Path:
    path = tmp_path / "net.safetensors"
    write(path, random_network(4))
    return path


@pytest.mark.parametrize("links", [2, 3, 5, 10, 17])
@pytest.mark.parametrize("subbands", [1, 8, 19])
def test_equals_torch(links: int, subbands: int, tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    network = random_network(links, seed=links)
    write(path, network)
    problem = random_problem(links, subbands, seed=subbands)
    power = DNN(str(path), threshold=None).solve(problem).power_w
    wanted = torch_power(network, problem)
    assert power.shape == (subbands, links)
    # Shares of the cap; float32 sums in another order differ by about 1e-7.
    np.testing.assert_allclose(power / problem.p_max_w, wanted / problem.p_max_w, atol=1e-5)
    assert len(np.unique(np.round(power, 6))) > 1  # else equality would show nothing


@pytest.mark.parametrize("model", ["dnn_k10", "dnn_k20", "dnn_k30"])
def test_shipped_weights_equal_torch(model: str) -> None:
    links = int(model.removeprefix("dnn_k"))
    problem = random_problem(links, 9)
    network = load(WEIGHTS / f"{model}.safetensors")
    power = DNN(model, threshold=None).solve(problem).power_w
    np.testing.assert_allclose(
        power / problem.p_max_w, torch_power(network, problem) / problem.p_max_w, atol=1e-5
    )


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    subbands=st.integers(1, 10),
    links=st.integers(1, 6),
    exponent=st.floats(-300, 300),
)
def test_powers_stay_in_range(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    subbands: int,
    links: int,
    exponent: float,
) -> None:
    path = tmp_path_factory.getbasetemp() / f"range{links}.safetensors"
    if not path.exists():
        write(path, random_network(links))
    rng = np.random.default_rng(seed)
    gain = rng.exponential(size=(subbands, links, links)) * rng.integers(0, 2, (links, links))
    p_max_w = rng.random((subbands, links)) * rng.integers(0, 2, (subbands, links))
    problem = PowerControlProblem(gain * 10**exponent, 1.0, p_max_w)
    soft = DNN(str(path), threshold=None).solve(problem).power_w
    hard = DNN(str(path)).solve(problem).power_w
    assert np.all((soft >= 0) & (soft <= p_max_w))
    np.testing.assert_array_equal(hard, np.where(soft > 0.5 * p_max_w, p_max_w, 0.0))


def test_keeps_the_contract_of_solvers(network_file: Path) -> None:
    check_solver(
        lambda: DNN(str(network_file)),
        PowerControlSpec(4, 3, np.random.default_rng(0)),
        [random_problem(4, 3, seed) for seed in range(5)],
        check=check_allocation,
    )


def test_subbands_do_not_touch_each_other(network_file: Path) -> None:
    problem = random_problem(4, 20)
    solver = DNN(str(network_file), threshold=None)
    together = solver.solve(problem).power_w
    for s in range(problem.subbands):
        alone = PowerControlProblem(problem.gain[s], problem.noise_w[s], problem.p_max_w[s])
        np.testing.assert_array_equal(solver.solve(alone).power_w[0], together[s])


def test_the_answer_follows_the_links_however_they_are_numbered(network_file: Path) -> None:
    problem = random_problem(4, 3)
    solver = DNN(str(network_file), threshold=None)
    power = solver.solve(problem).power_w
    for order in permutations(range(4)):
        numbered = PowerControlProblem(
            problem.gain[:, order][:, :, order],
            problem.noise_w[:, order],
            problem.p_max_w[:, order],
        )
        np.testing.assert_array_equal(solver.solve(numbered).power_w, power[:, order])


def test_scaling_noise_and_power_together_scales_the_answer(network_file: Path) -> None:
    problem = random_problem(4, 3)
    scaled = PowerControlProblem(problem.gain, 1e-12 * problem.noise_w, 1e-12 * problem.p_max_w)
    solver = DNN(str(network_file))
    np.testing.assert_allclose(
        solver.solve(scaled).power_w, 1e-12 * solver.solve(problem).power_w, rtol=1e-12
    )


def test_answers_are_not_shared(network_file: Path) -> None:
    solver = DNN(str(network_file))
    first = solver.solve(random_problem(4, 2, seed=1)).power_w
    kept = first.copy()
    solver.solve(random_problem(4, 2, seed=2))
    np.testing.assert_array_equal(first, kept)


def test_none_is_the_shipped_one_for_as_many_links() -> None:
    problem = random_problem(10, 2)
    spec = PowerControlSpec(10, 2, np.random.default_rng(0))
    default, named = DNN(), DNN("dnn_k10")
    default.prepare(spec)
    np.testing.assert_array_equal(default.solve(problem).power_w, named.solve(problem).power_w)


@pytest.mark.parametrize("links", [10, 20, 30])
def test_shipped_weights_are_worth_what_their_card_says(links: int) -> None:
    """Rounded share of WMMSE's sum rate on 200 fresh channels against the card's (1000 channels).

    Four standard errors of the difference: a false alarm in 1 of 30,000 seeds.
    """
    from allocators.wmmse import WMMSE

    card = json.loads((WEIGHTS / f"dnn_k{links}.json").read_text())
    rng = np.random.default_rng(20_180_801)
    problem = PowerControlProblem(rng.exponential(size=(200, links, links)), 1.0, 1.0)

    def rates(power_w: np.ndarray) -> np.ndarray:
        return np.log2(1 + sinr(problem, power_w)).sum(axis=1)

    reference = rates(WMMSE().solve(problem).power_w)
    answered = rates(DNN().solve(problem).power_w)
    share = answered.mean() / reference.mean()
    (row,) = [
        row
        for row in card["evaluation"]["rows"]
        if (row["channel"], row["snr_db"]) == ("rayleigh", 0.0)
    ]
    own = ratio_error(answered, reference)
    assert own is not None
    error = np.hypot(own, row["share_of_wmmse_stderr"])
    assert abs(share - row["share_of_wmmse"]) < 4 * error
    assert card["config"]["links"] == row["links"] == links
    assert row["channels"] >= 1000
    assert row["share_of_wmmse"] >= {10: 0.98, 20: 0.92, 30: 0.86}[links]


def test_wrong_number_of_links_names_both(network_file: Path) -> None:
    with pytest.raises(InputError, match=r"net\.safetensors is made for 4 links, but there are 7"):
        DNN(str(network_file)).prepare(PowerControlSpec(7, 1, np.random.default_rng(0)))
    with pytest.raises(InputError, match="dnn_k10 is made for 10 links, but there are 20"):
        DNN("dnn_k10").solve(random_problem(20, 1))
    with pytest.raises(InputError, match=r"no network for 11 links is shipped.*dnn_k10"):
        DNN().solve(random_problem(11, 1))


def test_unknown_models() -> None:
    assert shipped_models("dnn") == ["dnn_k10", "dnn_k20", "dnn_k30"]
    with pytest.raises(InputError, match="'dnn_k_10' is shipped; did you mean 'dnn_k10'"):
        DNN("dnn_k_10")
    with pytest.raises(InputError, match=r"no such file: nowhere\.safetensors"):
        DNN("nowhere.safetensors")


@pytest.mark.parametrize("threshold", [-0.1, 1.0, float("nan")])
def test_threshold_out_of_range(threshold: float) -> None:
    with pytest.raises(InputError, match="threshold"):
        DNN(threshold=threshold)


def expect_one_line(path: Path, match: str) -> None:
    with pytest.raises(InputError, match=match) as caught:
        DNN(str(path)).solve(random_problem(4, 1))
    assert "\n" not in str(caught.value)
    assert path.name in str(caught.value)


def test_tensors_that_are_wrong(network_file: Path) -> None:
    good = random_network(4).tensors()

    def spoilt(name: str, value: np.ndarray | None, links: object = 4, members: object = 1) -> Path:
        tensors = dict(good)
        if value is None:
            del tensors[name]
        else:
            tensors[name] = value
        save(network_file, "dnn", {"links": links, "members": members}, tensors)
        return network_file

    bias = good["layers.3.bias"]
    expect_one_line(spoilt("layers.2.bias", None), r"no tensor 'layers\.2\.bias'")
    expect_one_line(spoilt("layers.4.bias", bias), r"unknown tensor 'layers\.4\.bias'")
    expect_one_line(
        spoilt("layers.1.weight", good["layers.1.weight"].mT), r"layers\.1\.weight: shape"
    )
    expect_one_line(spoilt("layers.3.bias", np.zeros(0, np.float32)), "shape")
    expect_one_line(spoilt("layers.3.bias", bias, links=5), "shape")
    expect_one_line(spoilt("layers.3.bias", bias, members=2), "shape")
    expect_one_line(spoilt("layers.3.bias", bias, links="4"), "config: links: '4'")
    expect_one_line(spoilt("layers.3.bias", bias, links=10**9), "config: links")
    expect_one_line(spoilt("layers.3.bias", bias, members=0), "config: members: 0")


def weighted_rates(problem: PowerControlProblem, power_w: np.ndarray) -> np.ndarray:
    return np.log2(1 + sinr(problem, power_w)) @ problem.weight


@pytest.mark.parametrize("threshold", [None, 0.5])
def test_an_ensemble_keeps_the_best_member_on_each_subband(threshold: float | None) -> None:
    links, subbands = 5, 60
    problem = random_problem(links, subbands)
    weight = np.random.default_rng(1).random(links)
    problem = PowerControlProblem(problem.gain, problem.noise_w, problem.p_max_w, weight)
    network = random_network(links, members=4)
    power = DNN.of(network, threshold).solve(problem).power_w
    shares = np.stack([torch_power(network, problem, m) / problem.p_max_w for m in range(4)])
    if threshold is not None:
        shares = (shares > threshold).astype(float)
    rates = np.stack([weighted_rates(problem, share * problem.p_max_w) for share in shares])
    best = rates.argmax(axis=0)
    assert len(set(best.tolist())) > 1  # else it would be one network
    # Float32 sums in another order: shares differ by 1e-7, and a tie may go to another member.
    np.testing.assert_allclose(weighted_rates(problem, power), rates.max(axis=0), rtol=1e-4)
    np.testing.assert_allclose(
        power / problem.p_max_w, shares[best, np.arange(subbands)], atol=1e-4
    )


def test_a_list_of_models_is_an_ensemble(tmp_path: Path) -> None:
    networks = [random_network(4, seed) for seed in range(3)]
    paths = [str(tmp_path / f"{i}.safetensors") for i in range(3)]
    for path, network in zip(paths, networks, strict=True):
        write(Path(path), network)
    problem = random_problem(4, 30)
    listed = DNN(paths).solve(problem).power_w
    np.testing.assert_array_equal(listed, DNN.of(joined(networks)).solve(problem).power_w)
    write(Path(paths[2]), random_network(5))
    with pytest.raises(InputError, match=r"2\.safetensors is made for 5 links, but there are 4"):
        DNN(paths).solve(problem)
    with pytest.raises(InputError, match="empty list"):
        DNN([])


def test_an_ensemble_stays_in_range_where_gains_overflow() -> None:
    network = random_network(3, members=3)
    for scale in (0.0, 1e-300, 1e300):
        problem = PowerControlProblem(np.full((9, 3, 3), scale), 1.0, 1.0)
        power = DNN.of(network, None).solve(problem).power_w
        assert np.all((power >= 0) & (power <= 1))


def test_a_network_that_is_in_no_file_fits_its_links_alone() -> None:
    with pytest.raises(InputError, match="made for 3 links, but there are 4"):
        DNN.of(random_network(3)).solve(random_problem(4, 1))
