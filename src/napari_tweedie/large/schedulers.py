"""Schedulers of the regions of a large image: this process, the workers of a cluster, or jobs of Slurm."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from napari_tweedie.images.arrays import reason_of
from napari_tweedie.images.chunks import Region

Work: TypeAlias = "Callable[[Region], Any]"
"""Does one region, and returns what is to be told of it."""
Scheduler: TypeAlias = "Callable[[Work, Iterator[Region]], Iterator[Any]]"
"""Does regions, in any order; yields after each one what the work returned."""

AHEAD = 2
"""Regions that wait at the scheduler for every thread of the cluster: enough to keep it busy, however many there are in all."""


TRIES, PAUSE = 5, 0.3
"""How often a region is begun whose workers all died, and seconds, times the tries, that others are given to take their place."""


def local(work: Work, regions: Iterator[Region]) -> Iterator[Any]:
    """Do regions one after the other in this process."""
    return map(work, regions)


class Cluster:
    """Does regions on the workers of a dask.distributed scheduler; those of a worker that dies are done by another one.

    Image and result must lie where all workers find them under the same path.

    Parameters
    ----------
    address : str
        Of the scheduler, such as ``tcp://node1:8786``.
    """

    def __init__(self, address: str) -> None:
        self.address = address

    def __call__(self, work: Work, regions: Iterator[Region]) -> Iterator[Any]:
        """Do regions on all workers at once.

        Raises
        ------
        ValueError
            If dask.distributed is not installed, or nobody answers at the address.
        """
        with self._client() as client:
            from dask.distributed import as_completed

            finished = as_completed(loop=client.loop)
            waiting: dict[Any, tuple[Region, int]] = {}
            shared = client.scatter(work, broadcast=True)

            def start(region: Region, tries: int) -> None:
                future = client.submit(_call, shared, region, pure=False)
                waiting[future] = region, tries
                finished.add(future)

            try:
                while True:
                    while len(waiting) < AHEAD * max(1, sum(client.nthreads().values())):
                        region = next(regions, None)
                        if region is None:
                            break
                        start(region, 1)
                    if not waiting:
                        return
                    future = next(finished)
                    region, tries = waiting.pop(future)
                    if future.cancelled() and tries < TRIES:  # who knew the work died: tell those in their place
                        time.sleep(PAUSE * tries)
                        shared = client.scatter(work, broadcast=True)
                        start(region, tries + 1)
                        continue
                    yield self._told(future)
            finally:
                client.cancel(list(waiting))

    def check(self) -> None:
        """Raise, before any work is done, what a call would raise of the cluster."""
        self._client().close()

    def _client(self) -> Any:
        try:
            from dask.distributed import Client
        except ImportError as error:
            raise ValueError("clusters need dask.distributed: pip install 'napari-tweedie[distributed]'") from error
        try:
            return Client(self.address, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ValueError(f"no scheduler answers at {self.address}: start one with `dask scheduler`, and workers") from error

    def _told(self, future: Any) -> Any:
        """Return what the work returned; what the cluster itself stumbled over is one sentence."""
        try:
            return future.result()
        except (ValueError, OSError, MemoryError):
            raise
        except Exception as error:  # a worker that dies again and again, versions that differ, a scheduler that is gone
            if not type(error).__module__.startswith(("distributed", "concurrent", "asyncio")):
                raise
            reason = reason_of(error)
            raise OSError(f"the cluster at {self.address} failed: {reason}") from error


class Slurm:
    """Does regions in jobs of Slurm, that dask-jobqueue submits and ends; what a job asks for stands in dask's configuration.

    Parameters
    ----------
    jobs : int
        How many jobs are submitted; the run begins with the first that starts.
    """

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs

    def __call__(self, work: Work, regions: Iterator[Region]) -> Iterator[Any]:
        """Do regions in all jobs at once; errors are those of `check`."""
        self.check()
        from dask_jobqueue.slurm import SLURMCluster

        with SLURMCluster() as cluster:
            cluster.scale(jobs=self.jobs)
            cluster.wait_for_workers(1)  # jobs may wait in Slurm's queue for hours
            yield from Cluster(cluster.scheduler_address)(work, regions)

    def check(self) -> None:
        """Raise, before any work is done, what keeps jobs from being submitted.

        Raises
        ------
        ValueError
            If dask-jobqueue is not installed, this is no node of a Slurm cluster, or it is not configured what a job asks for.
        """
        try:
            import dask.config
            import dask_jobqueue.slurm  # noqa: F401
        except ImportError as error:
            raise ValueError("Slurm needs dask-jobqueue: pip install 'napari-tweedie[slurm]'") from error
        if shutil.which("sbatch") is None:
            raise ValueError("sbatch is not found: run this on a node from which jobs of Slurm are submitted")
        asked = dask.config.get("jobqueue.slurm", {})
        if missing := [name for name in ("cores", "memory") if not asked.get(name)]:
            raise ValueError(f"say in ~/.config/dask/jobqueue.yaml what a job of Slurm asks for: {' and '.join(missing)}")


def _call(work: Work, region: Region) -> str:
    return work(region)


def pick(name: str) -> Scheduler:
    """Return the scheduler of that name: ``local``, ``slurm:JOBS``, or the address of a cluster."""
    if name == "local":
        return local
    kind, _, jobs = name.partition(":")
    if kind == "slurm" and jobs.isdigit() and int(jobs):
        return Slurm(int(jobs))
    if "://" not in name:
        raise ValueError(f"scheduler {name!r} is neither local nor an address such as tcp://node1:8786")
    return Cluster(name)
