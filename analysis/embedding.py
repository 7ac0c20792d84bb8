# SPDX-License-Identifier: Apache-2.0
"""Do images of one class lie together in a network's features? t-SNE and two numbers (memorization thesis, figure 5.1).

The same stratified fraction of the training images goes into every map: for the trained network of each method,
for an untrained one, and for the raw pixels. t-SNE (van der Maaten and Hinton, 2008, JMLR 9) preserves small
distances only, and a picture convinces easily, so two numbers stand beside it: the fraction of the 10 nearest
neighbours that have the class of an example, in the features and in the map, and how well a k-means clustering
agrees with the classes. Classes are the true labels, even where a network was trained on different ones.

python -m analysis.embedding --share 0.25
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int64

from analysis.framework import results
from analysis.framework.columns import shared
from analysis.framework.command import main
from analysis.framework.networks import Encoded, applies, one_run_each
from analysis.framework.table import Column, Table
from analysis.statistics.neighbourhoods import chance_share, cluster_agreement, same_class_share
from analysis.statistics.stratified import stratified_share
from dynamics import snapshots
from dynamics.config import check_fraction, check_min, check_non_negative, check_positive
from dynamics.errors import UserError
from dynamics.kinds import check_fields, checked
from dynamics.names import PIXELS, UNTRAINED
from dynamics.study import Study

__all__ = ["MapSettings", "analyse", "applies", "tables"]

NEIGHBOURS = 10
"""Number of nearest neighbours whose class is compared."""

COLUMNS: Mapping[str, str] = {
    "method": "Method of the network; `random-initialisation` for an untrained one, `pixels` for the images.",
    **shared("seed"),
    "images": "Number of images in the map.",
    "features": "Number of features of each image.",
    "neighbours_features": "Fraction of the 10 nearest neighbours that have the image's class, in the features.",
    "neighbours_map": "Fraction of the 10 nearest neighbours that have the image's class, in the map.",
    "neighbours_chance": "Fraction of neighbours that have the image's class by chance.",
    "nmi_features": "Mutual information of k-means of the features with the classes, normalised, 0 to 1.",
    "nmi_map": "Mutual information of k-means of the map with the classes, normalised, 0 to 1.",
    "ami_features": "`nmi_features`, adjusted: 0 on average for random clusters, 1 for the classes.",
    "ami_map": "`nmi_map`, adjusted: 0 on average for random clusters, 1 for the classes.",
    "kl": "KL divergence that t-SNE ended at, in nats; empty where all points are the same.",
    "iterations": "Number of steps of t-SNE.",
}
"""What the columns mean."""


@dataclass(frozen=True, kw_only=True)
class MapSettings:
    """Settings of the maps."""

    share: float = 0.25
    """Fraction of the training images of each class, in (0, 1]."""
    at_least: int = 1000
    """Minimum number of images, as far as there are as many: a map of few points shows little."""
    perplexity: float = 30.0
    """Effective number of neighbours; at most a third of the images."""
    iterations: int = 1000
    """Maximum number of steps of gradient descent."""
    random_state: int = 0
    """Seed of the choice of images, of t-SNE and of k-means."""
    floors: bool = True
    """Also map an untrained network's features and the raw pixels."""

    def __post_init__(self) -> None:
        check_fields(self)


DEFAULTS = MapSettings()


class Map(NamedTuple):
    """Points in the plane."""

    places: Float32[np.ndarray, "example 2"]
    kl: float
    """Final Kullback-Leibler divergence, in nats; nan where all points are the same."""
    iterations: int


