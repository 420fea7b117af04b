"""Work shared out to processes of this machine.

As many photos are under way as there are processes, and as many again wait for them: memory does
not grow with the number of photos. The cores are shared out, so that the threads of several
processes do not fight over them; results are the same for any number of processes. A process that
dies (killed for its memory, or a codec that crashed) takes only its own photo with it. When work is
stopped, what is begun is left; a process whose parent is gone ends at once.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any

from cepstro.fft import threads
from cepstro.many import memory
from cepstro.many.places import Item
from cepstro.many.task import Record, Settings, failure, perform

Question = tuple[Item, str | None]  # a photo, and the JSON of what is known of it
Answer = tuple[int, Record, bool]  # its place in the list, its record, whether that was known

_MOST = 61 if sys.platform == "win32" else 1024  # Windows waits for no more handles at once
DIED = "the process that worked on it died; was there enough memory? Try fewer --jobs"


def locally(
    settings: Settings, questions: Sequence[Question], jobs: int
) -> Generator[Answer, None, None]:
    """Work on all photos, in whatever order they end."""
    jobs = min(jobs, _MOST)
    waiting = list(range(len(questions)))[::-1]
    while waiting:
        suspects: list[int] = []
        running: dict[Future[tuple[Record, bool]], int] = {}
        with _pool(jobs) as pool:
            try:
                while waiting or running:
                    while waiting and len(running) < 2 * jobs:
                        index = waiting[-1]
                        running[pool.submit(perform, settings, *questions[index])] = index
                        waiting.pop()
                    ended, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in ended:
                        record, kept = future.result()
                        yield running.pop(future), record, kept
            except BrokenProcessPool:
                suspects = sorted(running.values())
        for index in suspects:  # one of them killed its process: each alone tells which
            yield index, *_alone(settings, questions[index])


def _alone(settings: Settings, question: Question) -> tuple[Record, bool]:
    with _pool(1) as pool:
        try:
            return pool.submit(perform, settings, *question).result()
        except BrokenProcessPool:
            return failure(question[0], DIED), False


@contextlib.contextmanager
def _pool(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Start processes afresh, with their share of the cores."""
    share = max(1, threads() // jobs)
    context = _Context()
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_prepare, initargs=(share,))
    try:
        yield pool
    except BaseException:  # Ctrl-C, or nobody wants the rest: what is begun is not waited for
        context.stop()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


# BLAS keeps to one thread: more change the last digits of its sums.
_SURROUNDINGS = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class _Process(SpawnProcess):
    """A process in surroundings of its own, which are read when it starts."""

    def start(self) -> None:
        before = {name: os.environ.get(name) for name in _SURROUNDINGS}
        os.environ.update(_SURROUNDINGS)
        try:
            super().start()
        finally:
            for name, value in before.items():
                del os.environ[name]
                if value is not None:
                    os.environ[name] = value


class _Context(SpawnContext):
    """Starts such processes, and ends them at once when it is told."""

    def __init__(self) -> None:
        super().__init__()
        self._started: list[SpawnProcess] = []

    def Process(self, *args: Any, **keywords: Any) -> SpawnProcess:  # type: ignore[override]
        process = _Process(*args, **keywords)
        self._started.append(process)
        return process

    def stop(self) -> None:
        """End all processes, whatever they do: files are put in place whole."""
        for process in self._started:
            if process.is_alive():
                process.kill()


def _prepare(share: int) -> None:
    """Keep to a share of the cores; end at Ctrl-C, and when the parent is gone (kill -9)."""
    os.environ["CEPSTRO_THREADS"] = str(share)
    memory.keep()
    signal.signal(signal.SIGINT, lambda *_: os._exit(1))
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
