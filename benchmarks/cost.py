"""What does a megapixel cost? Seconds and peak memory of every bundled network, on one core, on two, and on a GPU.

Usage: ``python benchmarks/cost.py [--side PIXELS] [--only NAME …]``

One call on a plane of SIDE² pixels (1024), in a process of its own after a call on a small one. Seconds by the clock and those
of all cores are the lesser of two calls: where the first are more than the second over the number of cores, other programs
ran. Peak memory is what the call added to the process at most (Linux), on a GPU what torch had at most allocated. The machine
and its load while measuring are printed first.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time

from memory import peak_memory, reset_peak_memory

NETWORKS = ("unet", "unet-small", "lidia", "csc", "deep-ksvd")
PRECISIONS = ("float32", "bfloat16")
WARM = 128
CALLS = 2


def measure(name: str, precision: str, device: str, side: int) -> list[float]:
    """Return seconds by the clock, seconds of all cores, and bytes, all per pixel, of a call in this process."""
    import torch

    from napari_tweedie import denoisers

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    denoise = denoisers.load(name, precision=precision)
    generator = torch.Generator().manual_seed(0)
    plane = torch.rand((1, 1, side, side), generator=generator).to(device)
    pixels = plane.numel()
    seconds = []
    with torch.no_grad():
        denoise(plane[..., :WARM, :WARM].contiguous(), 0.1)
        before = reset_peak_memory()
        if device != "cpu":
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
        for _ in range(CALLS):
            started = time.perf_counter(), time.process_time()
            float(denoise(plane, 0.1)[0, 0, 0, 0])  # waits for the device
            seconds.append((time.perf_counter() - started[0], time.process_time() - started[1]))
    peak = peak_memory() if device == "cpu" else torch.cuda.max_memory_allocated()
    clock, cores = (min(times) / pixels for times in zip(*seconds, strict=True))
    return [clock, cores, (peak - before) / pixels]


def in_a_process(name: str, precision: str, device: str, side: int, threads: int) -> list[float]:
    """Return what `measure` does, in a process of its own."""
    command = [sys.executable, __file__, "measure", name, precision, device, str(side)]
    ended = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, env=os.environ | {"OMP_NUM_THREADS": str(threads)}
    )
    return list(json.loads(ended.stdout))


def main() -> None:
    """Print a row for every network, precision and device."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--only", nargs="+", choices=NETWORKS, default=NETWORKS)
    asked = parser.parse_args()
    where = [(f"{n} core{'s' * (n > 1)}", "cpu", n) for n in (1, 2) if n <= (os.cpu_count() or 1)]
    if torch.cuda.is_available():
        where.append((torch.cuda.get_device_name(), "cuda", 1))
    print(f"{os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}, load {os.getloadavg()[0]:.1f}; {asked.side}²\n")
    print("| network | precision | on | s / Mpx | core s / Mpx | peak memory, MB / Mpx |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in asked.only:
        for precision in PRECISIONS:
            for title, device, threads in where:
                clock, cores, memory = in_a_process(name, precision, device, asked.side, threads)
                row = f"| {name} | {precision} | {title} | {1e6 * clock:.3g} | {1e6 * cores:.3g} | {memory:.0f} |"
                print(row, flush=True)
    print(f"\nLoad at the end: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        print(json.dumps(measure(*sys.argv[2:5], int(sys.argv[5]))))
    else:
        main()
