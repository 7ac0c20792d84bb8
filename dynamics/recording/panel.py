# SPDX-License-Identifier: Apache-2.0
"""The fixed examples that a network is asked about after every epoch, whoever trains it."""

import contextlib
import hashlib
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int64

from dynamics.errors import UserError
from dynamics.snapshots.schema import as_integers

Inputs = Any
"""An array or tensor whose first axis is that of the examples, or a mapping of such (what a tokenizer returns)."""


class Panel:
    """Fixed examples under fixed augmentations, and what is known of them.

    Parameters
    ----------
    inputs
        What the network is called with: an array or tensor (example, ...), or a mapping of them by argument, as
        tokenizers return. A list of those gives the same examples under several fixed augmentations. None where
        answers are computed elsewhere (:meth:`dynamics.Recorder.write`).
    labels
        Label that each example is trained on: integers from 0, (example,).
    indices
        Index of each example in the training data; 0, 1, 2, ... by default. Methods that were given the same indices
        (or ids) are compared example by example.
    ids
        Names of the examples, if they have some: texts, each once.
    true_labels
        Labels of the data, where some of `labels` are wrong on purpose or by mistake.
    classes
        Names of the classes, in the order of their labels.
    positive_views
        A second view of every example, like `inputs`: the network then returns embeddings, and an example counts as
        right when its other view is the nearest in its batch, as in SimCLR.
    batch_size
        Examples that the network is called with at once; with `positive_views` also those among which the nearest view
        is looked for.
    temperature
        With `positive_views`, the divisor of the cosines in the probability that is recorded.

    Raises
    ------
    UserError
        If lengths differ, labels or indices are not integers, or ids are not texts or not unique.

    Examples
    --------
    >>> panel = Panel(np.zeros((3, 8, 8)), labels=[0, 1, 0], classes=["cat", "dog"])
    >>> len(panel), panel.augmentations
    (3, 1)
    >>> Panel(np.zeros((3, 8, 8)), labels=[0, 1])
    Traceback (most recent call last):
        ...
    dynamics.errors.UserError: labels must have one entry for each of the 3 examples, got shape (2,)
    """

    def __init__(  # noqa: PLR0913 - what is known of an example, each by name
        self,
        inputs: Inputs | Sequence[Inputs] | None = None,
        labels: Any = None,
        *,
        indices: Any = None,
        ids: Sequence[str] | None = None,
        true_labels: Any = None,
        classes: Sequence[str] | None = None,
        positive_views: Inputs | Sequence[Inputs] | None = None,
        batch_size: int = 256,
        temperature: float = 0.07,
    ) -> None:
        self.inputs, self.positive_views = _by_augmentation(inputs), _by_augmentation(positive_views)
        self.num_examples = _number_of_examples(self.inputs, labels, indices, ids)
        for name, values in (("inputs", self.inputs), ("positive_views", self.positive_views)):
            _check_inputs(name, values, self.num_examples)
        if self.positive_views and len(self.positive_views) != len(self.inputs):
            raise UserError(
                f"`positive_views` must have as many augmentations as `inputs`, {len(self.inputs)}, "
                f"got {len(self.positive_views)}"
            )
        self.labels = self._integers("labels", labels)
        self.true_labels = self._integers("true_labels", true_labels)
        given = self._integers("indices", indices)
        self.indices = np.arange(self.num_examples) if given is None else given
        self.named = indices is not None or ids is not None
        self.ids = _names("ids", ids, length=self.num_examples)
        self.classes = _names("classes", classes)
        for name, known in (("labels", self.labels), ("true_labels", self.true_labels)):
            if known is not None and not 0 <= known.min() <= known.max() < (
                len(self.classes or ()) or np.inf
            ):
                upto = f" to {len(self.classes) - 1}" if self.classes else ""
                raise UserError(f"`{name}` must be from 0{upto}, got {known.min()} to {known.max()}")
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
            raise UserError(f"`batch_size` must be an integer >= 1, got {batch_size!r}")
        if isinstance(temperature, bool) or not isinstance(temperature, (int, float)) or not temperature > 0:
            raise UserError(f"`temperature` must be a number > 0, got {temperature!r}")
        if self.positive_views and self.num_examples % min(batch_size, self.num_examples):
            raise UserError(
                "`batch_size` must divide the number of examples where the nearest view is looked for in a batch, "
                f"{self.num_examples}, got {batch_size}"
            )
        if self.positive_views and min(batch_size, self.num_examples) < 2:
            raise UserError(
                f"`batch_size` must be >= 2 where the nearest view is looked for, got {batch_size}"
            )
        if self.indices.min() < 0:
            raise UserError(f"`indices` must be >= 0, got {self.indices.min()}")
        self.batch_size, self.temperature = batch_size, temperature

    def __len__(self) -> int:
        return self.num_examples

    @property
    def augmentations(self) -> int:
        """Number of fixed augmentations of each example, M."""
        return max(1, len(self.inputs))

    @classmethod
    def from_dataset(
        cls, dataset: Any, indices: Sequence[int], *, augmentations: int = 1, seed: int = 0, **known: Any
    ) -> "Panel":
        """Collect examples of a PyTorch data set whose items are pairs of an input and a label.

        Each is drawn `augmentations` times, so that a random transform of the data set gives as many fixed ones.

        Parameters
        ----------
        dataset
            Returns (input, label) for an index.
        indices
            Which examples: the same for all seeds and methods that are to be compared. Those of a `Subset` (what
            `random_split` returns) are counted in it, and named by their index in the data set that it is a part of.
            Examples of two data sets that both count from 0 need `ids`, which tell them apart.
        augmentations
            Number of draws, M; 1 where the transform is not random.
        seed
            Seed of the draws: the same for all seeds of a network. The state of all generators is left as it was.
        known
            Further parameters of a panel.

        Examples
        --------
        >>> import torch
        >>> numbers = torch.utils.data.TensorDataset(torch.arange(10.0)[:, None], torch.arange(10) % 2)
        >>> panel = Panel.from_dataset(numbers, [7, 3], augmentations=2)
        >>> panel.labels.tolist(), panel.augmentations, panel.inputs[0].tolist()
        ([1, 1], 2, [[7.0], [3.0]])
        """
        from torch.utils.data import default_collate

        from dynamics.recording.undisturbed import random_state_kept

        chosen = as_integers("`indices`", np.asarray(indices))
        if isinstance(augmentations, bool) or not isinstance(augmentations, int) or augmentations < 1:
            raise UserError(f"`augmentations` must be an integer >= 1, got {augmentations!r}")
        if (
            hasattr(dataset, "__len__")
            and chosen.size
            and not 0 <= chosen.min() <= chosen.max() < len(dataset)
        ):
            raise UserError(
                f"`indices` must be from 0 to {len(dataset) - 1}, got {chosen.min()} to {chosen.max()}"
            )
        with random_state_kept(seed=seed):
            draws = [default_collate([dataset[int(at)] for at in chosen]) for _ in range(augmentations)]
        if not all(isinstance(draw, (list, tuple)) and len(draw) == 2 for draw in draws):
            raise UserError(
                "`dataset` must return pairs of an input and a label: build Panel(inputs, labels) yourself"
            )
        whole, named = _in_whole(dataset, chosen)
        panel = cls([inputs for inputs, _ in draws], draws[0][1], indices=named, **known)
        with contextlib.suppress(TypeError):  # few things have no weak references
            _DRAWN_FROM[panel] = weakref.ref(whole)
        return panel

    def fingerprint(self) -> str:
        """Return a hash of all inputs, labels and indices.

        Examples
        --------
        >>> Panel(np.zeros((2, 3)), [0, 1]).fingerprint() == Panel(np.zeros((2, 3)), [1, 0]).fingerprint()
        False
        """
        hashed = hashlib.sha256()
        for one in (*self.inputs, *self.positive_views):
            for name, values in leaves(one):
                hashed.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
                hashed.update(np.ascontiguousarray(as_array(name, values)).data)
        for known in (self.labels, self.true_labels, self.indices):
            hashed.update(b"" if known is None else known.tobytes())
        return hashed.hexdigest()

    def _integers(self, name: str, values: Any) -> Int64[np.ndarray, " example"] | None:
        if values is None:
            return None
        array = as_integers(f"`{name}`", as_array(name, values))
        if array.shape != (self.num_examples,):
            raise UserError(
                f"`{name}` must have one entry for each of the {self.num_examples} examples, got shape {array.shape}"
            )
        return array


