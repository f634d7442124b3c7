"""Folders of studies with plausible figures, made without running anything."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from sim.deadline.stats import binomial_interval

Row = dict[str, Any]
Change = Callable[[Row], None]

#: Median service time at 10 links in us, its growth with K, spread of its logarithm, quality.
ALLOCATORS = {
    "max_power": (0.5, 1.0, 0.1, 0.60),
    "wmmse": (45.0, 1.6, 0.35, 0.93),
    "wmmse_python": (9000.0, 2.0, 0.3, 0.93),
    "dnn": (7.0, 1.2, 0.08, 0.75),
    "unfolded": (15.0, 1.3, 0.08, 1.00),
    "anytime": (160.0, 0.6, 0.1, 1.03),
    "multistart": (25.0, 1.5, 0.2, 0.97),
    "fp": (80.0, 1.7, 0.3, 0.91),
    "best_link": (1.0, 1.1, 0.1, 0.4),
    "a_plug_in_with_a_name_that_is_far_too_long_for_any_legend": (33.0, 1.0, 0.2, 0.95),
}


def rows(
    axes: Mapping[str, Sequence[Any]],
    allocators: Sequence[str],
    replicates: int = 1,
    slots: int = 10_000,
    seed: int = 1,
    change: Change | None = None,
) -> list[Row]:
    """Return the rows of a study; ``change`` may alter each before its figures are drawn."""
    rng = np.random.default_rng(seed)
    noise = {r: rng.normal() for r in range(replicates)}
    found = []
    for values in itertools.product(*axes.values()):
        place = dict(zip(axes, values, strict=True))
        for replicate in range(replicates):
            for label in allocators:
                row = {**facts(place), **place, "replicate": replicate, "allocator": label}
                row |= {"slots": slots, "seed": replicate, "status": "ok", "reason": None}
                if change:
                    change(row)
                found.append(figures(row, rng, noise[replicate]))
    return found


def facts(place: Mapping[str, Any]) -> Row:
    links = place.get("channel.links", 10)
    slot_us = (
        place["slot_ns"] / 1e3 if "slot_ns" in place else 1000.0 / 2 ** place.get("numerology", 0)
    )
    # Of short slots not all of the time goes into CSI.
    csi_us = place["budget.csi_ns"] / 1e3 if "budget.csi_ns" in place else min(100.0, slot_us / 2)
    return {
        "links": links,
        "subbands": place.get("radio.subbands", 1),
        "controllers": place.get("controllers", 1),
        "servers": place.get("compute.servers", 1),
        "batch": 1,
        "speed": place.get("compute.speed", 1.0),
        "lead": place.get("budget.lead", 1),
        "slot_us": slot_us,
        "budget_us": slot_us * place.get("budget.lead", 1) - csi_us,
        "discipline": "fifo",
        "latency": "lognormal",
    }


def figures(row: Row, rng: np.random.Generator, noise: float) -> Row:
    """Return a row with its figures, in the order of the contract."""
    median, growth, sigma, quality = ALLOCATORS.get(row["allocator"], (20.0, 1.0, 0.2, 0.9))
    given = row.pop("figures", {})
    service = median * (row["links"] / 10) ** growth * row["subbands"] / row["speed"]
    service *= max(row["controllers"] / row["servers"], 1.0)
    budget_us = row["budget_us"] or 0.0
    room = budget_us / service
    chance = 0.5 * math.erfc(math.log(max(room, 1e-9)) / sigma / math.sqrt(2))
    jobs = int(given.get("jobs", row["slots"] * row["controllers"]))
    missed = int(given.get("missed", rng.binomial(jobs, chance)))
    genie = given.get("genie", quality * 8.0 * row["links"] ** 0.7 * (1 + 0.004 * noise))
    ageing = given["ageing"] if "ageing" in given else 0.02 * genie * row["lead"]
    miss_loss = given["miss_loss"] if "miss_loss" in given else 0.35 * genie * missed / jobs
    low, high = binomial_interval(missed, jobs)
    p99 = service * math.exp(2.326 * sigma)
    metrics: Row = {
        "jobs": jobs, "met": jobs - missed, "late": 0, "aborted": missed, "skipped": 0, "failed": 0,
        "miss_ratio": missed / jobs if jobs else None, "miss_low": low, "miss_high": high,
        "genie_bps_hz": genie, "aged_bps_hz": None if ageing is None else genie - ageing,
        "in_force_bps_hz": None if miss_loss is None else genie - ageing - miss_loss,
        "ageing_loss_bps_hz": ageing, "miss_loss_bps_hz": miss_loss,
        "per_user_p5_bps_hz": 0.1, "jain": 0.5,
        "response_p50_us": min(service, budget_us),
        "response_p99_us": given.get("p99", min(p99, budget_us)),
        "response_p999_us": None, "response_max_us": min(2 * p99, budget_us),
        "service_p50_us": service, "service_p99_us": p99, "service_p999_us": None,
        "service_max_us": 2 * p99,
    }  # fmt: skip
    if row["status"] == "refused":
        metrics = dict.fromkeys(metrics)
    row |= metrics
    return row


def write_study(
    folder: Path,
    axes: Mapping[str, Sequence[Any]],
    table: list[Row],
    answers: list[Row] | None = None,
    manifest: Mapping[str, Any] | None = None,
    **study: Any,
) -> Path:
    """Write a study's folder and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    frame = [*axes, "replicate", "allocator"]
    other = [name for name in table[0] if name not in (*frame, "status", "reason")] if table else []
    columns = ["point", *frame, *other, "status", "reason"]
    for i, row in enumerate(table):
        row["point"] = f"{i:064x}"
    pq.write_table(
        pa.table({name: pa.array([row[name] for row in table]) for name in columns}),
        folder / "table.parquet",
    )
    if answers is not None:
        pq.write_table(pa.Table.from_pylist(answers), folder / "targets.parquet")
    text = {"name": folder.name, "axes": {k: list(v) for k, v in axes.items()}, **study}
    (folder / "study.yaml").write_text(yaml.safe_dump(text))
    about = {
        "status": "complete",
        "machine": {"processor": "A processor", "cores": 2},
        "versions": {"ttirace": "0.1.0", "numpy": "2.1.0", "torch": None},
        "engine": "serial",
    }
    (folder / "manifest.json").write_text(json.dumps({**about, **(manifest or {})}))
    return folder


def make_study(
    folder: Path,
    axes: Mapping[str, Sequence[Any]],
    allocators: Sequence[str] = ("max_power", "wmmse", "dnn", "unfolded"),
    replicates: int = 1,
    slots: int = 10_000,
    change: Change | None = None,
    **more: Any,
) -> Path:
    """Write a study with made figures."""
    table = rows(axes, allocators, replicates, slots, change=change)
    return write_study(folder, axes, table, replicates=replicates, **more)
