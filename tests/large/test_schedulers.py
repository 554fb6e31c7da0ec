"""Does a cluster give what one process gives, also when one of its machines dies?"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_tweedie.images.files import read, write
from napari_tweedie.large.run_file import run_file
from napari_tweedie.large.schedulers import Cluster, Slurm, local, pick
from napari_tweedie.recipe import Recipe

distributed = pytest.importorskip("dask.distributed")

pytestmark = pytest.mark.slow

RECIPE = Recipe(
    job="restore",
    degradation={"name": "gaussian-blur", "std": 0.5},
    solver={"name": "tikhonov", "weight": 0.05},
    tile=64,
)  # fmt: skip


@pytest.fixture
def two_workers() -> Iterator[object]:
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as cluster:
        yield cluster


def chunks(folder: Path) -> dict[str, tuple[int, int]]:
    """Return which chunks are written, and which file holds each since when."""
    files = [path for path in folder.rglob("c/**/*") if path.is_file() and path.suffix != ".partial"]
    return {str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}


@pytest.mark.parametrize("killed", [1, 2])
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_a_cluster_gives_the_same_pixels_though_workers_are_killed(
    killed: int, two_workers: object, tmp_path: Path, rng: np.random.Generator
) -> None:
    """Also where all die, and others come in their place."""
    source = tmp_path / "in.zarr"
    write(source, rng.random((320, 256)).astype(np.float32), "yx")
    list(run_file(RECIPE, source, tmp_path / "alone.zarr"))
    workers = [worker.pid for worker in two_workers.workers.values()]  # type: ignore[attr-defined]
    shares = []
    for step in run_file(RECIPE, source, tmp_path / "together.zarr", scheduler=Cluster(two_workers.scheduler_address)):  # type: ignore[attr-defined]
        shares.append(step.share)
        if len(shares) == 5:
            finished = chunks(tmp_path / "together.part.zarr")
            for pid in workers[:killed]:
                os.kill(pid, signal.SIGKILL)
    assert len(shares) == 20
    assert shares[-1] == 1
    assert len(finished) >= 5
    assert chunks(tmp_path / "together.zarr").items() >= finished.items(), "a finished chunk was written again"
    np.testing.assert_array_equal(read(tmp_path / "together.zarr").data[...], read(tmp_path / "alone.zarr").data[...])


def test_schedulers_are_named() -> None:
    assert pick("local") is local
    assert isinstance(pick("tcp://node1:8786"), Cluster)
    with pytest.raises(ValueError, match="neither local nor an address"):
        pick("node1")


def test_an_address_where_nobody_answers_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import dask

    with dask.config.set({"distributed.comm.timeouts.connect": "0.5s"}), pytest.raises(ValueError, match="no scheduler answers"):
        list(Cluster("tcp://127.0.0.1:9")(str, iter([])))


SBATCH = """#!/bin/sh
# As Slurm does: takes a copy of the script, says the number of the job, and runs it somewhere.
cp "$1" {folder}/job.$$.sh
sh {folder}/job.$$.sh > {folder}/log.$$ 2>&1 &
echo "Submitted batch job $!"
"""


def test_jobs_of_slurm_give_the_same_pixels_and_end(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    dask = pytest.importorskip("dask")
    pytest.importorskip("dask_jobqueue")
    for name, script in (("sbatch", SBATCH.format(folder=tmp_path)), ("scancel", '#!/bin/sh\nkill "$@"\n')):
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    write(tmp_path / "in.zarr", rng.random((96, 128)).astype(np.float32), "yx")
    list(run_file(RECIPE, tmp_path / "in.zarr", tmp_path / "alone.zarr"))
    asked = {"cores": 1, "memory": "1GB", "queue": "small", "walltime": "00:10:00", "local-directory": str(tmp_path)}
    with dask.config.set({"jobqueue.slurm": {**dask.config.get("jobqueue.slurm"), **asked, "interface": "lo"}}):
        list(run_file(RECIPE, tmp_path / "in.zarr", tmp_path / "jobs.zarr", scheduler=Slurm(1)))
    np.testing.assert_array_equal(read(tmp_path / "jobs.zarr").data[...], read(tmp_path / "alone.zarr").data[...])
    (job,) = tmp_path.glob("job.*.sh")
    assert "#SBATCH -p small" in job.read_text()
    assert "#SBATCH -t 00:10:00" in job.read_text()


def test_without_slurm_or_its_configuration_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dask = pytest.importorskip("dask")
    pytest.importorskip("dask_jobqueue")
    assert isinstance(pick("slurm:20"), Slurm)
    with pytest.raises(ValueError, match="sbatch is not found"):
        list(pick("slurm:2")(str, iter([])))
    (tmp_path / "sbatch").write_text("#!/bin/sh\n")
    (tmp_path / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        dask.config.set({"jobqueue.slurm.cores": None, "jobqueue.slurm.memory": "1GB"}),
        pytest.raises(ValueError, match="what a job of Slurm asks for: cores"),
    ):
        list(pick("slurm:2")(str, iter([])))
