"""Ways to spoil a YAML text and a file of bytes, all by a seeded `random.Random`."""

from __future__ import annotations

import copy
import random
from typing import Any

import yaml

#: Wrong types, sizes and units, and texts that mean something to YAML, to a shell or to a terminal.
VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 7, 1.5, -0.0, 1e-300, 1e300, float("nan"), float("inf"), -(10**30),
    10**30, 2**31, 2**63, "", " ", "x", "0", "1 ms", "-1 ms", "1e30 s", "23 dBm", "9999 dBm",
    "5 parsecs", "nan ms", "inf dB", "a\nb", "\x1b[31m", "\u202e", "[/x]", "../..", "/etc/passwd",
    "/dev/zero", "os:system", "!!python/name:os.system", "x" * 5000, "é.h5" * 100, "a\u0000b.h5",
    [], [[]], [None], [1, 2], ["x"], {}, {"a": 1}, {"x": {"y": {"z": []}}}, [{}],
    {"rayleigh": {"links": 2}}, {"constant": "1 us"}, {"fallback": "max_power"}, [{"wmmse": {}}],
    "wmmse", "fp", "hold", "abort", "edf", "jakes", "rician", "best_so_far", "2026-01-01", "0x1F",
    "1_000", "1:30", "no", "~", ".inf",
]  # fmt: skip
KEYS = [
    "",
    "x",
    "links",
    "model",
    "slot",
    "slot_us",
    "p_max",
    "latency",
    "label",
    "0",
    "a.b",
    "é\n",
]

#: Put in place of a value in the text itself: what no dump of plain values would ever hold.
TEXTS = [
    "!!python/object/apply:os.system ['touch owned']",
    "!!python/object/new:os.system ['touch owned']",
    "!!python/name:os.system",
    "!!python/module:os",
    "!!binary R0lGODlhDAAM",
    "!!set {a, b}",
    "!!timestamp 2026-13-41",
    "!unknown {a: 1}",
    "!!int nonsense",
    "!!float []",
    "*nothing",
    "&a [*a, *a]",
    "&a {b: *a}",
    "[" * 200,
    "[" * 5000 + "]" * 5000,
    "{a: " * 300 + "1" + "}" * 300,
    "{<<: {slots: 3}}",
    "[&b [x,x,x,x,x,x,x,x,x], &c [*b,*b,*b,*b,*b,*b,*b], &d [*c,*c,*c,*c,*c,*c,*c,*c],"
    " &e [*d,*d,*d,*d,*d,*d,*d,*d,*d], &f [*e,*e,*e,*e,*e,*e,*e,*e], [*f,*f,*f,*f,*f,*f,*f]]",
    "{1: 2}",
    "{a: 1, a: 2}",
    "{? [a, b] : 1}",
    "1" * 5000,
    "1e" + "9" * 400,
    "'unclosed",
    "|\n  block",
    "%TAG",
    "---\n...\n---",
]


def places(tree: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the ways to all values of a tree."""
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree)
    found = []
    for key, value in pairs:
        found.append((*at, key))
        if isinstance(value, dict | list):
            found += places(value, (*at, key))
    return found


def change_tree(tree: Any, rng: random.Random) -> None:
    """Change one thing in a tree, in place; it may become empty."""
    ways = places(tree)
    if not ways:
        return
    *way, key = rng.choice(ways)
    parent = tree
    for step in way:
        parent = parent[step]
    if rng.random() < 0.4:
        parent[key] = milder(parent[key], rng)
        return
    change = rng.choice(["value"] * 5 + ["delete", "rename", "add", "copy", "wrap", "deep", "many"])
    if change == "delete":
        del parent[key]
    elif change == "copy":
        source = tree
        for step in rng.choice(ways):
            source = source[step]
        parent[key] = copy.deepcopy(source)
    elif change == "wrap":
        parent[key] = rng.choice([[parent[key]], {"model": parent[key]}, {"x": parent[key]}])
    elif change == "deep":
        for _ in range(rng.choice([3, 30, 60])):
            parent[key] = rng.choice([[parent[key]], {"x": parent[key]}])
    elif change == "many" and isinstance(parent[key], list):
        parent[key] = parent[key] * rng.choice([2, 50])
    elif change in ("rename", "add") and isinstance(parent, dict):
        parent[rng.choice(KEYS)] = parent.pop(key) if change == "rename" else rng.choice(VALUES)
    else:
        parent[key] = copy.deepcopy(rng.choice(VALUES))


def milder(value: Any, rng: random.Random) -> Any:
    """Return another value of the same kind, which often is as good."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return copy.deepcopy(value)
    if isinstance(value, str):
        number, _, unit = value.partition(" ")
        if not number.isdigit():
            return value
        return f"{milder(int(number), rng)} {unit}"
    return value * rng.choice([0, -1, 2, 3, 10]) + rng.choice([0, 1, 1, -1])


def spoiled_yaml(tree: Any, rng: random.Random) -> bytes:
    """Return a YAML file's bytes, of a tree that was changed once to three times."""
    tree = copy.deepcopy(tree)
    for _ in range(rng.choice([0, 1, 1, 1, 1, 2, 3])):
        change_tree(tree, rng)
    lines = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True).split("\n")
    harm = rng.choice(["none"] * 15 + ["text", "text", "twice", "swap", "bytes", "cut", "indent"])
    at = rng.randrange(len(lines))
    if harm == "text":
        lines[at] = lines[at].partition(":")[0] + ": " + rng.choice(TEXTS)
    elif harm == "twice":
        lines.insert(at, lines[at])
    elif harm == "swap":
        other = rng.randrange(len(lines))
        lines[at], lines[other] = lines[other], lines[at]
    elif harm == "indent":
        lines[at] = rng.choice(["\t", "  ", "   ", "- "]) + lines[at]
    content = "\n".join(lines).encode("utf-8", "surrogatepass")
    if harm == "bytes":
        return spoiled_bytes(content, rng)
    if harm == "cut":
        return content[: rng.randrange(len(content) + 1)]
    return content


def spoiled_bytes(content: bytes, rng: random.Random) -> bytes:
    """Return a file cut, lengthened, or with some of its bits and bytes changed."""
    spoiled = bytearray(content)
    harm = rng.choice(["bit"] * 4 + ["byte", "byte", "run", "zeros", "cut", "more", "drop", "head"])
    if harm == "cut" or not spoiled:
        return bytes(spoiled[: rng.randrange(len(spoiled) + 1)])
    if harm == "more":
        return content + rng.randbytes(rng.choice([1, 8, 1000]))
    if harm == "drop":
        at = rng.randrange(len(spoiled))
        return content[:at] + content[at + rng.randrange(1, 64) :]
    if harm in ("run", "zeros"):
        at, size = rng.randrange(len(spoiled)), rng.choice([2, 8, 64, 512])
        size = min(size, len(spoiled) - at)
        spoiled[at : at + size] = bytes(size) if harm == "zeros" else rng.randbytes(size)
        return bytes(spoiled)
    reach = min(len(spoiled), 1024) if harm == "head" else len(spoiled)
    for _ in range(rng.choice([1, 1, 1, 2, 5, 20])):
        at = rng.randrange(reach)
        if harm == "bit":
            spoiled[at] ^= 1 << rng.randrange(8)
        else:
            spoiled[at] = rng.choice([0, 0xFF, 0x7F, 0x80, rng.randrange(256)])
    return bytes(spoiled)
