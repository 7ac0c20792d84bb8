# SPDX-License-Identifier: Apache-2.0
"""Compare every method with its golden trajectory, or write them: see :mod:`tests.golden`."""

import sys
import tempfile
from pathlib import Path

import numpy as np

from dynamics import methods
from tests import golden

if __name__ == "__main__":
    different = 0
    with tempfile.TemporaryDirectory() as folder:
        for method in methods.names():
            found = golden.run(method, Path(folder))
            if "--write" in sys.argv:
                golden.write(method, found)
                continue
            _, stored = golden.read(method)
            same = np.array_equal(found.loss, stored.loss) and np.array_equal(found.correct, stored.correct)
            different += not same
            print(f"{method}: {'equal, bit for bit' if same else 'DIFFERENT'}")
    sys.exit(different > 0)