_DRAWN_FROM: "weakref.WeakKeyDictionary[Panel, weakref.ref[Any]]" = weakref.WeakKeyDictionary()
"""The data sets that panels were drawn from, which they neither keep nor are pickled with."""


def drawn_from_one(one: Panel, other: Panel) -> bool:
    """Whether two panels are known to have been drawn from one data set, whose indices they name.

    Examples
    --------
    >>> drawn_from_one(Panel(labels=[0]), Panel(labels=[0]))  # not drawn from any
    False
    """
    first, second = (drawn() if (drawn := _DRAWN_FROM.get(panel)) else None for panel in (one, other))
    return first is not None and first is second


def _in_whole(dataset: Any, indices: np.ndarray) -> tuple[Any, np.ndarray]:
    """Return what a data set is a part of, and the indices that its examples have there."""
    from torch.utils.data import Subset

    while isinstance(dataset, Subset):
        dataset, indices = dataset.dataset, np.asarray(dataset.indices)[indices]
    return dataset, indices


def leaves(inputs: Inputs) -> Iterator[tuple[str, Any]]:
    """Yield name and array of everything that one call of a network gets.

    Examples
    --------
    >>> [name for name, _ in leaves({"input_ids": np.zeros(3), "attention_mask": np.ones(3)})]
    ['input_ids', 'attention_mask']
    """
    yield from inputs.items() if isinstance(inputs, Mapping) else [("inputs", inputs)]


