from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scones.contract.delivery import Decision, ReviewAnswer
from scones.report import render
from scones.report.types import Run, SampleImage, not_entered

from .conftest import invocation

VOID = {"meta", "img", "br", "hr", "link", "input", "wbr"}


class Page(HTMLParser):
    """What a browser would see: the text, the tags and their attributes; fails where tags do not match."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_has_every_part_of_the_run(run: Run) -> None:
    page = Page(render(run))
    headings = ["Images", "Training", "Evaluation on the test set", "State machines", "Lambda functions", "Decisions"]
    for heading in [*headings, "Time", "Cost on AWS"]:
        assert heading in page.text
    said = page.text.replace("\u00a0", " ")
    for figure in ("87.5 %", "82.2 % to 91.4 %", "18 of 24", "unconfirmed", "threshold 0.8", "ImageRejectedError"):
        assert figure in said
    assert run["notice"]
    assert run["notice"] in page.text
    assert sum(tag == "svg" and values.get("class") == "machine" for tag, values in page.tags) == 2
    galleries = [
        run["samples"],
        *run["duplicates"],
        run["label_issues"],
        run["outliers"],
        run["wrong"],
        run["uncertain"],
    ]
    assert sum(tag == "img" for tag, _ in page.tags) == sum(map(len, galleries))


def test_the_page_begins_with_the_answer_and_a_list_of_its_sections(run: Run) -> None:
    page = Page(render(run))
    assert page.text.index("May this model be used?") < page.text.index("Hyperparameters".lower())
    links = [values["href"] for tag, values in page.tags if tag == "a"]
    ids = [f"#{values['id']}" for tag, values in page.tags if tag == "h2" and values["id"] != "assessment"]
    assert links == ids
    assert len(links) == 9


def test_the_page_says_what_the_release_was_made_from(run: Run) -> None:
    said = Page(render(run)).text
    facts = run["facts"]
    for value in (facts["name"], facts["digest"], facts["version"], facts["container_image"], facts["model_package"]):
        assert value
        assert value in said
    assert "epochs=18, seed=7" in said


def test_an_error_has_its_cause_beside_it(run: Run) -> None:
    assert "EndpointUnavailableError: no endpoint is in service; run `scones release`" in Page(render(run)).text


def test_the_time_of_people_is_apart_from_that_of_the_machine(run: Run) -> None:
    assert run["delivery"]
    run["delivery"]["executions"] = [
        {"name": "e", "status": "SUCCEEDED", "started_at": "2026", "seconds": 63.0, "review_seconds": 60.0}
    ]
    said = Page(render(run)).text.replace("\u00a0", " ")
    assert "3.0 sp50 without review" in said
    assert "60.0 sp50 to an answer" in said


def test_a_map_lies_over_its_image(run: Run) -> None:
    page = Page(render(run))
    assert sum(values.get("class") == "heat" for _, values in page.tags) == len(run["wrong"]) + len(run["uncertain"])
    assert sum(values.get("class") in ("for", "against") for _, values in page.tags) == 16 * 8


def test_a_state_shows_the_share_of_its_lambda(run: Run) -> None:
    def cells(state: str) -> list[str]:
        row = render(run).partition(f"<th>{state}</th>")[2].partition("</tr>")[0]
        return re.findall('<td class="n">(.*?)</td>', row.replace("\u00a0", " "))

    assert cells("Classify")[:4] == ["24", "3", "0", "0"]
    assert cells("Classify")[-5:] == ["19 %", "12 %", "0 %", "2 %", "67 %"]
    assert cells("Record")[-5:] == ["—"] * 5
    assert 'title="cold start 392 ms"' in render(run).replace("\u00a0", " ")


def test_a_lambda_that_never_used_half_of_its_memory_is_marked(run: Run) -> None:
    marked = [
        values["class"]
        for tag, values in Page(render(run)).tags
        if tag == "td" and "over" in (values.get("class") or "")
    ]
    assert len(marked) == 2


def test_an_order_id_stays_on_one_line(run: Run) -> None:
    ids = [values["title"] for tag, values in Page(render(run)).tags if tag == "td" and values.get("class") == "id"]
    assert ids == [decision["assignment"]["order_id"] for decision in run["decisions"] if decision["assignment"]]


def test_a_run_without_issues_has_no_galleries_of_them(run: Run) -> None:
    run |= {"duplicates": [], "label_issues": [], "outliers": [], "uncertain": []}
    said = Page(render(run)).text
    for heading in ("Near-duplicates", "Label issues", "Outliers", "Correct with the lowest confidence"):
        assert heading not in said


def test_the_page_loads_nothing(run: Run) -> None:
    html = render(run)
    page = Page(html)
    assert "http://" not in html
    assert "https://" not in html
    assert "@import" not in html
    assert not {"script", "link", "iframe", "object", "base"} & {tag for tag, _ in page.tags}
    for _, values in page.tags:
        for name in ("src", "href", "xlink:href"):
            assert (values.get(name) or "#").startswith(("data:image/", "#"))
    assert all(address.startswith("#") for address in re.findall(r"url\(([^)]*)\)", html))
    policy = next(values["content"] for _, values in page.tags if values.get("http-equiv"))
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


@given(st.text(max_size=60))
@example("<script>alert(1)</script>\"'>")
@example("a_b")
@settings(max_examples=8, deadline=None)
def test_no_text_of_the_run_becomes_markup(text: str) -> None:
    before = markup(hostile("x"))
    after = markup(hostile(text))
    assert [tag for tag, _ in after] == [tag for tag, _ in before]
    for (_, old), (_, new) in zip(before, after, strict=True):
        assert list(old) == list(new)


def markup(run: Run) -> list[tuple[str, dict[str, str | None]]]:
    """Return the tags of the page but for the page's own line breaks in names, which follow their underscores."""
    return [(tag, values) for tag, values in Page(render(run)).tags if tag != "wbr"]


