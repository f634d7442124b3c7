"""What is spoiled, kind by kind, and the commands that are then to read it."""

from __future__ import annotations

import copy
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import click
import yaml
from mutations import KEYS, VALUES, spoiled_bytes, spoiled_yaml

ROOT = Path(__file__).parents[2]

SMALL: dict[str, Any] = {
    "seed": 5,
    "slots": 5,
    "channel": {"rayleigh": {"links": 3, "evolution": "gauss_markov", "doppler": "10 Hz"}},
    "radio": {"snr_db": 10},
    "compute": {"latency": {"lognormal": {"median": "300 us", "sigma": 0.8}}},
    "allocators": ["max_power", {"best_link": None, "label": "best"}],
}
STUDY: dict[str, Any] = {
    "scenario": SMALL,
    "axes": {"compute.speed": [0.5, 1, 2], "channel.links": [2, 3]},
    "target": "miss_ratio <= 1e-1",
    "solve": {"axis": "budget.lead", "find": "smallest", "from": 1, "to": 4},
}
TRAIN = ["train", "dnn", "--links", "3", "--interval", "2", "--batch-size", "20", "--validation"]
TRAIN += ["20", "--suite", "quick", "--channels", "2"]

DATASET = ["--links", "3", "--samples", "60", "--shard-size", "20", "--workers", "1"]

Command = list[str]
#: From a folder of whole files, a folder to spoil them in, and chance, to what is to be called.
Spoil = Callable[[Path, Path, random.Random], list[Command]]


class Kind(NamedTuple):
    """A kind of input: how it is spoiled, and its share of a fuzz."""

    spoil: Spoil
    share: float


def make_fixtures(folder: Path, call: Callable[[Command], int]) -> None:
    """Write whole files of every kind, in the current folder ``folder``, by our own commands."""
    import h5py
    import numpy as np

    rng = np.random.default_rng(1)
    (folder / "traces").mkdir()
    for name, packing in (
        ("plain", {}),
        ("chunked", {"chunks": (4, 2, 3, 3), "compression": "gzip", "fletcher32": True}),
    ):
        with h5py.File(folder / "traces" / f"{name}.h5", "w") as file:
            gains = file.create_dataset("gain", data=rng.random((12, 2, 3, 3)), **packing)
            gains.attrs["axes"] = "time, subband, rx, tx"
            file.attrs["sample_interval_s"] = 1e-3
            file.attrs["source"] = "drawn"
            file["rx_m"] = rng.random((3, 2))
    with h5py.File(folder / "traces" / "complex.h5", "w", libver="latest") as file:
        file["H"] = (rng.random((12, 2, 3, 3)) + 1j).astype(np.complex64)
        file.attrs["sample_interval_s"] = 1e-3

    (folder / "small.yaml").write_text(yaml.safe_dump(SMALL))
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
    weights = ROOT / "allocators" / "weights"
    for model in ("dnn_k10", "unfolded_s", "policy_local"):
        for suffix in (".safetensors", ".json"):
            shutil.copy(weights / f"{model}{suffix}", folder)
    for suffix in (".json", ".parquet"):
        shutil.copy(ROOT / "allocators" / "profiles" / f"epyc_zen4{suffix}", folder)
    shutil.copy(ROOT / "stylize" / "weights" / "starry_night_s.safetensors", folder)
    _pictures(folder / "pictures")
    for command in (
        ["list"],  # compiles: of an interrupt in a callback of the compiler Python only complains
        ["study", "study.yaml", "-o", "studied", "--engine", "serial", "--no-plots"],
        ["run", "small.yaml", "-o", "ran", "--no-plots"],
        ["dataset", "data", *DATASET],
        [*TRAIN, "--steps", "4", "-o", "k3.safetensors"],
    ):
        assert call(command) == 0, command
    # What a training leaves that is killed after its first checkpoint.
    _checkpoint(folder, call)


def _pictures(folder: Path) -> None:
    from PIL import Image

    from stylize.pictures import SAMPLE

    folder.mkdir()
    with Image.open(SAMPLE) as sample:
        small = sample.resize((30, 24))
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    for suffix in ("jpg", "png", "webp"):
        small.save(folder / f"colour.{suffix}", exif=exif)
    small.convert("P").save(folder / "palette.gif", save_all=True, append_images=[small])
    small.convert("RGBA").save(folder / "alpha.png")
    small.convert("CMYK").save(folder / "print.jpg")
    for packing in ("tiff_lzw", "tiff_deflate", "raw"):
        small.save(folder / f"{packing}.tif", compression=packing)
    small.convert("1").save(folder / "black.bmp")


