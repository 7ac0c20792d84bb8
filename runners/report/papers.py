# SPDX-License-Identifier: Apache-2.0
"""A paper's section: differences to know of, its findings, its tables, and weaknesses of its statistics."""

from collections.abc import Iterable, Sequence

from analysis.papers import Paper, Results, Weakness
from analysis.papers.findings import Conclusion, Finding
from dynamics.study import Study
from runners.report.markup import Html, Section, badge, element, folded, join, paragraph, table


def heading(paper: Paper) -> str:
    """Return a paper's title for the heading of its section.

    Examples
    --------
    >>> from analysis import papers
    >>> heading(papers.load("memorization"))
    'The memorization thesis'
    """
    return paper.title[:1].upper() + paper.title[1:]


def compared(name: str, paper: Paper, study: Study, results: Results) -> Section:
    """Return the section of a paper that a study has methods of."""
    remarks = [paragraph(remark) for remark in (*paper.remarks(study), *_other_mates(results))]
    parts = [
        paragraph(f"{paper.about}.", class_="meta"),
        element("aside", *remarks, class_="note") if remarks else "",
        *(folded("Differences in the recipe", table(one)) for one in paper.differences(study)),
        _part("Findings", _findings(paper.findings(study, results))),
        _part("Tables", map(table, paper.tables(study, results))),
        _part("Where its statistics are weak", map(_weakness, paper.weaknesses(study, results))),
    ]
    return Section(name, heading(paper), join(parts))


def _other_mates(results: Results) -> list[str]:
    """Say which results are not about the paper's fixed mates."""
    random = [
        name
        for name, one in results.items()
        if any(known.get("mates") == "random" for known in one.inputs.values())
    ]
    return [f"Made among random mates, unlike the paper's: {', '.join(sorted(random))}."] if random else []


def _part(title: str, content: Iterable[Html]) -> Html:
    shown = join(content)
    return join([element("h3", title), shown]) if shown else shown


def _findings(found: Sequence[Finding]) -> list[Html]:
    if not found:
        return []
    counts = {one: sum(finding.conclusion is one for finding in found) for one in Conclusion}
    summary = ", ".join(f"{count} {one.value}" for one, count in counts.items() if count)
    about = "1 finding is" if len(found) == 1 else f"{len(found)} findings are"
    return [
        paragraph(
            f"{about} about methods of this study: {summary}. Each is decided by a number and a rule, not by eye."
        ),
        element("ul", *map(_finding, found), class_="findings"),
    ]


def _finding(one: Finding) -> Html:
    return element(
        "li",
        badge(one.conclusion),
        " ",
        element("strong", one.claim),
        paragraph(one.number),
        paragraph(f"Rule: {one.rule}", class_="rule"),
    )


def _weakness(one: Weakness) -> Html:
    return join([paragraph(element("strong", f"{one.title}. "), one.text), *map(table, one.tables)])
