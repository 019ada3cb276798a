"""Several processes that train one network together, each on its share of every batch.

``torchrun`` starts them, and says by the environment which one each is. A step of theirs is that of
one process with the whole batch: the loss is that of all crops, of which each process has computed
the logits of its own; gradients are added up; normalisations use the statistics of all crops; what
is dropped out is drawn for all. Decisions that hang on the time are those of the first process, the
leader, which alone validates and writes.

Shapes: ``N`` crops of a process, ``C`` channels, ``H, W`` the size at which a layer works.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from segfit.errors import SegfitError
from segfit.runtime.threads import count_threads
from segfit.training.clock import read_clock

LONGEST_WAIT = timedelta(days=30)
"""For the leader, which may train a regressor alone; a process that dies ends the others."""
GROUPS = {"cuda": "nccl", "xpu": "xccl", "cpu": "gloo"}
"""What sends tensors between the processes, by their devices."""
T = TypeVar("T")


@dataclass(frozen=True)
class Team:
    """This process among ``size`` that train together; alone, all that it does is nothing.

    ``words``: the group that sends numbers and words between processors; tensors go by the default
    group, from card to card.
    """

    rank: int = 0
    size: int = 1
    words: Any = None

    @property
    def is_leader(self) -> bool:
        """Whether it is the process that decides, validates and writes."""
        return self.rank == 0

    def share(self, count: int) -> range:
        """Its own of so many crops."""
        own = count // self.size
        return range(self.rank * own, (self.rank + 1) * own)

    def share_threads(self, threads: int | None) -> int | None:
        """Its own of so many threads, or of all processors, of a machine that it shares."""
        if self.size == 1:
            return threads
        return max(1, count_threads(threads) // _read_number("LOCAL_WORLD_SIZE", self.size))

    def name_own(self, path: Path) -> Path:
        """The path of a file of which every process needs its own; the leader's is the path."""
        return path if self.is_leader else path.with_name(f"{path.name}.{self.rank}")

    def agree(self, value: T) -> T:
        """The leader's value, in every process."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0, group=self.words)
        return box[0]

    def lead(self, work: Callable[[], T]) -> T:
        """What the leader's work gives, in every process; the others wait for it."""
        return self.agree(work() if self.is_leader else None)  # type: ignore[return-value]

    def read_clock(self) -> float:
        """The leader's seconds, so that all processes decide alike."""
        now = read_clock()
        if self.size == 1:
            return now
        box = torch.tensor([now], dtype=torch.float64)
        dist.broadcast(box, src=0, group=self.words)
        return box.item()

    def join(self, own: Tensor) -> Tensor:
        """The tensors (N, …) of all processes one after the other, (N · size, …).

        Gradients flow into this process's own: the others compute those of theirs.
        """
        if self.size == 1:
            return own
        sent = own.detach().contiguous()
        parts = [torch.empty_like(sent) for _ in range(self.size)]
        dist.all_gather(parts, sent)
        parts[self.rank] = own
        return torch.cat(parts)

    def add_up(self, own: Tensor) -> Tensor:
        """The sum of a tensor over all processes; gradients flow into all of them."""
        return own if self.size == 1 else _Sum.apply(own)  # type: ignore[no-untyped-call]

    def add_up_gradients(self, network: nn.Module) -> None:
        """Add to the gradients of the network's weights those that the others have."""
        if self.size == 1:
            return
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        pieces = torch.split(flat, [gradient.numel() for gradient in gradients])
        for gradient, piece in zip(gradients, pieces, strict=True):
            gradient.copy_(piece.view_as(gradient))

    def adapt(self, network: nn.Module) -> None:
        """Let a network's layers that look at the whole batch look at that of all processes.

        Weights become the leader's. Normalisations of other libraries' encoders stay as they are:
        in these the statistics are those of each process's share.
        """
        if self.size == 1:
            return
        for module in list(network.modules()):
            for name, layer in module.named_children():
                if type(layer) is nn.BatchNorm2d:
                    setattr(module, name, TeamBatchNorm(layer, self))
                elif type(layer) is nn.Dropout2d:
                    setattr(module, name, TeamDropout(layer.p, self))
        for tensor in network.state_dict().values():
            dist.broadcast(tensor, src=0)

    def check_batch(self, batch: int) -> None:
        """Raise ``SegfitError`` for a batch that cannot be shared equally."""
        if batch % self.size:
            raise SegfitError(
                f"batch is {batch}, which {self.size} processes cannot share equally: give --batch "
                f"{round_up(batch, self.size)} or another multiple of {self.size}"
            )

    def __deepcopy__(self, memo: dict[int, Any]) -> Team:
        return self  # a layer's copy is in the same process


