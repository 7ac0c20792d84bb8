# SPDX-License-Identifier: Apache-2.0
"""The thesis's explanation of SimCLR's likeness to random labels, memorising, tested on held-out images."""

from analysis.framework.results import Row
from analysis.papers import Results
from analysis.papers.findings import Conclusion, Finding
from dynamics.names import label

LIKE = "random-labels"


def simclr_memorises(results: Results) -> Finding:
    """SimCLR looks like random labels because it memorises.

    Examples
    --------
    >>> from analysis import generalization
    >>> from analysis.framework.example import example_study
    >>> simclr_memorises({"generalization": generalization.analyse(example_study())}).number
    'no method random labels with held-out images'
    """
    claim = "SimCLR looks like random labels because it memorises its training images."
    rule = (
        "At the last epochs the networks answer on test images that no seed was trained on. A method memorises if "
        "these gained less than half of what training images gained, since the untrained network or over the commonest "
        "label (95 % interval, examples like these), and learns if they gained more. Confirmed if both memorise, "
        "refuted if SimCLR learns."
    )
    last = _last(results)
    for method in ("simclr", LIKE):
        if method not in last:
            why = f"no method {label(method)} with held-out images" if last else "no result generalization"
            return Finding(claim, Conclusion.NOT_TESTABLE, why, rule)
        if last[method]["verdict"] is None:
            return Finding(
                claim, Conclusion.NOT_TESTABLE, f"{label(method)}: {last[method]['why_not']}", rule
            )
    verdicts = [last[method]["verdict"] for method in ("simclr", LIKE)]
    conclusion = Conclusion.UNDECIDED
    if verdicts == ["memorises", "memorises"]:
        conclusion = Conclusion.CONFIRMED
    elif verdicts[0] == "learns":
        conclusion = Conclusion.REFUTED
    return Finding(claim, conclusion, "; ".join(_said(last[method]) for method in ("simclr", LIKE)), rule)


def _last(results: Results) -> dict[str, Row]:
    rows = results["generalization"].rows if "generalization" in results else []
    return {row["method"]: row for row in rows}


def _said(row: Row) -> str:
    ends = (row[f"ratio_examples_like_these_{end}"] for end in ("low", "high"))
    return (
        f"{label(row['method'])} {row['verdict']}: {row['ratio']:.2f} ({' to '.join(f'{end:.2f}' for end in ends)}) "
        f"of the gain holds, E[r] {row['mean_r']:.3f} of training and {row['mean_r_held_out']:.3f} of held-out images"
    )
