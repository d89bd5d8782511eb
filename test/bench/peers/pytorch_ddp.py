"""The seed GAN in PyTorch, data-parallel with DistributedDataParallel over Gloo: what `npm run bench -- training` compares Lockstep with.

The same work as Lockstep's recipe `gan-seed`: architecture, losses (from logits, non-saturating), Adam(1e-4), 128 images a worker,
float32, one process a worker with one thread each, MNIST drawn without replacement, fresh noise for each phase.

Choices in PyTorch's favour, so that the comparison is not won by a slow script: no DataLoader (images lie in memory, a batch is one
gather), the generator runs without autograd in the discriminator's phase, the discriminator is frozen in the generator's phase (no
weight gradients, no all-reduce for them), gradients are views of DDP's buckets, gradients are set to None, no loss is read back.

Prints one line of JSON. Times: from a barrier after `--burn-in` steps to a barrier after `--steps` more.
"""

import argparse
import json
import os
import tempfile
import time

# One thread a process, as Lockstep's workers have it. Read by OpenMP and MKL when torch is imported.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.nn.functional import softplus
from torch.nn.parallel import DistributedDataParallel as DDP

NOISE = 100
PIXELS = 784


def dense_stack(sizes, last=None):
    layers = []
    for fan_in, fan_out in zip(sizes[:-2], sizes[1:-1]):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    layers.append(nn.Linear(sizes[-2], sizes[-1]))
    return nn.Sequential(*layers, *([] if last is None else [last]))


def read_images(path):
    """The images of an IDX file, uint8 [count, 784]: magic number, count, rows, columns (big-endian), then the pixels."""
    with open(path, "rb") as file:
        content = bytearray(file.read())
    magic, count, rows, columns = (int.from_bytes(content[at : at + 4], "big") for at in (0, 4, 8, 12))
    if magic != 2051 or rows * columns != PIXELS or len(content) != 16 + count * PIXELS:
        raise SystemExit(f"{path} is not an IDX file of 28 x 28 images")
    return torch.frombuffer(content, dtype=torch.uint8, offset=16).view(count, PIXELS)


class Trainer:
    def __init__(self, options, rank):
        torch.manual_seed(options.seed)
        generator = dense_stack([NOISE, 128, 256, 512, PIXELS], nn.Tanh())
        discriminator = dense_stack([PIXELS, 512, 256, 128, 1])
        self.generator, self.discriminator = (DDP(each, gradient_as_bucket_view=True) for each in (generator, discriminator))
        self.plain_generator, self.plain_discriminator = generator, discriminator
        fused = options.adam == "fused"
        adam = lambda model: torch.optim.Adam(model.parameters(), lr=1e-4, betas=(0.9, 0.999), eps=1e-7, fused=fused)
        self.generator_adam, self.discriminator_adam = adam(generator), adam(discriminator)
        if options.compile:
            self.generator, self.discriminator = torch.compile(self.generator), torch.compile(self.discriminator)
            self.plain_generator, self.plain_discriminator = torch.compile(generator), torch.compile(discriminator)
        self.images = read_images(options.data)
        self.rank, self.workers, self.batch = rank, options.workers, options.batch_per_worker
        self.order = torch.Generator().manual_seed(options.seed)
        self.ids, self.position = torch.empty(0, dtype=torch.int64), 0
        torch.manual_seed(options.seed + 1 + rank)

    def real(self):
        """This worker's slice of the next global batch, scaled to [-1, 1]; every worker draws the same permutations."""
        whole = self.batch * self.workers
        if self.position + whole > len(self.ids):
            self.ids, self.position = torch.randperm(len(self.images), generator=self.order), 0
        start = self.position + self.rank * self.batch
        self.position += whole
        return self.images[self.ids[start : start + self.batch]].float().mul_(2 / 255).sub_(1)

    def noise(self):
        return torch.randn(self.batch, NOISE)

    def step(self):
        with torch.no_grad():
            fake = self.plain_generator(self.noise())
        self.discriminator_adam.zero_grad(set_to_none=True)
        discriminator_loss = softplus(-self.discriminator(self.real())).mean() + softplus(self.discriminator(fake)).mean()
        discriminator_loss.backward()
        self.discriminator_adam.step()

        frozen = list(self.plain_discriminator.parameters())
        for parameter in frozen:
            parameter.requires_grad_(False)
        self.generator_adam.zero_grad(set_to_none=True)
        generator_loss = softplus(-self.plain_discriminator(self.generator(self.noise()))).mean()
        generator_loss.backward()
        self.generator_adam.step()
        for parameter in frozen:
            parameter.requires_grad_(True)
        return discriminator_loss.detach(), generator_loss.detach()


def work(rank, options, rendezvous):
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=options.workers)
    trainer = Trainer(options, rank)
    for _ in range(options.burn_in):
        trainer.step()
    dist.barrier()
    start = time.perf_counter()
    for _ in range(options.steps):
        losses = trainer.step()
    dist.barrier()
    seconds = time.perf_counter() - start
    finite = all(torch.isfinite(loss) for loss in losses)
    # Replicas that have drifted apart did not train together: then nothing was measured.
    check = torch.stack([parameter.detach().sum() for parameter in trainer.plain_discriminator.parameters()]).sum().reshape(1)
    everyone = [torch.empty(1) for _ in range(options.workers)]
    dist.all_gather(everyone, check)
    if not finite or any(each.item() != check.item() for each in everyone):
        raise SystemExit("the losses are not finite, or the workers' weights differ: nothing was measured")
    if rank == 0:
        images = options.steps * options.batch_per_worker * options.workers
        result = {"imagesPerSecond": images / seconds, "seconds": seconds, "steps": options.steps, "torch": torch.__version__}
        print(json.dumps({**result, "losses": [loss.item() for loss in losses]}), flush=True)
    dist.barrier()
    # Not destroy_process_group: a run was seen to end there with "terminate called without an active exception", its figure already out.
    os._exit(0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--batch-per-worker", type=int, default=128)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--burn-in", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--adam", choices=["default", "fused"], default="fused")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--data", required=True, help="IDX file of the training images")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        mp.spawn(work, args=(options, os.path.join(directory, "rendezvous")), nprocs=options.workers)


if __name__ == "__main__":
    main()
