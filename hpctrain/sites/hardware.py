"""The hardware that the trainer needs, and what a user has to know of nodes without it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hpctrain.sites.profile import SiteProfile

MAKERS = ("NVIDIA", "AMD", "Intel")


def gpu_maker(gpu: str | None) -> str | None:
    """Return who made a GPU, by its name; None where that is not known."""
    first = (gpu or "").split(" ")[0].lower()
    return next((maker for maker in MAKERS if maker.lower() == first), None)


def hardware_notes(profile: SiteProfile) -> Iterator[str]:
    """Say what the trainer as PyPI has it cannot use on the nodes of a target, and what works.

    A container is its user's own affair, and so is a Python on another processor.
    """
    trainer, node = profile.trainer, profile.node
    if trainer.container is not None:
        return
    if node.arch == "aarch64" and trainer.python is None:
        yield (
            "the nodes are aarch64, and PyPI has python-ace ready for x86_64 only: build it there "
            "from its source package and name that Python (trainer.python), or name a container "
            "made for aarch64 (trainer.container)"
        )
    maker = gpu_maker(node.gpu)
    if profile.gpus and maker in ("AMD", "Intel"):
        yield (
            f"the GPUs are {maker}'s, and PyPI's TensorFlow uses NVIDIA's only: it would train on "
            f"the CPU. Name a container or a Python with TensorFlow for {maker} and set "
            "require_gpu, or train without a GPU (--gpus 0)"
        )