ALONE = Team()


class TeamBatchNorm(nn.BatchNorm2d):
    """Batch normalisation by the statistics of all processes' crops.

    torch's own, ``SyncBatchNorm``, is for cards only, where no test could compare it.
    """

    def __init__(self, like: nn.BatchNorm2d, team: Team) -> None:
        super().__init__(like.num_features, like.eps, like.momentum)
        self.weight, self.bias = like.weight, like.bias
        self.running_mean, self.running_var = like.running_mean, like.running_var
        self.num_batches_tracked = like.num_batches_tracked
        self.team = team

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, C, H, W)."""
        if not self.training:
            return super().forward(x)
        values = x.float()
        count = values.numel() // values.shape[1] * self.team.size
        mean = self.team.add_up(values.sum(dim=(0, 2, 3))) / count  # (C,)
        centred = values - mean[:, None, None]
        variance = self.team.add_up(centred.square().sum(dim=(0, 2, 3))) / count
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        y = centred * scale[:, None, None] + self.bias[:, None, None]
        return y.to(x.dtype)


class TeamDropout(nn.Module):
    """Drops whole channels of crops, drawn alike in every process for all their crops."""

    def __init__(self, p: float, team: Team) -> None:
        super().__init__()
        self.p, self.team = p, team

    def forward(self, x: Tensor) -> Tensor:
        """Drop channels of (N, C, H, W)."""
        if not self.training:
            return x
        crops = len(x) * self.team.size
        kept = x.new_empty((crops, x.shape[1], 1, 1)).bernoulli_(1 - self.p).div_(1 - self.p)
        share = self.team.share(crops)
        return x * kept[share.start : share.stop]


class _Sum(torch.autograd.Function):
    """A sum over all processes, and of its gradients."""

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        total = own.detach().clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total


def count_processes() -> int:
    """How many processes torchrun has started; 1 without it."""
    return _read_number("WORLD_SIZE", 1)


def is_leading_process() -> bool:
    """Whether this process is the leader, or alone."""
    return _read_number("RANK", 0) == 0


def require_one_process() -> None:
    """Raise ``SegfitError`` under torchrun, for what one process does alone."""
    if count_processes() > 1:
        raise SegfitError(
            f"a regressor is trained by one process, and torchrun has started {count_processes()}: "
            "start segfit without torchrun"
        )


def find_number() -> int | None:
    """The number of this process among several on its machine; None without others."""
    return None if count_processes() == 1 else _read_number("LOCAL_RANK", 0)


@contextmanager
def open_team(device: torch.device) -> Iterator[Team]:
    """The team that torchrun has started; inside, its processes can talk to each other."""
    size = count_processes()
    if size == 1:
        yield ALONE
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)  # where messages between cards are sent from
    dist.init_process_group(GROUPS[device.type])
    try:
        words = dist.new_group(backend="gloo", timeout=LONGEST_WAIT)
        yield Team(dist.get_rank(), size, words)
    finally:
        dist.destroy_process_group()


def round_up(number: int, step: int) -> int:
    """The first multiple of ``step`` from ``number`` on."""
    return -(-number // step) * step


def _read_number(variable: str, usual: int) -> int:
    return int(os.environ.get(variable, usual))
