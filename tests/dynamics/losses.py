# SPDX-License-Identifier: Apache-2.0
"""Every loss beside its slow reference, as functions of embeddings: how far are values and gradients apart?

What carries no gradient enters the references by its real part, so that complex steps do not see it.

    python -m tests.dynamics.losses          # largest relative errors over many draws
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dynamics.methods import barlow_twins, moco, simclr, tico, vicreg, vicreg_tico, w_mse
from dynamics.methods.terms import cosine_of_others
from tests.references import barlow_twins as slow_barlow
from tests.references import byol as slow_byol
from tests.references import moco as slow_moco
from tests.references import simclr as slow_simclr
from tests.references import simsiam as slow_simsiam
from tests.references import tico as slow_tico
from tests.references import vicreg as slow_vicreg
from tests.references import vicreg_tico as slow_hybrid
from tests.references import w_mse as slow_w_mse
from tests.references.complex_step import gradients

Arrays = tuple[np.ndarray, ...]


@dataclass(frozen=True, kw_only=True)
class Loss:
    """A loss of embeddings of shape (view, image, dimension), and of whatever else `draw` adds."""

    ours: Callable[..., Tensor]
    theirs: Callable[..., Any]
    views: int = 2
    extra: Callable[[np.random.Generator, int], Arrays] = lambda rng, d: ()
    """Constants."""

    def draw(self, rng: np.random.Generator, images: int, d: int, scale: float) -> tuple[np.ndarray, Arrays]:
        if self.views * images < 2 * d + 2:  # what is whitened needs more views than dimensions
            images = d + 2
        shared = rng.normal(size=(images, d))
        mix = rng.normal(size=(d, d)) + 2 * np.eye(d)
        z = (shared + 0.7 * rng.normal(size=(self.views, images, d))) @ mix + rng.normal(size=d)
        return scale * z, self.extra(rng, d)


def _weighted(weights: dict[str, float], terms: Any) -> Any:
    return sum(weight * terms[name] for name, weight in weights.items())


def _vicreg(convention: Any) -> Loss:
    weights = {"invariance": 25.0, "variance": 25.0, "covariance": 1.0}
    return Loss(
        ours=lambda z: _weighted(weights, vicreg.vicreg_terms(*z, eps=1e-4, convention=convention)),
        theirs=lambda z: _weighted(weights, slow_vicreg.vicreg(*z, eps=1e-4, convention=convention)),
    )


def _moments(rng: np.random.Generator, d: int) -> Arrays:
    z = rng.normal(size=(2 * d, d))
    return (z.T @ z / len(z),)


def _slow_tico(z: np.ndarray, memory: np.ndarray) -> Any:
    moments = slow_tico.updated(memory, slow_tico.unit(z[0].real), 0.9)
    return _weighted({"invariance": 1.0, "contrast": 8.0}, slow_tico.tico(*z, moments))


def _slow_hybrid(z: np.ndarray, memory: np.ndarray) -> Any:
    moments = slow_tico.updated(memory, z[0].real, 0.9)
    weights = {"invariance": 20.0, "variance": 25.0, "contrast": 0.1}
    return _weighted(weights, slow_hybrid.hybrid(*z, moments, eps=1e-4))


LOSSES: dict[str, Loss] = {
    "simclr": Loss(
        ours=lambda z: simclr.nt_xent(*z, 0.2),
        theirs=lambda z: slow_simclr.nt_xent(*z, 0.2),
    ),
    "vicreg (coursework)": _vicreg("coursework"),
    "vicreg (paper)": _vicreg("paper"),
    "vicreg (official)": _vicreg("official"),
    "barlow-twins": Loss(
        ours=lambda z: _weighted({"invariance": 1.0, "redundancy": 0.02}, barlow_twins.barlow_terms(*z)),
        theirs=lambda z: _weighted({"invariance": 1.0, "redundancy": 0.02}, slow_barlow.barlow(*z)),
    ),
    "w-mse (2 views)": Loss(ours=w_mse.whitened_distance, theirs=slow_w_mse.whitened_distance),
    "w-mse (4 views)": Loss(ours=w_mse.whitened_distance, theirs=slow_w_mse.whitened_distance, views=4),
    "w-mse (eps)": Loss(
        ours=lambda z: w_mse.whitened_distance(z, eps=0.01),
        theirs=lambda z: slow_w_mse.whitened_distance(z, 0.01),
    ),
    "tico": Loss(
        ours=lambda z, memory: _weighted(
            {"invariance": 1.0, "contrast": 8.0}, tico.tico_terms(*z, memory, decay=0.9)[0]
        ),
        theirs=_slow_tico,
        extra=_moments,
    ),
    "vicreg-tico": Loss(
        ours=lambda z, memory: _weighted(
            {"invariance": 20.0, "variance": 25.0, "contrast": 0.1},
            vicreg_tico.hybrid_terms(*z, memory, decay=0.9, eps=1e-4)[0],
        ),
        theirs=_slow_hybrid,
        extra=_moments,
    ),
    "byol": Loss(
        ours=lambda z: 4 - 4 * cosine_of_others(z[:2], z[2:]),
        theirs=lambda z: slow_byol.byol(z[:2], z[2:].real),
        views=4,  # two predictions, two targets
    ),
    "simsiam": Loss(
        ours=lambda z: -cosine_of_others(z[:2], z[2:]),
        theirs=lambda z: slow_simsiam.simsiam(z[:2], z[2:].real),
        views=4,
    ),
    "moco": Loss(
        ours=lambda z, queue: moco.info_nce(z[0], z[1], queue, 0.2),
        theirs=lambda z, queue: slow_moco.info_nce(z[0], z[1].real, queue, 0.2),
        extra=lambda rng, d: (slow_tico.unit(rng.normal(size=(7, d))),),
    ),
}


def errors(name: str, rng: np.random.Generator, *, images: int, d: int, scale: float) -> tuple[float, float]:
    """Return the relative errors of value and gradient (largest difference over largest value) for one draw."""
    loss = LOSSES[name]
    z, constants = loss.draw(rng, images, d, scale)
    leaf = torch.from_numpy(z).requires_grad_()
    ours = loss.ours(leaf, *(torch.from_numpy(constant) for constant in constants))
    ours.backward()
    assert leaf.grad is not None
    theirs = float(np.real(loss.theirs(z, *constants)))
    (gradient,) = gradients(lambda x: loss.theirs(x, *constants), z)
    # Cosines have no gradient along the embeddings, so a gradient can be 0: |loss| / |z| is the scale of one.
    least = 1e-6 * max(abs(theirs), 1e-6) / np.abs(z).max()
    apart = np.abs(leaf.grad.numpy() - gradient).max() / max(np.abs(gradient).max(), least)
    return abs(ours.item() - theirs) / max(abs(theirs), 1e-6), float(apart)


def main(draws: int = 100) -> None:
    for name in LOSSES:
        rng = np.random.default_rng(0)
        found = [
            errors(
                name,
                rng,
                images=int(rng.integers(3, 8)),
                d=int(rng.integers(2, 5)),
                scale=float(10 ** rng.uniform(-1, 1)),
            )
            for _ in range(draws)
        ]
        value, gradient = np.max(found, axis=0)
        print(f"{name:20} value {value:.1e}  gradient {gradient:.1e}  ({draws} draws)", flush=True)


if __name__ == "__main__":
    main()