def as_array(name: str, values: Any) -> np.ndarray:
    """Return what any library calls an array as NumPy's, on the CPU.

    Raises
    ------
    UserError
        If it cannot become one.

    Examples
    --------
    >>> as_array("labels", [1, 2])
    array([1, 2])
    """
    if isinstance(values, np.ma.MaskedArray):
        raise UserError(
            f"`{name}` is a masked array: give its data, and say with `present` which answers are there"
        )
    if hasattr(values, "detach"):  # a tensor of PyTorch's, which needs not be imported
        values = values.detach().cpu()
        values = values.float() if str(values.dtype) == "torch.bfloat16" else values
    try:
        array = np.asarray(values)
    except Exception as error:  # whatever a library raises
        raise UserError(f"`{name}` must be an array, got {type(values).__name__} ({error})") from None
    if array.dtype == object:
        raise UserError(
            f"`{name}` must be an array of numbers, all of one length, got {type(values).__name__}"
        )
    return array


def _by_augmentation(inputs: Any) -> list[Inputs]:
    if inputs is None:
        return []
    return list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]


def _number_of_examples(inputs: list[Inputs], *known: Any) -> int:
    if any(isinstance(one, Mapping) and not one for one in inputs):
        raise UserError("`inputs` must hold arrays, got an empty mapping")
    for one in (*(values for first in inputs[:1] for _, values in leaves(first)), *known):
        if one is not None:
            try:
                if (number := len(one)) > 0:
                    return number
            except TypeError:
                pass
            raise UserError(
                "a panel must have at least one example: its first argument is an array (example, ...), a mapping of "
                "arrays, or a list of those, one for each augmentation"
            )
    raise UserError("a panel needs `inputs`, `labels`, `indices` or `ids`")


def _check_inputs(name: str, by_augmentation: list[Inputs], examples: int) -> None:
    for inputs in by_augmentation:
        for leaf, values in leaves(inputs):
            if not hasattr(values, "shape") or not hasattr(values, "dtype"):
                raise UserError(
                    f"`{name}` must hold arrays or tensors, got {type(values).__name__}: for text, what the tokenizer "
                    "returns with return_tensors='pt'"
                )
            if len(values) != examples:
                raise UserError(f"`{name}` must hold {examples} examples, got {len(values)} of {leaf}")


def _names(name: str, values: Any, length: int | None = None) -> list[str] | None:
    if values is None:
        return None
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise UserError(f"`{name}` must be texts, got {values!r:.60}")
    names = [str(value) if isinstance(value, np.str_) else value for value in values]
    if not all(isinstance(value, str) for value in names):
        raise UserError(f"`{name}` must be texts, got {values!r:.60}")
    if length not in (None, len(names)):
        raise UserError(f"`{name}` must have one entry for each of the {length} examples, got {len(names)}")
    if len(set(names)) < len(names):
        twice = next(one for place, one in enumerate(names) if one in names[:place])
        raise UserError(f"`{name}` must be unique, got {twice!r} twice")
    return names