def _checkpoint(folder: Path, call: Callable[[Command], int]) -> None:
    from allocators.training import harness

    class Killed(BaseException):
        pass

    written = harness.write_checkpoint

    def write_and_die(*arguments: Any) -> None:
        written(*arguments)
        raise Killed

    harness.write_checkpoint = write_and_die
    try:
        call([*TRAIN, "--steps", "4", "-o", "half.safetensors"])
    except Killed:
        pass
    finally:
        harness.write_checkpoint = written
    assert (folder / "half.checkpoint.safetensors").exists()


def _scenarios() -> list[Any]:
    trees = [yaml.safe_load(path.read_text()) for path in sorted(ROOT.glob("scenarios/*.yaml"))]
    for tree in trees:
        tree["slots"] = 5
        if "trace" in tree["channel"]:
            tree["channel"] = {"trace": "traces/plain.h5"}
            tree["allocators"] = ["max_power", "wmmse", {"unfolded": {"model": "unfolded_s"}}]
        tree["allocators"] = [one for one in tree["allocators"] if "dnn" not in one]
    return [*trees, SMALL]


def _studies() -> list[Any]:
    trees = [yaml.safe_load(p.read_text()) for p in sorted(ROOT.glob("scenarios/studies/*.yaml"))]
    for tree in trees:
        tree["scenario"]["slots"] = 5
        for name, axis in tree["axes"].items():  # two values of each: the grid is no matter here
            if isinstance(axis, list):
                tree["axes"][name] = axis[:2]
    return [*trees, STUDY, STUDY]


def scenario(fixtures: Path, folder: Path, rng: random.Random) -> list[Command]:
    """A scenario's text; ``run?`` is run only if what was validated is small."""
    (folder / "traces").mkdir()
    shutil.copy(fixtures / "traces" / "plain.h5", folder / "traces")
    (folder / "it.yaml").write_bytes(spoiled_yaml(rng.choice(_scenarios()), rng))
    return [["validate", "it.yaml"], ["run?", "it.yaml", "-o", "out", "--no-plots"]]


def overrides(fixtures: Path, folder: Path, rng: random.Random) -> list[Command]:
    """Keys and values after ``--set``."""
    tree = rng.choice([SMALL, *_scenarios()])
    shutil.copytree(fixtures / "traces", folder / "traces")
    (folder / "it.yaml").write_text(yaml.safe_dump(tree))
    command = ["validate", "it.yaml"]
    for _ in range(rng.choice([1, 1, 2])):
        keys = [*tree, "compute.latency", "channel.links", "allocators.0", "budget.csi", *KEYS]
        value = rng.choice(VALUES)
        text = value if isinstance(value, str) and rng.random() < 0.5 else json.dumps(value)
        text = text.replace("\0", "?")  # no shell can pass it
        command += ["--set", rng.choice(keys) + rng.choice(["="] * 9 + ["", ".x=", "=="]) + text]
    return [command, ["run?", *command[1:], "-o", "out", "--no-plots"]]


def study(fixtures: Path, folder: Path, rng: random.Random) -> list[Command]:
    """A study's text."""
    tree = copy.deepcopy(rng.choice(_studies()))
    (folder / "it.yaml").write_bytes(spoiled_yaml(tree, rng))
    return [["study", "it.yaml", "-o", "out", "--dry-run"]]


def trace(fixtures: Path, folder: Path, rng: random.Random) -> list[Command]:
    """A trace's bytes."""
    whole = fixtures / "traces" / rng.choice(["plain.h5", "chunked.h5", "complex.h5"])
    (folder / "it.h5").write_bytes(spoiled_bytes(whole.read_bytes(), rng))
    tree = SMALL | {"channel": {"trace": "it.h5"}}
    (folder / "it.yaml").write_text(yaml.safe_dump(tree))
    return [
        ["compare", "it.h5", "--allocators", "max_power", "--snr-db", "0", "--json"],
        ["run?", "it.yaml", "-o", "out", "--no-plots"],
    ]


