# SPDX-License-Identifier: Apache-2.0
"""The numbers behind each figure: a few that matter, from the results that it draws."""

from collections.abc import Callable, Mapping, Sequence

from analysis.framework.results import Result, Row
from dynamics.names import label
from runners.report.markup import Html, table
from runners.report.objective_numbers import diagnostics, losses
from runners.report.values import features_label

Results = Mapping[str, Result]


def behind(number: str, results: Results) -> Html:
    """Return a table of a figure's numbers; nothing for a figure that is not known here."""
    return BEHIND[number](results) if number in BEHIND else Html("")


def _curves(results: Results) -> Html:
    rows = []
    for method in dict.fromkeys(row["method"] for row in results["learning"].rows):
        own = [row for row in results["learning"].rows if row["method"] == method]
        for row in _some(own):
            rows.append(
                [
                    label(method),
                    row["epoch"],
                    row["trials"],
                    _f(row["mean_r"]),
                    _range(row, "mean_r"),
                    _f(row["sd_r"]),
                ]
                + [_f(row["mean_r_tilde"]), _f(row["sd_r_tilde"])]
            )
    columns = ["setting", "t", "trials", "mean r", "95 % over seeds", "sd r", "mean r̃", "sd r̃"]
    return table(columns, rows, caption="First, middle and last epochs")


def _aligned(results: Results) -> Html:
    rows = [
        [label(row["method"]), row["reference_epoch"], row["epoch"], _f(row["mean_r"]), _f(row["residual"])]
        for row in results["alignment"].rows
    ]
    reference = label(results["alignment"].settings["reference"])
    columns = ["setting", f"t of {reference}", "aligned t", "mean r", "left over"]
    return table(columns, rows, caption="Aligned epochs; “left over”: difference of the means")


def _single(results: Results) -> Html:
    return _noise(results, "r_tilde", ("dispersion", "betabinomial_icc"))


def _averaged(results: Results) -> Html:
    return _noise(results, "r", ("mae", "mae_floor", "mae_if_equal", "icc"))


def _noise(results: Results, quantity: str, names: Sequence[str]) -> Html:
    rows = [
        [
            label(row["method"]),
            row["epoch"],
            row["trials"],
            _f(row["p0"]),
            _f(row["sd"]),
            *(_f(row[name]) for name in names),
        ]
        for row in results["binomial"].rows
        if row["quantity"] == quantity
    ]
    titles = {
        "betabinomial_icc": "ICC",
        "mae": "MAE",
        "mae_floor": "floor",
        "mae_if_equal": "if equal",
        "icc": "ICC",
    }
    columns = ["setting", "t", "trials", "p0", "sd", *(titles.get(name, name) for name in names)]
    return table(columns, rows, caption="At the first epochs whose mean reaches 1/4, 1/2 and 3/4")


def _shares(results: Results) -> Html:
    rows = []
    parts = ("example", "augmentation", "seed", "seed_by_example", "residual")
    for row in results["augmentations"].rows:
        total = sum(row[f"var_{part}"] or 0 for part in parts)
        percent = [f"{100 * (row[f'var_{part}'] or 0) / total:.1f}" if total > 0 else None for part in parts]
        rows.append(
            [
                label(row["method"]),
                row["epoch"],
                *percent,
                _f(row["augmentation_share"]),
                _range(row, "augmentation_share"),
            ]
        )
    columns = [
        "setting",
        "t",
        "example %",
        "augmentation %",
        "seed %",
        "seed by example %",
        "rest %",
        "share",
        "95 %",
    ]
    return table(
        columns,
        rows,
        caption="Variance of “correct” by origin; share: of the true variance of r̃, between augmentations",
    )


def _maps(results: Results) -> Html:
    names = ("neighbours_features", "neighbours_map", "neighbours_chance", "nmi_features", "nmi_map", "kl")
    rows = [
        [
            features_label(row["method"]),
            row["images"],
            row["features"],
            *(_f(row[name]) for name in names),
        ]
        for row in results["embedding"].rows
    ]
    columns = [
        "features of",
        "images",
        "D",
        "same-class neighbours",
        "in the map",
        "by chance",
        "NMI",
        "in the map",
        "t-SNE's KL",
    ]
    return table(
        columns,
        rows,
        caption="Share of the ten nearest neighbours with the same class; agreement of k-means with classes",
    )


