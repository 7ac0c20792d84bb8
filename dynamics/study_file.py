# SPDX-License-Identifier: Apache-2.0
"""Study files: the methods, seeds, recipe fields and analyses of a study, in TOML.

The presets are such files (`dynamics/presets/*.toml`). Training writes one, with all fields resolved, beside the runs;
it makes the study again. Later sections override earlier ones:

    methods = ["simclr", "vicreg"]     # methods to train
    seeds = 8                          # number of seeds, 0 to 7; or which ones: "0-4,20"
    analyses = ["learning"]            # analyses to run; all that apply if left out
    seeds_of = { vicreg = "0-3" }      # seeds of single methods

    [recipe]                           # fields of every method
    [views]                            # fields of methods that learn without labels
    [labels]                           # fields of methods that learn from labels
    [method.simclr]                    # fields of one method
"""

import dataclasses
import logging
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from dynamics import files, lock, snapshots
from dynamics.config import MAX_SEED, Recipe
from dynamics.errors import UserError
from dynamics.names import ordered
from dynamics.seed_lists import compact, parse_seeds

LOGGER = logging.getLogger(__name__)

PRESETS = Path(__file__).parent / "presets"
NAME = "study.toml"
"""Name of the resolved file in a study's folder."""

Fields = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class StudyFile:
    """The content of a study file; see the module's docstring.

    Examples
    --------
    >>> file = StudyFile(name="mine", methods=("simclr",), seeds=2, recipe={"epochs": 5})
    >>> file.seed_list(), file.recipe_of("simclr").epochs
    ([0, 1], 5)
    """

    name: str
    """Default name of the study that the file makes."""
    methods: tuple[str, ...] = ()
    seeds: int | str = 1
    analyses: tuple[str, ...] | None = None
    recipe: Fields = field(default_factory=dict)
    views: Fields = field(default_factory=dict)
    labels: Fields = field(default_factory=dict)
    method: Mapping[str, Fields] = field(default_factory=dict)
    sweep: Fields = field(default_factory=dict)
    """If the study is one setting of a sweep: the sweep's `name`, and the `fields` that are swept."""
    seeds_of: Mapping[str, int | str] = field(default_factory=dict)
    """Seeds of the methods that have others."""
    data: Mapping[str, str] = field(default_factory=dict)
    """Fingerprints of the images that the study is trained on, by data set: every host compares its own."""

    def seed_list(self, method: str | None = None) -> list[int]:
        """Return the seeds as numbers: those of a method, or of the methods that have no others."""
        seeds = self.seeds_of.get(method, self.seeds) if method is not None else self.seeds
        if isinstance(seeds, int) and seeds > MAX_SEED + 1:
            raise UserError(f"`seeds` must be at most {MAX_SEED + 1}, got {seeds}")
        return list(range(seeds)) if isinstance(seeds, int) else parse_seeds(seeds)

    def recipe_of(self, method: str, **changes: Any) -> Recipe:
        """Return a method's recipe according to this file.

        Fields of `[views]` or `[labels]` that this method does not have are meant for other methods and ignored.

        Parameters
        ----------
        method
            Name of the method.
        changes
            Fields that override those of the file.

        Raises
        ------
        UserError
            If there is no such method, a field is unknown, or a value is out of range.
        """
        from dynamics import methods

        loaded = methods.load(method)
        recipe = loaded.recipe_type
        field_names = {field.name for field in dataclasses.fields(recipe)}
        kind = self.views if loaded.labels == "none" else self.labels
        shared = {name: value for name, value in kind.items() if name in field_names}
        values = {**self.recipe, **shared, **self.method.get(method, {}), **changes}
        return recipe(**recipe.known(values))


def presets() -> tuple[str, ...]:
    """Return the names of the study files that come with the package.

    Examples
    --------
    >>> presets()
    ('cifar-small', 'quick', 'thesis')
    """
    return tuple(sorted(path.stem for path in PRESETS.glob("*.toml")))


