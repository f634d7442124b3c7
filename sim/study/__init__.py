"""Studies: a scenario over axes of its keys, point by point, on as many processors as there are."""

from sim.study.cluster import DaskEngine
from sim.study.engines import Engine, GivenEngine, LokyEngine, SerialEngine
from sim.study.load import load_study
from sim.study.run import StudyResult, run_study
from sim.study.study import Study

__all__ = [
    "DaskEngine",
    "Engine",
    "GivenEngine",
    "LokyEngine",
    "SerialEngine",
    "Study",
    "StudyResult",
    "load_study",
    "run_study",
]
