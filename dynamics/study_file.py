# SPDX-License-Identifier: Apache-2.0
"""A study as a file: which methods, how many seeds, every field of every recipe, which analyses.

The presets are such files (`dynamics/presets/*.toml`); the file of a study that was trained, all fields resolved,
lies beside its runs and makes it again. Sections, later ones first in rank:

    methods = ["simclr", "vicreg"]     # ways of training
    seeds = 8                          # copies of each network: 0 to 7; or which ones: "0-4,20"
    analyses = ["learning"]            # all that apply where it is left out

    [recipe]                           # fields of every method
    [views]                            # fields of methods that learn without labels
    [labels]                           # fields of methods that learn from labels
    [method.simclr]                    # fields of one method
"""

import dataclasses
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w
from filelock import FileLock

from dynamics import files
from dynamics.config import Recipe
from dynamics.errors import UserError
from dynamics.names import ordered
from dynamics.streams import MAX_SEED

PRESETS = Path(__file__).parent / "presets"
NAME = "study.toml"
"""What a resolved file is called in its study's folder."""

Fields = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class StudyFile:
    """What a study file says; see the module's text."""

    name: str
    """Of the study that it makes, unless another is asked for."""
    methods: tuple[str, ...] = ()
    seeds: int | str = 1
    analyses: tuple[str, ...] | None = None
    recipe: Fields = field(default_factory=dict)
    views: Fields = field(default_factory=dict)
    labels: Fields = field(default_factory=dict)
    method: Mapping[str, Fields] = field(default_factory=dict)
    sweep: Fields = field(default_factory=dict)
    """Where the study is one setting of a sweep: its `name`, and the `fields` that are swept."""

    def seed_list(self) -> list[int]:
        """Return the seeds."""
        return list(range(self.seeds)) if isinstance(self.seeds, int) else parse_seeds(self.seeds)

    def recipe_of(self, method: str, **changes: Any) -> Recipe:
        """Return a method's recipe under this file.

        A field of `[views]` or `[labels]` that this method does not have is another method's.

        Raises
        ------
        UserError
            When a field is unknown or its value is refused; there is no such method.
        """
        from dynamics import methods

        way = methods.load(method)
        recipe = way.recipe_type
        own = {one.name for one in dataclasses.fields(recipe)}
        kind = self.views if way.labels == "none" else self.labels
        shared = {name: value for name, value in kind.items() if name in own}
        values = {**self.recipe, **shared, **self.method.get(method, {}), **changes}
        return recipe(**recipe.known(values))


def presets() -> tuple[str, ...]:
    """Return the names of the files that come with the package.

    Examples
    --------
    >>> presets()
    ('quick', 'thesis')
    """
    return tuple(sorted(path.stem for path in PRESETS.glob("*.toml")))


def preset(method: str, name: str, **changes: Any) -> Recipe:
    """Return a method's recipe under a preset.

    Parameters
    ----------
    method
        Its name.
    name
        A preset, or a study file.
    changes
        Fields to change.

    Examples
    --------
    >>> preset("simclr", "quick").epochs
    25
    """
    return read(name).recipe_of(method, **changes)


def read(source: str | Path) -> StudyFile:
    """Read a preset by its name, or a study file by its path (which ends in .toml).

    Raises
    ------
    UserError
        When there is no such preset or file, it is no TOML, or a section, a method or a field in it is unknown.

    Examples
    --------
    >>> read("thesis").seeds
    30
    """
    path = Path(source) if str(source).endswith(".toml") else PRESETS / f"{source}.toml"
    if not path.is_file():
        known = f"there are the presets {', '.join(presets())}, and files that end in .toml"
        raise UserError(f"no study file {str(source)!r}: {known}")
    study = parsed(path)
    _check_fields(path, study)
    return study


def write(path: Path, study: StudyFile) -> None:
    """Write a study file; a field that is None is left out, for that is its default.

    Raises
    ------
    UserError
        When the disk is full.
    """
    content = {
        "name": study.name,
        "methods": list(study.methods),
        "seeds": study.seeds,
        **({} if study.analyses is None else {"analyses": list(study.analyses)}),
        **{
            name: dict(getattr(study, name))
            for name in ("recipe", "views", "labels", "sweep")
            if getattr(study, name)
        },
        "method": {
            name: {field: value for field, value in fields.items() if value is not None}
            for name, fields in study.method.items()
        },
    }
    files.atomic_write(path, tomli_w.dumps(content).encode())


