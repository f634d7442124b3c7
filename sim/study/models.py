"""The study file, as frozen models."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sim.deadline.errors import shown

#: More replicates than anybody has time for.
_MOST_REPLICATES = 10_000

#: A number, or one with a unit: ``0.1``, ``10 us``.
Bound = float | int | str


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _no_truth(cls, data: Any) -> Any:
        # pydantic would take `replicates: true` for one
        for key, value in data.items() if isinstance(data, dict) else ():
            if isinstance(value, bool):
                raise ValueError(f"{key}: is not a matter of true or false")
        return data


class RangeModel(_Model):
    """Values from one number to another."""

    start: Bound = Field(alias="from")
    to: Bound
    step: Bound | None = None
    points: Annotated[int | None, Field(ge=1, le=10_000)] = None
    scale: Literal["linear", "log"] = "linear"


class ZipModel(_Model):
    """Keys that move together, with a label for each step."""

    zip: dict[str, list[Any]] = Field(min_length=1)
    labels: list[str] | None = None


class SolveModel(_Model):
    """The axis along which the target is solved for."""

    axis: str
    find: Literal["largest", "smallest"]
    start: Bound = Field(alias="from")
    to: Bound
    step: Annotated[int | None, Field(ge=1)] = Field(None, description="of whole numbers")
    tolerance: Bound | None = Field(None, description="1% of the value if not given")


class StudyModel(_Model):
    """A study: a scenario, axes of its keys, replicates, perhaps a target to solve for."""

    name: str = Field("", max_length=200, description="the file's stem if not given")
    description: str = ""
    scenario: str | dict[str, Any] = Field(description="a file, relative to this one, or its keys")
    set: dict[str, Any] = Field(default_factory=dict, description="keys of the scenario to change")
    axes: dict[str, Any] = Field(default_factory=dict)
    replicates: Annotated[int, Field(ge=1, le=_MOST_REPLICATES)] = 1
    target: str | None = None
    solve: SolveModel | None = None
    report: list[Any] | None = None

    @model_validator(mode="after")
    def _sensible(self) -> StudyModel:
        if self.name.startswith(".") or any(c in "/\\" or not c.isprintable() for c in self.name):
            raise ValueError(
                f"name: {shown(self.name)} is to name a folder; want one line, no slashes, no dot "
                "first"
            )
        if self.solve is not None and self.target is None:
            raise ValueError("solve: solves for a target; give one, as target: miss_ratio <= 1e-3")
        if not self.axes and self.solve is None and self.replicates == 1:
            raise ValueError(
                "nothing to do: want axes, replicates or a target to solve for; `ttirace run` "
                "runs a scenario as it is"
            )
        return self