def test_a_file_named_like_a_script_is_shown_as_text(run: Run) -> None:
    run["decisions"][0]["s3_key"] = "arrivals/<script>alert(1)</script>.png"
    assert "<script>alert(1)</script>.png" in Page(render(run)).text


def test_a_file_s_name_breaks_after_its_underscores_and_is_shown_whole(run: Run) -> None:
    run["samples"] = [SampleImage(label="bicycle", caption="bike_s_<b>.png", data_uri="data:image/png;base64,AA==")]
    html = render(run)
    assert "bike_<wbr>s_<wbr>&lt;b&gt;.png" in html
    assert "bike_s_<b>.png" in Page(html).text


def test_a_missing_part_is_a_sentence(run: Run) -> None:
    run |= {
        "metrics": None,
        "evaluation": None,
        "release": None,
        "deploy": None,
        "delivery": None,
        "notice": None,
        "samples": [],
        "duplicates": [],
        "label_issues": [],
        "outliers": [],
        "wrong": [],
        "uncertain": [],
        "lambdas": [],
        "decisions": [],
        "seconds": {},
        "instance_types": {},
    }
    run["manifest"] |= {"classes": [], "counts": {}, "left_out": {}, "duplicates": []}
    said = Page(render(run)).text
    for sentence in ("No model was trained", "No model was evaluated", "did not run", "No Lambda", "No decision"):
        assert sentence in said


def test_the_page_shows_certificates_and_their_absence(run: Run) -> None:
    said = " ".join(Page(render(run)).text.split())
    assert "With 95.0 % confidence" in said.replace("\u00a0", " ")
    assert "0.913" in said
    assert "nothing is accepted: no threshold has an error rate certified below 2.0 %" in said.replace("\u00a0", " ")


def test_an_evaluation_without_reliability_leaves_its_part_out(run: Run) -> None:
    assert run["evaluation"]
    del run["evaluation"]["reliability"]
    assert "Acceptance certificates" not in render(run)