def record(
    folder: Path,
    recipes: Mapping[str, Recipe],
    seeds: Iterable[int],
    *,
    analyses: tuple[str, ...] | None = None,
    sweep: Fields | None = None,
) -> None:
    """Write into a study's folder the file that makes it again, every field of every recipe spelled out.

    What the file there says of other methods and other seeds is kept.
    """
    files.make_folder(folder)
    path = folder / NAME
    with FileLock(folder / f".{NAME}.lock"):
        before = parsed(path) if path.exists() else StudyFile(name=folder.name, seeds="")
        all_seeds = sorted({*before.seed_list(), *seeds})
        fields = {**before.method, **{method: recipe.to_json() for method, recipe in recipes.items()}}
        write(
            path,
            StudyFile(
                name=folder.name,
                methods=ordered(fields),
                seeds=compact(all_seeds),
                analyses=before.analyses if analyses is None else analyses,
                method=fields,
                sweep=before.sweep if sweep is None else sweep,
            ),
        )


def parse_seeds(text: str) -> list[int]:
    """Read seeds such as "0-9,20": ranges include both ends; duplicates are dropped.

    Raises
    ------
    UserError
        When a part is neither a number nor a range, or out of range.

    Examples
    --------
    >>> parse_seeds("0-2,7")
    [0, 1, 2, 7]
    """
    seeds: dict[int, None] = {}
    for part in text.split(",") if text else ():
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise UserError(f"`seeds` must be numbers and ranges such as 0-9,20, got {part!r} in {text!r}")
        low, high = int(first), int(last) if dash else int(first)
        if high < low or high > MAX_SEED:
            raise UserError(f"`seeds` must be in [0, {MAX_SEED}], got {part!r} in {text!r}")
        seeds.update(dict.fromkeys(range(low, high + 1)))
    return list(seeds)


def compact(seeds: Sequence[int]) -> int | str:
    """Return sorted seeds as a study file says them: their number where they are 0 to n - 1, else as ranges.

    Examples
    --------
    >>> compact([0, 1, 2]), compact([0, 1, 5])
    (3, '0-1,5')
    """
    if list(seeds) == list(range(len(seeds))):
        return len(seeds)
    starts = [seed for seed in seeds if seed - 1 not in seeds]
    ends = [seed for seed in seeds if seed + 1 not in seeds]
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True))


def parsed(path: Path) -> StudyFile:
    """Read a file whose entries are those of a study; methods and fields may be unknown to this process.

    Raises
    ------
    UserError
        When it is no TOML, or an entry is unknown or of another kind.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no TOML ({error})") from None
    kinds: dict[str, type | tuple[type, ...]] = {
        "name": str,
        "methods": list,
        "seeds": (int, str),
        "analyses": list,
        **dict.fromkeys(("recipe", "views", "labels", "method", "sweep"), dict),
    }
    for name, value in content.items():
        if name not in kinds:
            raise UserError(f"{path} has an unknown entry {name!r}: a study file has {', '.join(kinds)}")
        if not isinstance(value, kinds[name]) or isinstance(value, bool):
            raise UserError(
                f"{path}: {name} cannot be {value!r}: see the presets for what a study file holds"
            )
    content |= {name: tuple(content[name]) for name in ("methods", "analyses") if name in content}
    study = StudyFile(**{"name": path.stem} | content)
    try:
        seeds = study.seed_list()
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    if not seeds:
        raise UserError(f"{path}: seeds must be >= 1, got {study.seeds!r}")
    return study


def _check_fields(path: Path, study: StudyFile) -> None:
    """Refuse a method that there is not, and a field that no method of its section has."""
    from dynamics import methods

    sections: dict[str, set[str]] = {"views": set(), "labels": set()}
    try:
        Recipe.known(study.recipe)
        for name in methods.names():
            way = methods.load(name)
            sections["views" if way.labels == "none" else "labels"] |= {
                f.name for f in dataclasses.fields(way.recipe_type)
            }
        for name in (*study.methods, *study.method):
            study.recipe_of(name)
        for name, known in sections.items():
            for one in getattr(study, name):
                if one not in known:
                    raise UserError(f"no method of [{name}] has a field `{one}`")
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
