"""The keys of ``training`` in hpctrain.yaml that are Pacemaker's own."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from hpctrain.engines.training import MOST, TrainingConfig
from hpctrain.fields import Most

Evaluator = Literal["tensorpot", "pyace"]


class PacemakerTraining(TrainingConfig):
    """What Pacemaker fits, and for how long."""

    most: ClassVar[Most] = {
        **MOST,
        "b_basis_size": (100_000, "some hundreds are usual, and a fit grows with the square"),
        "kappa": (1_000_000_000, "only the ratio of kappa and kappa_f counts"),
        "kappa_f": (1_000_000_000, "only the ratio of kappa and kappa_f counts"),
        "display_step": (10_000_000, "the test set would never be looked at"),
    }

    engine: Literal["pacemaker"] = "pacemaker"
    b_basis_size: Annotated[int, Field(gt=0)] | Literal["auto"] = Field(
        300,
        description="basis functions per element; auto: as many as the data bear, by "
        "cross-validation in the job",
    )
    force_share: float = Field(
        0.5, ge=0, le=1, description="share of the forces in the loss, Pacemaker's κ"
    )
    kappa: float | None = Field(
        None, ge=0, description="instead of force_share, the weight of the energies: no share"
    )
    kappa_f: float | None = Field(
        None, ge=0, description="with kappa, the weight of the forces; 100 times kappa if not given"
    )
    evaluator: Evaluator | None = Field(
        None, description="tensorpot (fast, TensorFlow) or pyace; the site's own if not given"
    )
    optimizer: Literal["BFGS", "L-BFGS-B"] | None = Field(
        None, description="if not given, BFGS up to 10,000 parameters, L-BFGS-B beyond"
    )
    batch_size: int = Field(100, gt=0, description="structures per batch")
    display_step: int = Field(10, gt=0, description="iterations between two looks at the test set")
    start: Literal["linear", "zero"] = Field(
        "linear",
        description="coefficients to begin with: the linear least squares of the first density, "
        "or zero",
    )
