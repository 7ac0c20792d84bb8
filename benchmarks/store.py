# SPDX-License-Identifier: Apache-2.0
"""Storage: an epoch written, r_t of a complete study read, a large panel streamed; time, memory, size.

What is read is synthetic; it lies in a temporary folder (TMPDIR chooses the disk). Reading is what analyses do. The
answers are drawn so that they resemble those of the thesis's networks:

    P(x^ is right after epoch t) = Phi(ability(t) - difficulty(x^))

Difficulties of augmented examples x^ are Gaussian, in part their example's and in part their own; both views of a
pair share them. Ability rises so that the mean over x^ is the thesis's E[r_t] (its figure 4.1, interpolated over
log t). A network is right where its own uniform random number, one for each view, is below P; half of these numbers
are drawn anew after every epoch, so that answers last from epoch to epoch as those of networks do. Learning curves,
spread of r_t and fraction between augmentations come out near the thesis's; classes do not differ.
"""

import math
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, UInt16
from scipy.special import ndtr, ndtri

from analysis.papers.memorization.printed import FIGURE_4_1, SEEDS
from benchmarks.harness import MB, Conditions, Measurement, Timed, in_own_process, median, seconds_of
from dynamics import methods, snapshots
from dynamics.opening import open_study
from dynamics.study_file import preset
from dynamics.training import diagnostics

STUDY, METHOD = "synthetic", "simclr"
TRAINING_SET, CLASSES = 50_000, 10
WARM = "the file cache is warm"
ENOUGH = 10.0
"""Duration in seconds from which on a call is not timed again."""

WITHOUT_TORCH = """
import sys
from dynamics.opening import open_study
open_study(sys.argv[1]).counts(sys.argv[2]).learning_probability
assert "torch" not in sys.modules
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
"""Reads r_t as an analysis does that was started from the command line; prints its largest memory in KiB."""


class Sizes(NamedTuple):
    """How much of a method is recorded.

    Examples
    --------
    >>> str(Sizes(seeds=30, epochs=200, views=2, augmentations=10, examples=1024))
    '30 x 200 x 2 x 10 x 1024'
    """

    seeds: int
    epochs: int
    views: int
    augmentations: int
    examples: int

    @property
    def answers(self) -> int:
        """Elements of `correct`, over all seeds."""
        return math.prod(self)

    def __str__(self) -> str:
        return " x ".join(map(str, self))


def measure(conditions: Conditions) -> list[Measurement]:
    """Time writing an epoch, reading the thesis's largest method, and streaming a panel of all its images."""
    if conditions.cuda:
        return []  # nothing here depends on a GPU
    quick = conditions.quick
    panel = thesis_sizes(METHOD, quick=quick)
    large = Sizes(seeds=30, epochs=20, views=1, augmentations=10, examples=TRAINING_SET)
    if quick:
        large = large._replace(seeds=3, epochs=4, augmentations=2, examples=500)
    rounds = 1 if quick else 3
    parts: dict[str, Callable[[Path], list[Measurement]]] = {
        "write an epoch": lambda folder: [writing(panel, folder, conditions)],
        f"read r_t of {panel}": lambda folder: reading(panel, folder, rounds=rounds),
        f"stream {large}": lambda folder: streaming(large, folder, rounds=rounds),
    }
    rows = []
    for part, measured in parts.items():
        if conditions.time_for(part):
            with tempfile.TemporaryDirectory() as folder:
                rows += measured(Path(folder))
    return rows


def writing(sizes: Sizes, folder: Path, conditions: Conditions) -> Measurement:
    """Time the commit of one epoch of one seed, as training makes it, until it is on the disk."""
    rounds, rng = 2 if conditions.quick else 30, np.random.default_rng(0)
    correct = next(all_answers(METHOD, sizes))
    names, shape = scalar_names(METHOD), correct.shape[1:]
    writer = snapshots.Writer.open(
        snapshots.seed_folder(folder, STUDY, METHOD, 0),
        epochs=rounds + 1,
        shape=shape,
        scalar_names=names,
        optional=["probability"],
        coordinates={"example": np.arange(sizes.examples)},
    )

    def commit(epoch: int) -> Callable[[], None]:
        arrays = {
            "correct": correct[epoch % len(correct)],
            "probability": rng.random(shape, dtype=np.float32).astype(np.float16),
        }
        scalars = dict(zip(names, rng.random(len(names)).tolist(), strict=True))
        return lambda: writer.write(epoch, arrays, scalars)

    commit(1)()
    values = [1e3 * seconds_of(commit(epoch), conditions.device) for epoch in range(2, rounds + 2)]
    what = f"write an epoch of {sizes.views} x {sizes.augmentations} x {sizes.examples}"
    note = "answers, probabilities and scalars; on the disk when it returns"
    return median("store.write_epoch", what, "ms", values, note)


