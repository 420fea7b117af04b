"""Settings for every test: with a process a core (pytest -n auto), each keeps to its own core."""

import os

# Must be set before NumPy is imported: threads of several processes would fight over the cores.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("CEPSTRO_THREADS", "1")
