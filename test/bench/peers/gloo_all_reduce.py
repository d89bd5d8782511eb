"""Rounds of Gloo's all_reduce: what `npm run bench -- synchronisation` compares Lockstep's round with.

Keeps its processes alive and works on request, so that contestants can take turns: a line `ROUNDS` on standard input, a line of JSON
`{"seconds": ...}` as the answer, for that many rounds back to back. The end of the input ends it.
"""

import argparse
import datetime
import json
import os
import sys
import tempfile
import time

os.environ["OMP_NUM_THREADS"] = "1"

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

# Of one worker's gradient. Sums of 8 workers grow by 8 a round: small enough that 30 rounds do not overflow a float32.
VALUE = 2.0**-60
MAXIMUM_ROUNDS = 30


def work(rank, options, rendezvous, requests):
    torch.set_num_threads(1)
    patience = datetime.timedelta(days=1)
    dist.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=options.workers, timeout=patience)
    flat = torch.empty(options.elements)
    rounds = torch.zeros(1, dtype=torch.int64)
    lines = os.fdopen(requests) if rank == 0 else None
    while True:
        if rank == 0:
            rounds[0] = int(lines.readline() or 0)
        dist.broadcast(rounds, 0)
        count = int(rounds)
        if count == 0:
            break
        if count > MAXIMUM_ROUNDS:
            raise SystemExit(f"at most {MAXIMUM_ROUNDS} rounds at a time")
        flat.fill_(VALUE)
        dist.barrier()
        start = time.perf_counter()
        for _ in range(count):
            dist.all_reduce(flat)
        seconds = time.perf_counter() - start
        if not bool((flat == VALUE * float(options.workers) ** count).all()):
            raise SystemExit("all_reduce gave a wrong sum: nothing was measured")
        if rank == 0:
            print(json.dumps({"seconds": seconds}), flush=True)
    dist.destroy_process_group()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--elements", type=int, required=True, help="float32 elements of one gradient")
    options = parser.parse_args()
    # A descriptor that the forked first worker inherits: multiprocessing replaces standard input by /dev/null.
    requests = os.dup(sys.stdin.fileno())
    os.set_inheritable(requests, True)
    with tempfile.TemporaryDirectory() as directory:
        arguments = (options, os.path.join(directory, "rendezvous"), requests)
        mp.start_processes(work, args=arguments, nprocs=options.workers, start_method="fork")


if __name__ == "__main__":
    main()