def weights(fixtures: Path, folder: Path, rng: random.Random) -> list[Command]:
    """The bytes of a network's weights, with their card (whose checksum tells) and without."""
    model = rng.choice(["dnn_k10", "unfolded_s", "policy_local"])
    whole = (fixtures / f"{model}.safetensors").read_bytes()
    if rng.random() < 0.5:  # the header is small beside the weights, and more can be wrong there
        size = 8 + int.from_bytes(whole[:8], "little")
        content = spoiled_bytes(whole[:size], rng) + whole[size:]
    else:
        content = spoiled_bytes(whole, rng)
    (folder / "it.safetensors").write_bytes(content)
    if rng.random() < 0.2:
        shutil.copy(fixtures / f"{model}.json", folder / "it.json")
    name = model.partition("_")[0]
    tree = SMALL | {"channel": {"rayleigh": {"links": 10}}}
    tree["allocators"] = [{name: {"model": "it.safetensors"}}]
    (folder / "it.yaml").write_text(yaml.safe_dump(tree))
    return [["validate", "it.yaml"], ["run?", "it.yaml", "-o", "out", "--no-plots"]]


def card(fixtures: Path, folder: Path, rng: random.Random) -> list[Command]:
    """The bytes or the values of a model's card."""
    shutil.copy(fixtures / "k3.safetensors", folder / "it.safetensors")
    whole = (fixtures / "k3.json").read_bytes()
    if rng.random() < 0.5:
        content = spoiled_bytes(whole, rng)
    else:
        from mutations import change_tree

        tree = json.loads(whole)
        change_tree(tree, rng)
        content = json.dumps(tree).encode()
    (folder / "it.json").write_bytes(content)
    evaluate = "evaluate it.safetensors --suite quick --links 3 --channels 2 --json"
    return [
        evaluate.split(),
        ["mismatch", "it.safetensors", "--on", "rayleigh@0", "--channels", "2"],
    ]


def profile(fixtures: Path, folder: Path, rng: random.Random) -> list[Command]:
    """A measured profile: its header, and the times beside it."""
    for suffix in (".json", ".parquet"):
        shutil.copy(fixtures / f"epyc_zen4{suffix}", folder / f"it{suffix}")
    spoiled = folder / rng.choice(["it.json", "it.json", "it.parquet"])
    content = spoiled_bytes(spoiled.read_bytes(), rng)
    spoiled.write_bytes(content)
    if spoiled.suffix == ".parquet" and rng.random() < 0.7:  # by somebody who mends the checksum
        import hashlib

        header = json.loads((folder / "it.json").read_text())
        header["parquet_sha256"] = hashlib.sha256(content).hexdigest()
        (folder / "it.json").write_text(json.dumps(header))
    tree = SMALL | {"compute": {"latency": {"calibrated": "it"}}, "allocators": ["wmmse"]}
    (folder / "it.yaml").write_text(yaml.safe_dump(tree))
    return [["run?", "it.yaml", "-o", "out", "--no-plots"]]


def studied(fixtures: Path, folder: Path, rng: random.Random) -> list[Command]:
    """The folder of a study: its tables, its finished points, what it says of itself."""
    shutil.copytree(fixtures / "studied", folder / "it")
    shutil.copy(fixtures / "study.yaml", folder)
    files = [path for path in sorted((folder / "it").rglob("*")) if path.is_file()]
    tables = [path for path in files if path.suffix != ".json" or path.parent.name != "points"]
    spoiled = rng.choice(tables if rng.random() < 0.8 else files)
    spoiled.write_bytes(spoiled_bytes(spoiled.read_bytes(), rng))
    report = ["report", "it", "-o", "out", "--format", "csv"]
    again = ["study", "study.yaml", "-o", "it", "--engine", "serial", "--no-plots", "--json"]
    return [report, again] if rng.random() < 0.2 else [report]


def painter(fixtures: Path, folder: Path, rng: random.Random) -> list[Command]:
    """The bytes of a network that paints."""
    whole = (fixtures / "starry_night_s.safetensors").read_bytes()
    size = 8 + int.from_bytes(whole[:8], "little") if rng.random() < 0.7 else len(whole)
    (folder / "it.safetensors").write_bytes(spoiled_bytes(whole[:size], rng) + whole[size:])
    shutil.copy(fixtures / "pictures" / "colour.png", folder)
    return [["stylize", "image", "colour.png", "--style", "it.safetensors", "-o", "out.png"]]


def picture(fixtures: Path, folder: Path, rng: random.Random) -> list[Command]:
    """The bytes of a picture that is to be painted."""
    whole = rng.choice(sorted((fixtures / "pictures").iterdir()))
    it = f"it{whole.suffix}"
    (folder / it).write_bytes(spoiled_bytes(whole.read_bytes(), rng))
    style = ["--style", "starry_night", "--network", "s"]
    return [["stylize", "image", it, *style, "-o", rng.choice(["out.png", "out.jpg", it])]]