def embed(
    points: Float[np.ndarray, "example feature"],
    *,
    perplexity: float,
    iterations: int,
    random_state: int,
) -> Map:
    """Map points to the plane by scikit-learn's t-SNE, from the first two principal components.

    Parameters
    ----------
    points
        The points; distances are Euclidean.
    perplexity
        Effective number of neighbours, below the number of points.
    iterations
        Maximum number of steps.
    random_state
        Seed; the result is the same each time on one machine.

    Examples
    --------
    >>> points = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
    >>> embed(points, perplexity=5.0, iterations=250, random_state=0).places.shape
    (40, 2)
    """
    from sklearn.manifold import TSNE  # a second of imports

    if np.ptp(points, axis=0).max() == 0:  # a network that collapsed: there is no principal component
        return Map(np.zeros((len(points), 2), dtype=np.float32), float("nan"), 0)
    tsne = TSNE(
        init="pca",
        learning_rate="auto",
        perplexity=perplexity,
        max_iter=iterations,
        random_state=random_state,
        n_jobs=-1,
    )
    places = tsne.fit_transform(points)
    return Map(places.astype(np.float32), float(tsne.kl_divergence_), int(tsne.n_iter_))


@checked
def analyse(
    study: Study,
    *,
    settings: MapSettings = DEFAULTS,
    methods: Sequence[str] | None = None,
    seed: int | None = None,
    data_root: Path = Path("data"),
    device: str = "auto",
) -> results.Result:
    """Map the features of one network of each method.

    The result has a row for each map: methods, UNTRAINED and PIXELS. Arrays: `examples` (indices of the mapped
    training images), `labels` (their true classes), `<method>.map` (example, 2) and `<method>.neighbours`
    (example; fraction of the nearest neighbours in the map that have the example's class).

    Parameters
    ----------
    study
        The study.
    settings
        Settings of the maps.
    methods
        Methods to map; by default all that have a trained network.
    seed
        Seed whose networks to analyse; by default the lowest of each method.
    data_root
        Folder that holds the images that the study was trained on; digits needs none.
    device
        Where to compute features: auto, cpu, cuda or cuda:1.

    Raises
    ------
    UserError
        When a method, seed or network is missing, or there are too few images.

    Examples
    --------
    >>> from dynamics.example import trained_study
    >>> few = MapSettings(at_least=80, iterations=250)
    >>> result = analyse(trained_study(), settings=few, device="cpu")
    >>> result.arrays["supervised.map"].shape
    (80, 2)
    """
    runs = one_run_each(study, methods, seed=seed)
    encoded = Encoded.open(
        {method: [run] for method, run in runs.items()}, data_root=data_root, device=device
    )
    all_labels = encoded.labels("train")
    chosen = choose_mapped(all_labels, settings)
    labels = all_labels[chosen]
    perplexity = min(settings.perplexity, (len(chosen) - 1) / 3)
    rows, arrays = [], {"examples": chosen, "labels": labels}
    for name, seed_, features in _spaces(runs, encoded, floors=settings.floors):
        points = np.ascontiguousarray(features[chosen])
        found = embed(
            points,
            perplexity=perplexity,
            iterations=settings.iterations,
            random_state=settings.random_state,
        )
        near = same_class_share(found.places, labels, neighbours=NEIGHBOURS)
        arrays |= {f"{name}.map": found.places, f"{name}.neighbours": near.astype(np.float32)}
        own = row(points, found, near, labels, settings.random_state)
        rows.append({"method": name, "seed": seed_, **own})
    recorded = {"asked": vars(settings), "share": len(chosen) / len(all_labels), "perplexity": perplexity}
    recorded |= {"init": "pca", "learning_rate": "auto", "iterations": settings.iterations}
    recorded |= {
        "random_state": settings.random_state,
        "neighbours": NEIGHBOURS,
        "classes": encoded.dataset.classes,
    }
    return results.Result(
        name="embedding", rows=rows, inputs=study.inputs(), arrays=arrays, settings=recorded
    )


def choose_mapped(
    labels: Int64[np.ndarray, " example"], settings: MapSettings
) -> Int64[np.ndarray, " chosen"]:
    """Return the images to map, as indices: the same fraction of each class.

    Raises
    ------
    UserError
        When a setting is out of range, or too few images are left.

    Examples
    --------
    >>> choose_mapped(np.arange(40) % 2, MapSettings(share=0.5, at_least=0)).shape
    (20,)
    """
    check_non_negative(settings, "random_state")
    check_positive(settings, "share")
    check_fraction(settings, "share")
    check_min(settings, 1, "perplexity")
    check_min(settings, 250, "iterations")  # t-SNE's own minimum
    share = min(1.0, max(settings.share, settings.at_least / len(labels)))
    chosen = stratified_share(labels, share, np.random.default_rng(settings.random_state))
    if len(chosen) <= NEIGHBOURS:
        raise UserError(
            f"`share` {settings.share} leaves {len(chosen)} of {len(labels)} images: more than {NEIGHBOURS} are needed"
        )
    return chosen