def test_any_number_of_classes_has_its_confusion(run: Run) -> None:
    names = [f"vehicle {n}" for n in range(5)]
    assert run["evaluation"]
    run["evaluation"] |= {"classes": names, "confusion": [[n * m for n in range(5)] for m in range(5)]}
    run["manifest"]["classes"] = names
    page = Page(render(run))
    assert sum(tag == "td" and "--share" in (values.get("style") or "") for tag, values in page.tags) == 25


def test_the_same_run_gives_the_same_page(run: Run) -> None:
    assert render(run) == render(run)


def test_no_two_elements_that_are_referred_to_share_an_id(run: Run) -> None:
    html = render(run)
    referred = set(re.findall(r"url\(#([^)]*)\)|href=\"#([^\"]*)\"", html))
    for name in {left or right for left, right in referred}:
        assert html.count(f'id="{name}"') == 1


def test_importing_the_report_does_not_load_matplotlib() -> None:
    program = "import sys, scones.report; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_plots_and_the_sections_have_the_names_of_the_field(run: Run) -> None:
    said = Page(render(run)).text
    for term in ("reliability diagram", "risk-coverage curve", "Robustness to corruptions", "out-of-distribution"):
        assert term in said


def test_a_cell_holds_at_most_one_number(run: Run) -> None:
    cells = re.findall(r'<td class="n[^"]*"[^>]*>(.*?)(?:<div|</td>)', render(run).replace("\u00a0", " "))
    assert [cell for cell in cells if "," in re.sub(r"\d,\d{3}", "", cell) or " of " in cell] == []


@pytest.mark.parametrize("decisions", [1, 2])
def test_few_decisions_still_have_a_plot(run: Run, decisions: int) -> None:
    run["decisions"] = run["decisions"][:decisions]
    assert "seconds since the first decision" in Page(render(run)).text


def hostile(text: str) -> Run:
    decision = Decision(
        outcome="FAILED",
        arrival_id=text,
        s3_bucket=text,
        s3_key=text,
        label=text or None,
        confidence=0.5,
        inferences=[],
        threshold=0.8,
        decided_by=None,
        assignment=None,
        review=ReviewAnswer(answer=text, reviewer=text, answered_at=text),
        error=text,
        cause=text,
        execution=text,
        decided_at="2026-11-22T10:17:00Z",
    )
    return Run(
        id=text,
        project=text,
        where=text,
        started_at=text,
        notice=f"!{text}",
        facts={
            "name": f"!{text}",
            "status": f"!{text}",
            "started_at": f"!{text}",
            "digest": f"!{text}",
            "hyperparameters": {text: text},
            "minimum_accuracy": None,
            "version": f"!{text}",
            "container_image": f"!{text}",
            "model_package": f"!{text}",
            "failed_state": text,
            "error": text,
            "cause": f"!{text}",
        },
        manifest={
            "digest": text,
            "source": text,
            "sketches": False,
            "classes": [f"!{text}"],
            "counts": {"train": {f"!{text}": 3}},
            "images": [],
            "left_out": {text: text},
            "duplicates": [],
        },
        samples=[SampleImage(label=text, caption=text, data_uri="data:image/png;base64,AA==")],
        duplicates=[[SampleImage(label=text, caption=text, data_uri="data:image/png;base64,AA==")]],
        outliers=[],
        label_issues=[SampleImage(label=text, caption=text, data_uri="data:image/png;base64,AA==")],
        metrics=None,
        evaluation=None,
        wrong=[],
        uncertain=[],
        release=None,
        deploy=None,
        delivery={
            "name": text,
            "definition": {"StartAt": f"!{text}", "States": {f"!{text}": {"Type": "Task", "End": True}}},
            "states": {f"!{text}": not_entered() | {"entered": 1, "seconds": [1.0]}},
            "executions": [],
        },
        lambdas=[{"name": text, "invocations": [invocation(text, 1.0)], "memory_mb": 128, "max_memory_mb": 50}],
        transforms=[],
        decisions=[decision],
        instance_types={},
        serverless_mb=2048,
        realtime_instances=0,
        seconds={text: 1.0},
    )