def preset(method: str, name: str, **changes: Any) -> Recipe:
    """Return a method's recipe according to a preset.

    Parameters
    ----------
    method
        Name of the method.
    name
        Name of a preset, or path of a study file.
    changes
        Fields that override those of the preset.

    Raises
    ------
    UserError
        If the method, the preset or a field is unknown, or a value is out of range.

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
        If there is no such preset or file, it is not TOML, or a section, a method or a field in it is unknown.

    Examples
    --------
    >>> read("thesis").seeds
    30
    """
    given = files.expanded(source, "preset")
    path = given if given.suffix == ".toml" else PRESETS / f"{source}.toml"
    if not path.is_file():
        known = f"there are the presets {', '.join(presets())}, and files that end in .toml"
        raise UserError(f"no study file {str(source)!r}: {known}")
    study = parsed(path)
    _check_fields(path, study)
    return study


def write(path: Path, study: StudyFile) -> None:
    """Write a study file; fields of methods that are None are left out, for None is their default.

    Raises
    ------
    UserError
        If the disk is full.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(Path(folder, "mine.toml"), StudyFile(name="mine", methods=("simclr",), seeds=8))
    ...     read(Path(folder, "mine.toml")).methods
    ('simclr',)
    """
    content = {
        "name": study.name,
        "methods": list(study.methods),
        "seeds": study.seeds,
        **({} if study.analyses is None else {"analyses": list(study.analyses)}),
        **{
            name: dict(getattr(study, name))
            for name in ("seeds_of", "data", "recipe", "views", "labels", "sweep")
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
    data: Mapping[str, str] | None = None,
) -> None:
    """Write the study file that makes a study again into its folder, with every field of every recipe.

    Methods and seeds that the file there lists already, or that were trained into the folder, are kept. A file that
    cannot be read is put aside: nothing depends on it.

    Parameters
    ----------
    folder
        The study's folder; made if absent.
    recipes
        Recipe of each method that is trained.
    seeds
        Seeds that are trained.
    analyses, sweep, data
        Entries of the file; None keeps those that are there.

    Raises
    ------
    UserError
        If the file names other images of a data set, or the disk is full.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as runs:
    ...     record(Path(runs, "demo"), {"simclr": preset("simclr", "quick")}, [0, 1])
    ...     read(Path(runs, "demo", NAME)).seeds
    2
    """
    files.make_folder(folder)
    path = folder / NAME
    with lock.rewriting(path):
        before = _recorded(path)
        for name, fingerprint in (data or {}).items():
            if before.data.get(name, fingerprint) != fingerprint:  # another host was a moment faster
                raise UserError(
                    f"{folder} is trained on different images of {name} (fingerprint {before.data[name]}, here "
                    f"{fingerprint}): restore the data, or use another `study`"
                )
        trained, there = _on_disk(folder)
        asked = {*seeds}
        fields = {
            **before.method,
            **trained,
            **{method: recipe.to_json() for method, recipe in recipes.items()},
        }
        known = {name: {*before.seed_list(name)} if name in before.method else set() for name in fields}
        by_method = {
            name: known[name] | there.get(name, set()) | (asked if name in recipes else set())
            for name in fields
        }
        all_seeds = {*before.seed_list(), *asked}.union(*by_method.values())
        write(
            path,
            StudyFile(
                name=folder.name,
                methods=ordered(fields),
                seeds=compact(sorted(all_seeds)),
                seeds_of={
                    name: compact(sorted(own)) for name, own in by_method.items() if own and own != all_seeds
                },
                analyses=before.analyses if analyses is None else analyses,
                method=fields,
                sweep=before.sweep if sweep is None else sweep,
                data=before.data if data is None else {**before.data, **data},
            ),
        )


def _recorded(path: Path) -> StudyFile:
    """Return what a study's own file says; nothing if it is absent, or cannot be read and is put aside."""
    empty = StudyFile(name=path.parent.name, seeds="")
    if not files.exists(path):
        return empty
    try:
        return parsed(path)
    except UserError as error:
        aside = path.with_name(f"{path.name}.damaged")
        LOGGER.warning(
            "%s; it is written anew from the runs, and the old one is kept as %s", error, aside.name
        )
        path.replace(aside)
        return empty


def _on_disk(folder: Path) -> tuple[dict[str, Fields], dict[str, set[int]]]:
    """Return the recipe of each method that was trained into a study's folder, and its seeds."""
    recipes: dict[str, Fields] = {}
    seeds: dict[str, set[int]] = {}
    for method in snapshots.list_methods(folder.parent, folder.name):
        there = snapshots.list_seeds(folder.parent, folder.name, method)
        config = _first_config(folder, method, there)
        if (
            config is not None and "encoder" in config
        ):  # otherwise it was ingested, and nothing makes it again
            recipes[method] = config
            seeds[method] = {*there}
    return recipes, seeds


def _first_config(folder: Path, method: str, seeds: Iterable[int]) -> Fields | None:
    """Return the config of a method's first seed that can be read, which all share; None if none can."""
    for seed in seeds:
        try:
            run = snapshots.read_run_json(snapshots.seed_folder(folder.parent, folder.name, method, seed))
        except UserError:  # begun, or damaged: its own reader says so
            continue
        config: Fields = run["config"]
        return config
    return None


def parsed(path: Path) -> StudyFile:
    """Read a study file without checking that its methods and their fields are known to this process.

    Raises
    ------
    UserError
        If it is not TOML, or an entry is unknown or of the wrong type.

    Examples
    --------
    >>> parsed(PRESETS / "quick.toml").name
    'quick'
    """
    files.check_regular(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not TOML ({error}): correct its syntax") from None
    kinds: dict[str, type | tuple[type, ...]] = {
        "name": str,
        "methods": list,
        "seeds": (int, str),
        "analyses": list,
        **dict.fromkeys(("recipe", "views", "labels", "method", "sweep", "seeds_of", "data"), dict),
    }
    for name, value in content.items():
        if name not in kinds:
            raise UserError(f"{path} has an unknown entry {name!r}: a study file has {', '.join(kinds)}")
        if not isinstance(value, kinds[name]) or isinstance(value, bool):
            raise UserError(
                f"{path}: {name} cannot be {value!r}: see the presets for what a study file holds"
            )
    content |= {name: tuple(content[name]) for name in ("methods", "analyses") if name in content}
    # Made from a file's name, the default is one that can be given: My study.toml makes My-study.
    study = StudyFile(
        **{"name": re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).lstrip("._-") or "study"} | content
    )
    for method in (None, *study.seeds_of):
        spec = study.seeds if method is None else study.seeds_of[method]
        if not isinstance(spec, (int, str)) or isinstance(spec, bool):
            raise UserError(
                f"{path}: seeds of {method} cannot be {spec!r}: write a number, or ranges such as 0-4,20"
            )
        try:
            seeds = study.seed_list(method)
        except UserError as error:
            raise UserError(f"{path}: {error}") from None
        if not seeds:
            raise UserError(f"{path}: seeds must be >= 1, got {spec!r}")
    return study


def _check_fields(path: Path, study: StudyFile) -> None:
    """Refuse an unknown method, and a field that no method of its section has."""
    from dynamics import methods

    sections: dict[str, set[str]] = {"views": set(), "labels": set()}
    try:
        Recipe.known(study.recipe)
        for name in methods.names():
            method = methods.load(name)
            sections["views" if method.labels == "none" else "labels"] |= {
                field.name for field in dataclasses.fields(method.recipe_type)
            }
        for name in (*study.methods, *study.method, *study.seeds_of):
            study.recipe_of(name)
        for name, known in sections.items():
            for field_name in getattr(study, name):
                if field_name not in known:
                    raise UserError(f"no method of [{name}] has a field `{field_name}`")
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