def _spaces(
    runs: dict[str, snapshots.Run], encoded: Encoded, *, floors: bool
) -> Iterator[tuple[str, int | None, Float32[np.ndarray, "example feature"]]]:
    """Yield name, seed and features of all training images for each map, one at a time."""
    for method, run in runs.items():
        yield method, run.seed, encoded.features(run, "train").values
    if floors:
        first = next(iter(runs.values()))
        yield UNTRAINED, first.seed, encoded.untrained(first, "train").values
        yield PIXELS, None, encoded.pixels("train")


def row(
    points: Float[np.ndarray, "example feature"],
    found: Map,
    near: Float[np.ndarray, " example"],
    labels: Int64[np.ndarray, " example"],
    random_state: int,
) -> results.Row:
    """Return the numbers of one map, given the fractions `near` of same-class neighbours in it, and its features.

    Examples
    --------
    >>> points, labels = np.arange(24.0).reshape(24, 1), np.arange(24) // 12
    >>> found = Map(points.repeat(2, axis=1).astype(np.float32), kl=0.0, iterations=0)
    >>> near = same_class_share(found.places, labels, neighbours=NEIGHBOURS)
    >>> round(row(points, found, near, labels, 0)["nmi_map"], 3)
    1.0
    """
    in_features = cluster_agreement(points, labels, random_state=random_state)
    in_map = cluster_agreement(found.places, labels, random_state=random_state)
    return {
        "images": len(points),
        "features": points.shape[1],
        "neighbours_features": float(same_class_share(points, labels, neighbours=NEIGHBOURS).mean()),
        "neighbours_map": float(near.mean()),
        "neighbours_chance": chance_share(labels),
        "nmi_features": in_features.nmi,
        "nmi_map": in_map.nmi,
        "ami_features": in_features.ami,
        "ami_map": in_map.ami,
        "kl": found.kl,
        "iterations": found.iterations,
    }


def tables(result: results.Result) -> list[Table]:
    """Return one row per map, with notes where settings had to be changed.

    Examples
    --------
    >>> from dynamics.example import trained_study
    >>> few = MapSettings(at_least=80, iterations=250, floors=False)
    >>> tables(analyse(trained_study(), settings=few, device="cpu"))[0].rows[0]["images"]
    80
    """
    columns = [
        Column("method", "features of", "method"),
        Column("seed", "seed", "d"),
        Column("images", "images", "d"),
        Column("features", "D", "d"),
        Column("neighbours_features", "same class", ".3f"),
        Column("neighbours_map", "in the map", ".3f"),
        Column("neighbours_chance", "by chance", ".3f"),
        Column("nmi_features", "NMI", ".3f"),
        Column("nmi_map", "in the map", ".3f"),
        Column("kl", "t-SNE's KL", ".3f"),
    ]
    caption = (
        f"fraction of the {NEIGHBOURS} nearest neighbours with the same class, and NMI of k-means with the classes: "
        "in the features, and in their t-SNE"
    )
    return [Table(caption=caption, columns=columns, rows=result.rows, notes=_notes(result))]


def _notes(result: results.Result) -> list[str]:
    used, asked = result.settings, result.settings["asked"]
    notes = []
    if used["share"] > 1.1 * asked["share"]:
        notes.append(
            f"{100 * used['share']:.0f} % of the images instead of {100 * asked['share']:g} %: "
            f"at least {asked['at_least']}, as far as there are"
        )
    if used["perplexity"] < asked["perplexity"]:
        notes.append(
            f"perplexity {used['perplexity']:.3g} instead of {asked['perplexity']:g}: at most a third of the images"
        )
    return notes


if __name__ == "__main__":
    main("embedding")
