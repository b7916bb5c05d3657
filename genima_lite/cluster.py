"""Work on the machines of a Ray cluster: each job a task, tried again where its machine dies.

Only this process writes: what a job makes comes back to it, once a job, whichever machine made it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from genima_lite.errors import UserError
from genima_lite.extras import missing_extra
from genima_lite.workers import one_thread

J = TypeVar("J")
R = TypeVar("R")

LOCAL = "local"
"""An address: a cluster on this machine alone, which ends with this process."""

RETRIES = 5
"""How often a job begins anew whose machine or process has died."""


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Yield Ray's module, connected to a cluster.

    Args:
        address: such as "10.0.0.1:6379", "auto" for the cluster of this machine, or "local".

    Raises:
        UserError: Ray is not installed, or nobody answers.
    """
    try:
        import ray
    except ModuleNotFoundError as error:
        raise (missing_extra("a cluster", error) or error) from error
    ours = not ray.is_initialized()
    if ours:
        options: dict[str, Any] = {"include_dashboard": False} if address == LOCAL else {}
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR", **options)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise UserError(f"ray address {address}: no cluster answers ({error})") from None
    try:
        yield ray
    finally:
        if ours:
            ray.shutdown()


def each_on_cluster(
    work: Callable[[J], R], jobs: Sequence[J], address: str, cpus: float = 1.0
) -> Iterator[R]:
    """Do jobs on a cluster and yield what they make, in any order, each once.

    A job whose machine or process dies is begun again elsewhere; an error of the job itself is
    raised here, as on one machine.

    Args:
        work: a function of a module, or a partial of one; picklable, as jobs and results are.
        jobs: what it is called with.
        address: see `connected`.
        cpus: what a job takes of a machine, which decides how many run there at a time.

    Raises:
        UserError: see `connected`; or a job's machines died `RETRIES` times.
    """
    with connected(address) as ray:
        remote = ray.remote(num_cpus=cpus, max_retries=RETRIES)(_alone)
        waiting = [remote.remote(work, job) for job in jobs]
        try:
            while waiting:
                done, waiting = ray.wait(waiting, num_returns=1)
                yield _result(ray, done[0])
        finally:
            for each in waiting:
                ray.cancel(each, force=True)


def _result(ray: Any, reference: Any) -> Any:
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause if isinstance(error.cause, Exception) else error from None
    except ray.exceptions.RayError as error:
        raise UserError(f"a job's machines died {RETRIES} times, the last time: {error}") from None


def _alone(work: Callable[[J], R], job: J) -> R:
    """Do a job on one core of its machine; environments are kept for the next one."""
    one_thread()
    return work(job)