def log(fixtures: Path, folder: Path, rng: random.Random) -> list[Command]:
    """The job log of a run, which `sim.deadline.read_log` reads."""
    shutil.copytree(fixtures / "ran" / "log", folder / "it")
    spoiled = rng.choice(sorted((folder / "it").iterdir()))
    spoiled.write_bytes(spoiled_bytes(spoiled.read_bytes(), rng))
    return [["read_log", "it"]]


def checkpoint(fixtures: Path, folder: Path, rng: random.Random) -> list[Command]:
    """What a training goes on from."""
    for path in fixtures.glob("half*"):
        shutil.copy(path, folder)
    it = folder / rng.choice(sorted(path.name for path in folder.glob("half*")))
    it.write_bytes(spoiled_bytes(it.read_bytes(), rng))
    return [[*TRAIN, "--steps", "4", "-o", "half.safetensors"]]


def dataset(fixtures: Path, folder: Path, rng: random.Random) -> list[Command]:
    """A data set for training: its shards, the file that joins them, its settings."""
    shutil.copytree(fixtures / "data", folder / "it")
    spoiled = rng.choice(sorted((folder / "it").iterdir()))
    spoiled.write_bytes(spoiled_bytes(spoiled.read_bytes(), rng))
    compare = ["compare", "it/dataset.h5", "--allocators", "max_power", "--snr-db", "0", "--json"]
    train = [*TRAIN, "--steps", "4", "--data", "it", "-o", "it.safetensors"]
    again = ["dataset", "it", *DATASET]
    return [compare, rng.choice([train, again])]


#: Not called with arguments by chance: they open windows of time on a processor of their own.
_TIMED = {"calibrate", "verify"}
#: What makes a command that is right short.
_SHORT = {"--steps": "2", "--samples": "20", "--channels": "2", "--workers": "1", "--seconds": "1"}


def arguments(fixtures: Path, folder: Path, rng: random.Random) -> list[Command]:
    """Options and values for any command, as click itself knows them."""
    from sim.cli import cli

    for path in fixtures.iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    command, words = _command(cli, rng)
    texts = ["small.yaml", "study.yaml", "dnn_k10.safetensors", ".", "no/such", "", "-", "wmmse"]
    texts += ["dnn_k10", "max_power:x=1", "wmmse:", ":", "{", "a=b", "1", "0", "-1", "1e999", "nan"]
    texts += ["99999999999999999999", "slots=5", "name=x", "é", "\x1b[31m", "a\nb", "x" * 3000, "3"]
    options = [one for one in command.params if isinstance(one, click.Option)]
    for argument in command.params:
        if isinstance(argument, click.Argument) and rng.random() < 0.9:
            words += [_text(rng, texts)]
    for option in rng.sample(options, min(len(options), rng.choice([0, 1, 2, 3, 5]))):
        words.append(rng.choice(option.opts))
        if not option.is_flag and rng.random() < 0.97:
            kind = option.type
            fitting = list(kind.choices) if isinstance(kind, click.Choice) else texts
            words.append(_text(rng, rng.choice([fitting, fitting, texts])))
    for name, value in _SHORT.items():
        if any(name in option.opts for option in options):
            words += [name, value]
    if rng.random() < 0.05:
        words.insert(rng.randrange(len(words) + 1), rng.choice(["--", "--nonsense", "-x", *texts]))
    return [words]


def _text(rng: random.Random, texts: list[str]) -> str:
    return str(rng.choice(texts))


def _command(group: click.Group, rng: random.Random) -> tuple[click.Command, list[str]]:
    """Return a command by chance, and the words that call for it."""
    context, words = click.Context(group), []
    while True:
        name = rng.choice([one for one in group.list_commands(context) if one not in _TIMED])
        found = group.get_command(context, name)
        assert found is not None
        words.append(name)
        if not isinstance(found, click.Group):
            return found, words
        group = found


KINDS = {
    "scenario": Kind(scenario, 0.28),
    "overrides": Kind(overrides, 0.08),
    "study": Kind(study, 0.12),
    "trace": Kind(trace, 0.18),
    "weights": Kind(weights, 0.08),
    "card": Kind(card, 0.02),
    "profile": Kind(profile, 0.04),
    "studied": Kind(studied, 0.04),
    "log": Kind(log, 0.05),
    "checkpoint": Kind(checkpoint, 0.01),
    "dataset": Kind(dataset, 0.02),
    "painter": Kind(painter, 0.02),
    "picture": Kind(picture, 0.02),
    "arguments": Kind(arguments, 0.04),
}