def _divergences(results: Results) -> Html:
    rows = [
        [
            label(one["method"]),
            one["estimator"],
            *(_g(one[name]) for name in ("min", "median", "max", "null")),
        ]
        + [", ".join("-".join(pair) for pair in one["nearest"]) or None]
        + [
            one["problems"][0]
            + (f" (and {len(one['problems']) - 1} more)" if len(one["problems"]) > 1 else "")
            if one["problems"]
            else None
        ]
        for one in results["divergence"].settings["summary"]
    ]
    columns = [
        "setting",
        "estimator",
        "least",
        "median",
        "largest",
        "two halves of a class",
        "nearest classes",
        "values missing",
    ]
    return table(columns, rows, caption="KL between classes, nats; two halves of one class should give 0")


def _classes(results: Results) -> Html:
    rows = []
    for method, by in dict.fromkeys((row["method"], row["classes_by"]) for row in results["classes"].rows):
        own = [row for row in results["classes"].rows if (row["method"], row["classes_by"]) == (method, by)]
        for row in _some(own):
            order = row["hard_to_easy"] or [None]
            rows.append(
                [
                    label(method),
                    by,
                    row["epoch"],
                    _f(row["f"], 2),
                    _f(row["f_5_percent"], 2),
                    _f(row["epsilon_squared"]),
                ]
                + [_f(row["spread"]), order[0], order[-1]]
            )
    columns = ["setting", "class", "t", "F", "5 % point", "ε²", "largest less smallest", "hardest", "easiest"]
    return table(
        columns,
        rows,
        caption="Do classes differ? F above its 5 % point: yes; ε²: share of the variance that they explain",
    )


def _activations(results: Results) -> Html:
    rows = [
        [
            features_label(row["method"]),
            row["block"],
            row["receptive_field"],
            row["tiles"],
            row["dead"],
        ]
        + [_percent(row["silent_share"]), _g(row["median_activation"]), _g(row["median_largest_real"])]
        + [_g(row["median_percentile"]), _percent(row["beyond_real_share"])]
        for row in results["activations"].rows
    ]
    columns = [
        "setting",
        "block",
        "field, px",
        "tiles",
        "dead",
        "silent on data",
        "activation",
        "largest real",
    ]
    columns += ["percentile", "beyond all real"]
    preset = results["activations"].settings.get("preset")
    return table(
        columns, rows, caption=f"Preset {preset}; medians over live tiles, against real training images"
    )


def _views(results: Results) -> Html:
    rows = [
        [
            label(row["method"]),
            row["kind"],
            row["epoch"],
            row["trials"],
            _f(row["mae"]),
            _f(row["mae_if_equal"]),
        ]
        + [_f(row["mae_if_swapped"]), _f(row["pearson"]), _f(row["spearman"])]
        for row in results["views"].rows
    ]
    columns = ["setting", "r", "t", "trials", "MAE", "if equal", "if swapped", "Pearson", "Spearman"]
    return table(
        columns,
        rows,
        caption="First against second views; beside the MAE what it would be for equally hard views",
    )


BEHIND: dict[str, Callable[[Results], Html]] = {
    "4.1": _curves,
    "4.2": _aligned,
    "4.3": _single,
    "4.4": _averaged,
    "4.5": _shares,
    "5.1": _maps,
    "5.2": _divergences,
    "5.3": _classes,
    "5.4": _activations,
    "B.1": _views,
    "C.1": losses,
    "C.2": diagnostics,
}


def _some(rows: Sequence[Row]) -> list[Row]:
    """Return the first, a middle and the last row."""
    return [rows[index] for index in sorted({0, len(rows) // 2, len(rows) - 1})]


def _f(value: float | None, digits: int = 3) -> str | None:
    return None if value is None else f"{value:.{digits}f}"


def _g(value: float | None) -> str | None:
    return None if value is None else f"{value:.3g}"


def _percent(value: float | None) -> str | None:
    return None if value is None else f"{100 * value:.0f} %"


def _range(row: Row, name: str) -> str | None:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return None if low is None or high is None else f"{low:.3f} to {high:.3f}"
