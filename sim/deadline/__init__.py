"""The race against a deadline, whatever is solved: jobs, policies, latencies, clocks, statistics.

Nothing here knows of radio or of pictures. `run` is the whole race for one server and one
controller, `serve` for several controllers.
"""

from sim.deadline.call import Check
from sim.deadline.clock import Clock, LiveClock, VirtualClock
from sim.deadline.entrant import Entrant
from sim.deadline.errors import InputError, did_you_mean
from sim.deadline.job import Job, Outcome, Source
from sim.deadline.joined import Joined
from sim.deadline.latency import Constant, Distribution, LatencyModel, Measured
from sim.deadline.log import JobLog, read_log
from sim.deadline.policy import OnMiss, OnOverrun, admits, execute
from sim.deadline.run import Served, periodic, run
from sim.deadline.server import Stream, serve
from sim.deadline.solver import AnytimeSolver, Solver
from sim.deadline.task import Task

__all__ = [
    "AnytimeSolver",
    "Check",
    "Clock",
    "Constant",
    "Distribution",
    "Entrant",
    "InputError",
    "Job",
    "JobLog",
    "Joined",
    "LatencyModel",
    "LiveClock",
    "Measured",
    "OnMiss",
    "OnOverrun",
    "Outcome",
    "Served",
    "Solver",
    "Source",
    "Stream",
    "Task",
    "VirtualClock",
    "admits",
    "did_you_mean",
    "execute",
    "periodic",
    "read_log",
    "run",
    "serve",
]
