"""One thread for numpy's linear algebra while serving.

Reading multiplies small matrices: a second thread gains nothing, spins while it waits, and so
burns processor time and delays everything else on the machine.
"""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np

# As numpy's wheels name it; other builds (Accelerate, system BLAS) are left as they are.
_SETTERS = ("scipy_openblas_set_num_threads64_", "scipy_openblas_set_num_threads")


def use_one_thread() -> bool:
    """Tell the OpenBLAS inside numpy's wheel to use one thread; False where there is none."""
    package = Path(np.__file__).parent
    for folder in (package.parent / "numpy.libs", package / ".dylibs"):
        for library in folder.glob("libscipy_openblas*"):
            loaded = ctypes.CDLL(str(library))
            for name in _SETTERS:
                if hasattr(loaded, name):
                    getattr(loaded, name)(1)
                    return True
    return False
