"""Work shared out to a Dask cluster, the extra ``cluster``: the same function on other machines.

Workers read the photos and write the pictures by the same paths, or are sent the photos and send
the pictures back (`sent`). As many photos are under way as the cluster has threads, and as many
again wait. A worker that is lost loses nothing: Dask has its
photos done again elsewhere, and files are put in place whole, so that twice does no harm.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import CancelledError
from typing import Any

from cepstro.errors import ClusterError, extra
from cepstro.many import memory
from cepstro.many.crew import DIED, Answer, Question
from cepstro.many.sent import perform_sent, place, question
from cepstro.many.task import Settings, failure, perform

_LOST = (CancelledError, OSError, RuntimeError)  # what Dask raises without its scheduler
_LARGE = "distributed.admin.large-graph-warning-threshold"


def connect(address: str) -> Any:
    """Client of the Dask scheduler at an address.

    Raises
    ------
    MissingExtraError
        If Dask is not installed.
    ClusterError
        If nobody answers there.
    """
    distributed = _library()
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # we say it ourselves
    try:
        return distributed.Client(address, timeout="10s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise ClusterError(
            f"no Dask scheduler answers at {address}: start one with `dask scheduler`"
        ) from error


def remotely(
    settings: Settings, questions: Sequence[Question], client: Any, *, send: bool = False
) -> Generator[Answer, None, None]:
    """Work on all photos, in whatever order they end."""
    import dask

    distributed = _library()
    waiting = iter(range(len(questions)))
    places: dict[str, int] = {}
    running = distributed.as_completed(loop=client.loop)

    def submit() -> None:
        index = next(waiting, None)
        if index is not None:
            if send:
                asked = question(*questions[index])
                with dask.config.set({_LARGE: "1TB"}):  # photos are large, and few are on the way
                    future = client.submit(_at_worker, perform_sent, settings, asked, pure=False)
            else:
                future = client.submit(_at_worker, perform, settings, *questions[index], pure=False)
            places[future.key] = index
            running.add(future)

    try:
        with _heard():
            for _ in range(2 * max(1, sum(client.nthreads().values()))):
                submit()
        for future in running:
            index = places.pop(future.key)
            try:
                with _heard():
                    answer = future.result()
            except distributed.KilledWorker:
                record, kept = failure(questions[index][0], DIED), False
            else:
                record, kept = place(questions[index][0], *answer) if send else answer
            with _heard():
                submit()
            yield index, record, kept
    finally:
        with contextlib.suppress(*_LOST):
            client.cancel(running.futures)


@contextlib.contextmanager
def _heard() -> Iterator[None]:
    """Say it in a sentence when the scheduler is gone."""
    try:
        yield
    except _LOST as error:
        raise ClusterError(
            "the Dask scheduler no longer answers: start it and its workers again, then give the "
            "same command, which goes on where it was"
        ) from error


def _at_worker(work: Callable[..., Any], *asked: Any) -> Any:
    """Work in a process that Dask has started."""
    memory.keep()
    return work(*asked)


def _library() -> Any:
    return extra("distributed", "working on a cluster takes Dask", "cluster")