def reading(sizes: Sizes, folder: Path, *, rounds: int) -> list[Measurement]:
    """Time r_t(x) of a study from its disk, and weigh its `correct` there."""
    write(folder, METHOD, sizes)
    what = f"r_t of {sizes} from disk"
    rows = costs("store.read", what, read, folder, "learning_probability", rounds=rounds, note=WARM)
    size = size_of(folder, "correct")
    note = f"{8 * size / sizes.answers:.2f} bits per answer; promised for such a study: below 40 MB"
    weight = Measurement("store.correct_size", f"`correct` of {sizes} on disk", size / MB, "MB", note=note)
    return [*rows, lean(what, folder, rounds=rounds), weight]


def lean(what: str, folder: Path, *, rounds: int) -> Measurement:
    """Weigh the same reading in a process without PyTorch, which this harness loads and that analysis does not."""
    key, what = "store.read_peak_without_torch", f"{what}: memory of a process without PyTorch"
    if not Path("/proc/self/status").exists():
        return Measurement(key, what, None, "MB", note="this system does not tell a process's largest memory")
    command = [sys.executable, "-c", WITHOUT_TORCH, str(folder / STUDY), METHOD]
    found = [subprocess.run(command, capture_output=True, check=True, text=True) for _ in range(rounds)]
    megabytes = [1024 * int(one.stdout) / MB for one in found]
    return median(key, what, "MB", megabytes, "as python -m analysis.learning reads it")


def streaming(sizes: Sizes, folder: Path, *, rounds: int) -> list[Measurement]:
    """Time E[r_t] of a panel that is not to be held in memory."""
    write(folder, METHOD, sizes)
    held = f"{sizes.answers / MB:.3g} MB of answers, never held at once; {WARM}"
    return costs("store.stream", f"stream {sizes}", read, folder, "mean", rounds=rounds, note=held)


def read(runs: Path, what: str) -> np.ndarray:
    """Return r_t(x) (`learning_probability`) or E[r_t] (`mean`) of all epochs, by the path that analyses take."""
    values: np.ndarray = getattr(open_study(runs / STUDY).counts(METHOD), what)
    return values


def size_of(runs: Path, array: str) -> int:
    """Return the bytes of one array's files over all seeds."""
    return sum(path.stat().st_size for path in runs.glob(f"**/{array}/*") if path.is_file())


def costs(
    key: str, what: str, function: Callable[..., Any], *arguments: Any, rounds: int, note: str = ""
) -> list[Measurement]:
    """Return seconds and peak memory of a call, of at most this many rounds, each in its own process."""
    timed: list[Timed] = []
    while len(timed) < rounds and sum(one.seconds for one in timed) < ENOUGH:
        timed.append(in_own_process(function, *arguments))
    idle = f"{timed[0].idle_bytes / MB:.0f} MB of it before it begins: Python, PyTorch and other libraries"
    peaks = [one.peak_bytes / MB for one in timed]
    return [
        median(f"{key}_seconds", f"{what}: time", "s", [one.seconds for one in timed], note),
        median(f"{key}_peak", f"{what}: memory of the process", "MB", peaks, idle),
    ]


LEVELS = 2**16 - 1
"""Resolution of probabilities: two bytes of random bits per answer."""


DIFFICULTIES = {
    "simclr": (2.8, 0.94),
    "supervised": (2.0, 0.05),
    "random-labels": (0.33, 0.0),
    "random-labels-aug": (0.55, 0.08),
}
"""Spread of difficulties: standard deviation, and the fraction of variance between augmentations of one example.

Chosen so that r_t spreads over the examples as in the thesis's figures 4.4 and 4.5."""


