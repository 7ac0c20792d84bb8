# SPDX-License-Identifier: Apache-2.0
"""The networks of a run, newly initialised from its seed or trained, and the data it was trained on."""

from pathlib import Path

from torch import Tensor

from dynamics import data, encoders, methods, snapshots
from dynamics.config import Recipe
from dynamics.data import Dataset, flipped_labels, permuted_labels
from dynamics.encoders import initialise
from dynamics.errors import UserError
from dynamics.methods import Method
from dynamics.methods.base import ImageStatistics
from dynamics.streams import generator
from dynamics.training import checkpoint

HELD_OUT, WRONG = 1, 2
"""Counters of the streams of labels other than the permutation of training labels."""


def image_statistics(images: Dataset | ImageStatistics) -> ImageStatistics:
    """Return what methods may know about a data set; statistics are returned unchanged.

    Examples
    --------
    >>> image_statistics(data.load("digits")).num_classes
    10
    """
    if isinstance(images, ImageStatistics):
        return images
    mean, std = images.channel_moments()
    return ImageStatistics(images.num_classes, images.image_size, mean, std)


def training_data(dataset: Dataset, recipe: Recipe) -> Dataset:
    """Return the part of a data set that a recipe trains on.

    Raises
    ------
    UserError
        When the data set has fewer images than the recipe asks for, or fewer than one batch.

    Examples
    --------
    >>> training_data(data.load("digits"), Recipe(train_examples=300)).num_train
    300
    """
    if recipe.train_examples is not None:
        dataset = dataset.subset(recipe.train_examples)
    if recipe.batch_size > dataset.num_train:
        raise UserError(
            f"`batch_size` must be <= {dataset.num_train}, the training images of {dataset.name}, got "
            f"{recipe.batch_size}"
        )
    return dataset


def training_labels(method: type[Method], recipe: Recipe, dataset: Dataset) -> Tensor:
    """Return the labels that a method is to learn; the true ones where it uses no labels.

    Examples
    --------
    >>> digits = data.load("digits")
    >>> kept = training_labels(methods.load("random-labels"), Recipe(), digits) == digits.train_labels
    >>> 0.05 < float(kept.double().mean()) < 0.15
    True
    """
    if method.labels == "permuted":
        return permuted_labels(dataset.train_labels, generator(recipe.label_seed, "labels"))
    if method.labels == "true" and recipe.flip_labels:
        stream = generator(recipe.label_seed, "labels", WRONG)
        return flipped_labels(dataset.train_labels, recipe.flip_labels, dataset.num_classes, stream)
    return dataset.train_labels


def held_out_labels(method: type[Method], recipe: Recipe, dataset: Dataset) -> Tensor:
    """Return the labels that answers on test images are compared with, permuted as those of training are.

    Examples
    --------
    >>> digits = data.load("digits")
    >>> held_out_labels(methods.load("supervised"), Recipe(), digits).equal(digits.test_labels)
    True
    """
    if method.labels == "permuted":
        return permuted_labels(dataset.test_labels, generator(recipe.label_seed, "labels", HELD_OUT))
    return dataset.test_labels


def own_code(name: str, recipe: Recipe) -> dict[str, str]:
    """Return what identifies the code of a method and an encoder that are one's own, for a run's provenance.

    Examples
    --------
    >>> own_code("simclr", Recipe())  # both come with the package: the version says all
    {}
    """
    methods.CATALOGUE.load(name, "Method"), encoders.CATALOGUE.load(recipe.encoder, "Encoder")
    used = ((methods.CATALOGUE, name), (encoders.CATALOGUE, recipe.encoder))
    return {
        f"{catalogue.kind} {name}": catalogue.code[name] for catalogue, name in used if name in catalogue.code
    }


def untrained(name: str, recipe: Recipe, images: Dataset | ImageStatistics, *, seed: int) -> Method:
    """Return a method's networks as they are before the first step of a seed.

    Parameters
    ----------
    name
        The method.
    recipe
        Its hyperparameters.
    images
        From :func:`training_data`, or their statistics.
    seed
        Seed of the weights.

    Examples
    --------
    >>> untrained("simclr", methods.recipe("simclr")(width=2), data.load("digits"), seed=0).encoder.num_features
    16
    """
    method = methods.load(name)(recipe, image_statistics(images))
    weights = generator(seed, "weights")
    initialise(method, weights)
    method.after_initialise(weights)
    return method


