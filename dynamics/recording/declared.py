# SPDX-License-Identifier: Apache-2.0
"""What a recorder is declared with: folder, epochs, config; checked, and written down in run.json."""

import itertools
import operator
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dynamics import provenance, snapshots
from dynamics.errors import UserError
from dynamics.names import check_method_name, check_study_name
from dynamics.recording.panel import Panel

MAX_EPOCHS = 10**6
"""Largest number of epochs: each has a file of its own until the run is finished."""


def check_folder(folder: Path) -> None:
    """Refuse a folder that is not named as that of a seed.

    Examples
    --------
    >>> check_folder(Path("runs/mine/my-net/seed-0000"))
    """
    study, method, seed = folder.resolve().parts[-3:] if len(folder.resolve().parts) > 3 else ("", "", "")
    number = seed.removeprefix("seed-")
    if not (seed.startswith("seed-") and number.isdecimal() and seed == f"seed-{int(number):04d}"):
        raise UserError(
            f"`folder` must be runs/<study>/<method>/seed-0000, with the number of the seed, got {folder}"
        )
    check_study_name(study)
    check_method_name(method)


def epoch_numbers(epochs: int | Sequence[int]) -> list[int]:
    """Return the numbers of the epochs that will be recorded.

    Raises
    ------
    UserError
        If it is neither a number nor numbers that increase.

    Examples
    --------
    >>> epoch_numbers(3), epoch_numbers([0, 10])
    ([1, 2, 3], [0, 10])
    """
    try:
        if not np.ndim(epochs):
            if operator.index(epochs) > MAX_EPOCHS:  # type: ignore[arg-type]
                raise UserError(f"`epochs` must be <= {MAX_EPOCHS}, got {epochs!r}")
            numbers = list(range(1, operator.index(epochs) + 1))  # type: ignore[arg-type]
        else:
            numbers = [operator.index(one) for one in epochs]  # type: ignore[union-attr]
    except (TypeError, ValueError):
        raise UserError(f"`epochs` must be an integer, or a list of integers, got {epochs!r}") from None
    if not numbers or numbers[0] < 0 or any(one >= two for one, two in itertools.pairwise(numbers)):
        raise UserError(f"`epochs` must be >= 1, or numbers >= 0 that increase, got {epochs!r}")
    return numbers


def plain_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config with plain values, once its names are known to be free.

    Raises
    ------
    UserError
        If a value is not a finite number, a truth value, a text or a list of such, or a name has another meaning.

    Examples
    --------
    >>> plain_config({"lr": np.float32(0.5), "layers": [2, 2]})
    {'lr': 0.5, 'layers': [2, 2]}
    """
    if not isinstance(config, Mapping):
        raise UserError(f"`config` must be values by name, got {type(config).__name__}")
    if taken := {"source", "panel_batch", "panel_examples", "temperature", "encoder"}.intersection(config):
        raise UserError(f"`config` cannot hold {min(taken)!r}, which has another meaning: rename it")
    return {name: _plain(name, value) for name, value in config.items()}


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(name, one) for one in value]
    one = value.item() if isinstance(value, (np.number, np.bool_)) else value
    finite = not isinstance(one, float) or np.isfinite(one)
    if not isinstance(name, str) or not finite or not isinstance(one, (str, int, float, bool, type(None))):
        got = type(value).__name__ if finite else repr(one)
        raise UserError(f"`config` must hold plain values by name, got {name!r}, {got}")
    return one


def numbers_by_name(scalars: Mapping[str, Any]) -> dict[str, float]:
    """Return scalars that are recorded, such as a loss, as numbers.

    Raises
    ------
    UserError
        If a name is no text, or a value no number.

    Examples
    --------
    >>> numbers_by_name({"loss": np.float32(0.5)})
    {'loss': 0.5}
    """
    if not isinstance(scalars, Mapping) or not all(isinstance(name, str) for name in scalars):
        raise UserError(f"`scalars` must hold numbers by name, got {scalars!r:.60}")
    found = {}
    for name, value in scalars.items():
        try:
            found[name] = float(value)
        except (TypeError, ValueError):
            raise UserError(f"`scalars` must hold numbers, got {name} = {value!r:.60}") from None
    return found


def about(panel: Panel, held_out: Panel | None = None) -> dict[str, Any]:
    """Return what a run's record says of its panel, and what the seeds of a method have in common.

    Examples
    --------
    >>> [*about(Panel(labels=[0, 1], ids=["a", "b"]))]
    ['ids', 'fingerprint', 'named']
    """
    known = {
        "ids": panel.ids,
        "fingerprint": panel.fingerprint(),
        "named": panel.named,
        "held_out": None if held_out is None else held_out.fingerprint(),
    }
    return {name: value for name, value in known.items() if value is not None}


def describe(folder: Path, panel: Panel, config: dict[str, Any], known: dict[str, Any]) -> None:
    """Write the record of a run before its first epoch, or compare with the one that is there.

    Raises
    ------
    UserError
        If it, or another seed of the method, was recorded with another config, or on another panel.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp(), "mine", "my-net", "seed-0003")
    >>> panel = Panel(labels=[0, 1], classes=["cat", "dog"])
    >>> describe(folder, panel, {"lr": 0.1}, about(panel))
    >>> snapshots.read_run_json(folder)["provenance"]["classes"]
    ['cat', 'dog']
    """
    session = {
        "code": provenance.code_version(),
        "versions": provenance.versions(),
        "machine": provenance.machine(),
        "started": provenance.now(),
    }
    check_like_other_seeds(folder, known, config)
    if not snapshots.has_record(folder):
        snapshots.write_run_json(
            folder,
            method=folder.parent.name,
            seed=int(folder.name.removeprefix("seed-")),
            config=config,
            provenance={**session, **({} if panel.classes is None else {"classes": panel.classes})},
            panel=known,
        )
        return
    snapshots.check_config(folder, config)
    there = snapshots.read_run_json(folder)
    before = there["panel"] | {"classes": there["provenance"].get("classes")}
    for name, value in {**dict.fromkeys(before), **known, "classes": panel.classes}.items():
        if before.get(name) != value:
            raise UserError(
                f"{folder} was recorded on a panel with another `{name}`: use the same one, or another study"
            )
    snapshots.add_session(folder, session)


def check_like_other_seeds(
    folder: Path, panel: dict[str, Any], config: dict[str, Any], *, but: Collection[str] = ()
) -> None:
    """Compare with the first other seed that has a record: better now than when all are trained.

    Parameters
    ----------
    folder
        A seed's folder, which may not be there.
    panel
        From :func:`about`.
    config
        The config.
    but
        Names in the config that are not compared.

    Raises
    ------
    UserError
        If the seeds differ in one of them.

    Examples
    --------
    >>> check_like_other_seeds(Path("runs/mine/no-such-net/seed-0000"), {}, {"lr": 0.1})
    """
    others = (other for other in sorted(folder.parent.glob("seed-*")) if other.name != folder.name)
    other = next(filter(snapshots.has_record, others), None)
    if other is None:
        return
    there = snapshots.read_run_json(other)
    for part, values in (("config", config), ("panel", panel)):
        for name, value in {**dict.fromkeys(there[part]), **values}.items():
            if name not in but and there[part].get(name) != value:
                what = f"`{name}` of the panel" if part == "panel" else f"{name} in `config`"
                raise UserError(
                    f"{folder} must have the same {what} as {other}: the seeds of a method differ in their random seed "
                    "alone; use another method, or another study"
                )
