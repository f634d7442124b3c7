"""What numba compiled answers as the Python that it was compiled from."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import interpreted
import numpy as np

ROOT = Path(__file__).parents[2]


def test_compiled_code_answers_as_its_source_does(tmp_path: Path) -> None:
    file = tmp_path / "answers.npz"
    subprocess.run(
        [sys.executable, interpreted.__file__, file],
        env={**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_DISABLE_JIT": "1"},
        check=True,
    )
    with np.load(file) as expected:
        answers = interpreted.answers()
        names = [f"{name}/{i}" for name in answers for i in range(len(answers[name]))]
        assert names == list(expected)
        for name, found in zip(names, (a for each in answers.values() for a in each), strict=True):
            if found.dtype.kind in "fc":
                # Compiled, sums are in another order; of single precision that is 1e-7 each.
                np.testing.assert_allclose(
                    found, expected[name], rtol=1e-5, atol=1e-6, err_msg=name
                )
            else:
                np.testing.assert_array_equal(found, expected[name], err_msg=name)
