"""Quantities: every spelling means the same, and means it exactly."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sim.scenario.channels import GeometricChannel, RayleighChannel, RicianChannel
from sim.scenario.models import BudgetModel
from sim.scenario.quantities import (
    FREQUENCY,
    LENGTH,
    POWER,
    RATIO,
    SPEED,
    TIME,
    Kind,
    QuantityModel,
    convert,
)
from sim.scenario.radio import RadioModel

#: unit -> how many canonical units it is, written down once more
SCALES: dict[str, tuple[Kind, Fraction]] = {
    "ns": (TIME, Fraction(1)),
    "us": (TIME, Fraction(10**3)),
    "ms": (TIME, Fraction(10**6)),
    "s": (TIME, Fraction(10**9)),
    "W": (POWER, Fraction(1)),
    "mW": (POWER, Fraction(1, 1000)),
    "Hz": (FREQUENCY, Fraction(1)),
    "kHz": (FREQUENCY, Fraction(10**3)),
    "MHz": (FREQUENCY, Fraction(10**6)),
    "GHz": (FREQUENCY, Fraction(10**9)),
    "m": (LENGTH, Fraction(1)),
    "km": (LENGTH, Fraction(1000)),
    "m/s": (SPEED, Fraction(1)),
    "km/h": (SPEED, Fraction(1000, 3600)),
}
NUMBERS = st.builds(
    lambda digits, exponent: (Fraction(digits) * Fraction(10) ** exponent, f"{digits}e{exponent}"),
    st.integers(1, 10**6),
    st.integers(-5, 0),
)


def test_every_unit_is_in_the_table() -> None:
    kinds = (TIME, POWER, FREQUENCY, LENGTH, SPEED, RATIO)
    known = {unit for kind in kinds for unit in kind.units}
    assert known == {*SCALES, "dBm", "dBW", "dB", ""}


@given(unit=st.sampled_from(sorted(SCALES)), number=NUMBERS, space=st.sampled_from(["", " ", "  "]))
def test_number_and_unit_mean_the_exact_value(
    unit: str, number: tuple[Fraction, str], space: str
) -> None:
    exact, text = number
    kind, scale = SCALES[unit]
    want: int | float = round(exact * scale) if kind is TIME else float(exact * scale)
    assert convert(f"{text}{space}{unit}", kind) == want
    assert convert(text, kind, unit) == want  # the key says the unit
    assert convert(f"+{text} {unit}", kind, unit) == want  # so do both


@given(st.integers(-(10**17), 10**17))
def test_times_are_exact_to_the_nanosecond(nanoseconds: int) -> None:
    assert convert(f"{nanoseconds} ns", TIME) == nanoseconds
    seconds, rest = divmod(abs(nanoseconds), 10**9)
    sign = "-" if nanoseconds < 0 else ""
    assert convert(f"{sign}{seconds}.{rest:09d} s", TIME) == nanoseconds


@given(st.integers(-2500, 2500))
def test_decibels(tenths: int) -> None:
    want = 10.0 ** (tenths / 100)
    for unit, kind, scale in (("dB", RATIO, 1.0), ("dBW", POWER, 1.0), ("dBm", POWER, 1e-3)):
        found = convert(f"{tenths / 10} {unit}", kind)
        assert math.isclose(found, scale * want, rel_tol=1e-12)


@pytest.mark.parametrize(
    ("text", "kind", "unit", "said"),
    [
        ("5", TIME, None, "has no unit"),
        (5, POWER, None, "has no unit"),
        ("5 dBm", TIME, None, "unit 'dBm' is not one of ns, us, ms, s"),
        ("5 MS", TIME, None, "unit 'MS'"),
        ("5 ms", TIME, "us", "the key says us, the value ms"),
        ("nan ms", TIME, None, "must be a number with a unit"),
        (".inf", TIME, None, "must be a number with a unit"),
        (float("nan"), POWER, "W", "must be a number with a unit"),
        ("1 000 us", TIME, None, "must be a number with a unit"),
        (True, TIME, "us", "must be a quantity"),
        (None, TIME, "us", "must be a quantity"),
        ({}, TIME, "us", "must be a quantity"),
        ("1e30 s", TIME, None, "too large"),
        ("1e999 W", POWER, None, "too large"),
        ("4000 dBm", POWER, None, "too large"),
        ("-4000 dBm", POWER, None, "too large"),
        ("1e-40 W", POWER, None, "too close to zero"),
    ],
)
def test_what_is_no_quantity(text: object, kind: Kind, unit: str | None, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        convert(text, kind, unit)


@pytest.mark.parametrize(
    ("model", "written", "field", "value"),
    [
        (BudgetModel, {"csi": "0.1 ms"}, "csi_ns", 100_000),
        (BudgetModel, {"csi_us": 100}, "csi_ns", 100_000),
        (BudgetModel, {"csi_ms": "0.1"}, "csi_ns", 100_000),
        (BudgetModel, {"csi_s": 1e-4}, "csi_ns", 100_000),
        (BudgetModel, {"csi_ns": 100_000}, "csi_ns", 100_000),
        (RadioModel, {"noise": "1 W", "p_max": "100 mW"}, "p_max_w", 0.1),
        (RadioModel, {"noise_w": 1, "p_max_mw": 100}, "p_max_w", 0.1),
        (RadioModel, {"noise_dbw": 0, "p_max_dbm": 20}, "p_max_w", 0.1),
        (RadioModel, {"noise_dbm": 30, "p_max_w": [0.1, 0.2]}, "p_max_w", [0.1, 0.2]),
        (RadioModel, {"noise": "1 W", "p_max": ["1 W", "30 dBm"]}, "p_max_w", [1.0, 1.0]),
        (RicianChannel, {"model": "rician", "k_factor": 3}, "k_factor_linear", 3.0),
        (RicianChannel, {"model": "rician", "k_factor_db": 10}, "k_factor_linear", 10.0),
        (GeometricChannel, {"model": "geometric", "side": "0.1 km"}, "side_m", 100.0),
        (GeometricChannel, {"model": "geometric", "side_km": 0.1}, "side_m", 100.0),
        (
            RayleighChannel,
            {"model": "rayleigh", "evolution": "jakes", "speed_km_h": 3.6, "carrier_ghz": 3.5},
            "speed_m_s",
            1.0,
        ),
    ],
)
def test_spellings_in_models(
    model: type[QuantityModel], written: dict[str, object], field: str, value: object
) -> None:
    found = getattr(model.model_validate(written), field)
    assert found == pytest.approx(value, rel=1e-15) if field != "csi_ns" else found == value


@pytest.mark.parametrize(
    ("model", "written", "said"),
    [
        (BudgetModel, {"csi": "1 us", "csi_us": 1}, "csi and csi_us are the same quantity"),
        (BudgetModel, {"csi": None}, "must be a quantity"),
        (BudgetModel, {"lead": True}, "not a matter of true or false"),
        (RadioModel, {"snr_db": 0, "weights": [1, True]}, "not a matter of true or false"),
        (RadioModel, {"snr_db": 0, "noise": "1 W"}, "give the noise once"),
        (RadioModel, {}, "give the noise once"),
    ],
)
def test_refused_in_models(
    model: type[QuantityModel], written: dict[str, object], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        model.model_validate(written)


def test_null_stands_for_not_given_where_that_means_something() -> None:
    assert (
        RadioModel.model_validate({"snr_db": 0, "noise": None, "bandwidth": None}).noise_w is None
    )