def recipe_of(run: snapshots.Run) -> Recipe:
    """Return the recipe of a run.

    Raises
    ------
    UserError
        When the run was ingested or written by another program: there is no network to load.

    Examples
    --------
    >>> from dynamics.example import trained_study
    >>> (run,) = trained_study().runs["supervised"]
    >>> recipe_of(run).epochs, recipe_of(run).width
    (1, 4)
    """
    if (why := missing_code(run)) is not None:
        raise UserError(why)
    return methods.recipe(run.method).from_json(run.config)


def missing_code(run: snapshots.Run) -> str | None:
    """Return why this process cannot build a run's network, in one line; None if it can.

    Examples
    --------
    >>> from dynamics.example import trained_study
    >>> missing_code(trained_study().runs["supervised"][0]) is None
    True
    """
    if "encoder" not in run.config:
        return f"{run.folder} was not trained by this program: it has indicators, but no network"
    for kind, name, known in (
        ("method", run.method, methods.names()),
        ("encoder", run.config["encoder"], encoders.names()),
    ):
        if name not in known:
            return (
                f"{run.folder} was trained with the {kind} {name!r}, a class that this process does not have: "
                "call dynamics.train with it in a program or notebook, and analyse the study there"
            )
    return None


def dataset_of(run: snapshots.Run, *, data_root: Path) -> Dataset:
    """Load the data that a run was trained on, with its subset of training images.

    Raises
    ------
    UserError
        When the data are missing, or are not the images that the run was trained on.

    Examples
    --------
    >>> from dynamics.example import trained_study
    >>> (run,) = trained_study().runs["supervised"]
    >>> dataset_of(run, data_root=Path("data")).num_train
    256
    """
    recipe = recipe_of(run)
    if recipe.dataset not in data.names():
        raise UserError(
            f"{run.folder} was trained on images made in memory, {recipe.dataset!r}, that this process does not have: "
            "call dynamics.train with them in a program or notebook, and analyse the study there"
        )
    dataset = training_data(data.load(recipe.dataset, data_root=data_root), recipe)
    if dataset.fingerprint != run.provenance.get("data_fingerprint"):
        raise UserError(
            f"the images of {recipe.dataset} in {data_root} are not those that {run.folder} was trained on: "
            "name the right folder with `data_root`"
        )
    return dataset


def trained(run: snapshots.Run, images: Dataset | ImageStatistics) -> Method:
    """Return a finished run's networks, in eval mode, on the CPU.

    Parameters
    ----------
    run
        A finished seed.
    images
        The images that it was trained on, or their statistics.

    Raises
    ------
    UserError
        When the weights are missing, damaged, or of another architecture.

    Examples
    --------
    >>> from dynamics.example import trained_study
    >>> (run,) = trained_study().runs["supervised"]
    >>> trained(run, dataset_of(run, data_root=Path("data"))).encoder.num_features
    32
    """
    method = methods.load(run.method)(recipe_of(run), image_statistics(images))
    if not run.weights.exists():
        raise UserError(f"no weights in {run.folder}: train that seed to its end")
    try:
        method.load_state_dict(checkpoint.load_weights(run.weights, made_by=run.identity))
    except RuntimeError as error:
        reason = str(error).split("\n")[1].strip() if "\n" in str(error) else str(error)
        raise UserError(f"{run.weights} holds the weights of another architecture ({reason})") from None
    return method.eval()


def statistics_of(run: snapshots.Run, *, data_root: Path) -> ImageStatistics:
    """Return the statistics of a run's training data; the images are loaded only if its inputs depend on them.

    Raises
    ------
    UserError
        When they are needed and missing, or are not the images that the run was trained on.

    Examples
    --------
    >>> from dynamics.example import trained_study
    >>> (run,) = trained_study().runs["supervised"]
    >>> statistics_of(run, data_root=Path("data")).num_classes
    10
    """
    classes, recipe = run.provenance.get("classes"), recipe_of(run)
    if classes:
        one, other = (ImageStatistics(len(classes), 0, (mean,) * 3, (1.0,) * 3) for mean in (0.0, 1.0))
        views = methods.load(run.method).views
        if views(recipe, one) == views(recipe, other):
            return one
    return image_statistics(dataset_of(run, data_root=data_root))
