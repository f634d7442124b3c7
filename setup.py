"""What pyproject.toml cannot say: beside the packages found, scenarios/ goes into sim."""

from setuptools import find_namespace_packages, setup

setup(
    packages=[
        *find_namespace_packages(include=["sim*", "allocators*", "stylize*"]),
        "sim.scenarios",
        *(f"sim.scenarios.{name}" for name in find_namespace_packages("scenarios")),
    ]
)