def thesis_sizes(method: str, *, quick: bool = False) -> Sizes:
    """Return the sizes of a method in the thesis's study; tiny ones of the same kind where quick.

    Examples
    --------
    >>> str(thesis_sizes("random-labels"))
    '30 x 20 x 1 x 1 x 1024'
    """
    recipe = preset(method, "thesis")
    whole = Sizes(
        seeds=SEEDS,
        epochs=recipe.epochs,
        views=methods.load(method).panel_views,
        augmentations=recipe.panel_augmentations if method != "random-labels" else 1,
        examples=recipe.panel_examples,
    )
    if not quick:
        return whole
    few = min(whole.augmentations, 3)
    return whole._replace(seeds=3, epochs=whole.epochs // 20 + 2, augmentations=few, examples=64)


def thresholds(method: str, sizes: Sizes) -> UInt16[np.ndarray, "epoch augmentation example"]:
    """Return P(x^ is right) of every augmented example after every epoch, times :data:`LEVELS`."""
    rng = np.random.default_rng(0)
    sd, between = DIFFICULTIES[method]
    printed = FIGURE_4_1[method]  # stretched or compressed to this many epochs
    when = np.log(np.linspace(1, max(printed), sizes.epochs))
    means = np.interp(when, np.log(list(printed)), [float(value) for value in printed.values()])
    shape = (sizes.augmentations, sizes.examples)
    parts = (rng.normal(size=sizes.examples) * (1 - between) ** 0.5, rng.normal(size=shape) * between**0.5)
    difficulty = (sd * (parts[0] + parts[1])).astype(np.float32)
    found = np.empty((sizes.epochs, *shape), dtype=np.uint16)
    # The mean of Phi(a - d) over Gaussian d is Phi(a / sqrt(1 + sd^2)).
    abilities = ndtri(means) * (1 + sd**2) ** 0.5
    for place, ability in zip(found, abilities, strict=True):
        place[...] = np.rint(LEVELS * ndtr(np.float32(ability) - difficulty))
    return found


def answers(
    limits: UInt16[np.ndarray, "epoch augmentation example"], views: int, seed: int
) -> Bool[np.ndarray, "epoch view augmentation example"]:
    """Draw the answers of one network; the same for the same seed."""
    rng = np.random.default_rng([seed, 1])
    shape = (views, *limits.shape[1:])

    def drawn() -> np.ndarray:
        return rng.integers(LEVELS, size=shape, dtype=np.uint16)

    luck = drawn()
    correct = np.empty((len(limits), *shape), dtype=np.bool_)
    for place, limit in zip(correct, limits, strict=True):
        np.less(luck, limit, out=place)
        anew = rng.integers(2, size=shape, dtype=np.bool_)
        np.copyto(luck, drawn(), where=anew)
    return correct


def all_answers(method: str, sizes: Sizes) -> Iterator[Bool[np.ndarray, "epoch view augmentation example"]]:
    """Draw the answers of a method, seed by seed."""
    limits = thresholds(method, sizes)
    return (answers(limits, sizes.views, seed) for seed in range(sizes.seeds))


def scalar_names(method: str) -> tuple[str, ...]:
    """Return what training records of a method beside its answers."""
    kind = methods.load(method)
    return (*kind.terms, "learning_rate", *diagnostics.names(kind.panel_views))


def _further(correct: np.ndarray, labels: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Make the optional arrays of a seed up."""
    rng = np.random.default_rng((3, seed))
    arrays = {
        "held_out_correct": np.ascontiguousarray(correct[..., ::-1]),
        "held_out_example": np.arange(len(labels)),
        "held_out_label": labels,
        "in_training": rng.random(len(labels)) < 0.7,
    }
    if correct.shape[1] > 1:
        rivals = rng.integers(1, 16, size=correct.shape, dtype=np.int32) * ~correct
        arrays |= {"rivals": rivals, "same_class_rivals": rivals // 2}
    return arrays


def write(runs: Path, method: str, sizes: Sizes, *, further: bool = False) -> None:
    """Write a method's seeds as finished runs, without probabilities: no analysis reads them.

    Examples and true labels are the same for methods of equal sizes. What else analyses read (answers on held-out
    examples, rivals, which examples a seed left out) is written where it is asked for.
    """
    rng = np.random.default_rng(2)
    examples = rng.permutation(max(TRAINING_SET, sizes.examples))[: sizes.examples]
    true = np.arange(sizes.examples) % CLASSES
    given = rng.permutation(true) if methods.load(method).labels == "permuted" else true
    recipe = preset(method, "thesis", epochs=sizes.epochs)
    for seed, correct in enumerate(all_answers(method, sizes)):
        snapshots.write_finished(
            snapshots.seed_folder(runs, STUDY, method, seed),
            method=method,
            seed=seed,
            correct=correct,
            scalars={name: rng.lognormal(size=sizes.epochs) for name in scalar_names(method)},
            examples=examples,
            labels=given,
            true_labels=true,
            config=recipe.to_json(),
            provenance={"source": "synthetic"},
            further=_further(correct, true, seed) if further else None,
        )
