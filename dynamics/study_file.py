# SPDX-License-Identifier: Apache-2.0
"""A study as a file: which methods, how many seeds, every field of every recipe, which analyses.

The presets are such files (`dynamics/presets/*.toml`); the file of a study that was trained, all fields resolved,
lies beside its runs and makes it again. Sections, later ones first in rank:

    methods = ["simclr", "vicreg"]     # ways of training
    seeds = 8                          # copies of each network: 0 to 7
    analyses = ["learning"]            # all that apply where it is left out

    [recipe]                           # fields of every method
    [views]                            # fields of methods that learn without labels
    [labels]                           # fields of methods that learn from labels
    [method.simclr]                    # fields of one method
"""

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from dynamics import files
from dynamics.config import Recipe
from dynamics.errors import UserError

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
    seeds: int = 1
    analyses: tuple[str, ...] | None = None
    recipe: Fields = field(default_factory=dict)
    views: Fields = field(default_factory=dict)
    labels: Fields = field(default_factory=dict)
    method: Mapping[str, Fields] = field(default_factory=dict)

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
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = f"there are the presets {', '.join(presets())}, and files that end in .toml"
        raise UserError(f"no study file {str(source)!r}: {known}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no TOML ({error})") from None
    return _checked(path, content)


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
            name: dict(getattr(study, name)) for name in ("recipe", "views", "labels") if getattr(study, name)
        },
        "method": {
            name: {k: v for k, v in fields.items() if v is not None} for name, fields in study.method.items()
        },
    }
    files.atomic_write(path, tomli_w.dumps(content).encode())


def resolved(
    name: str, recipes: Mapping[str, Recipe], *, seeds: int, analyses: tuple[str, ...] | None
) -> StudyFile:
    """Return the file that makes a study again, every field of every recipe spelled out."""
    fields = {method: recipe.to_json() for method, recipe in recipes.items()}
    return StudyFile(name=name, methods=tuple(recipes), seeds=seeds, analyses=analyses, method=fields)


def _checked(path: Path, content: dict[str, Any]) -> StudyFile:
    """Compare a file's sections with what a study has, and its fields with those of the methods."""
    kinds: dict[str, type] = {"name": str, "methods": list, "seeds": int, "analyses": list}
    kinds |= dict.fromkeys(("recipe", "views", "labels", "method"), dict)
    for name, value in content.items():
        if name not in kinds:
            raise UserError(f"{path} has an unknown entry {name!r}: a study file has {', '.join(kinds)}")
        if not isinstance(value, kinds[name]) or isinstance(value, bool):
            raise UserError(f"{path}: {name} must be of type {kinds[name].__name__}, got {value!r}")
    if content.get("seeds", 1) < 1:
        raise UserError(f"{path}: seeds must be >= 1, got {content['seeds']}")
    lists = {name: tuple(content[name]) for name in ("methods", "analyses") if name in content}
    study = StudyFile(**{"name": path.stem, **content, **lists})
    _check_fields(path, study)
    return study


def _check_fields(path: Path, study: StudyFile) -> None:
    """Refuse a method that there is not, and a field that no method of its section has."""
    from dynamics import methods

    sections = {"views": set[str](), "labels": set[str]()}
    try:
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
        Recipe.known(study.recipe)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
