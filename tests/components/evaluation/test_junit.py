"""A decision as JUnit XML, read by an XML parser as a CI system does."""

import xml.etree.ElementTree as ET

import pytest

from components.evaluation.gate import Check, decision_of
from components.evaluation.junit import junit_xml

METRICS = {"release_name": "tiny", "model_digest": "5" * 64, "release_digest": "6" * 64}
CHECKS = [
    Check("max_wer/test-a", "PASS", "It is low.", 0.1, 0.086, (0.065, 0.104), "fraction", "most"),
    Check("size/onnx", "FAIL", "It is large.", 1_000_000, 2_500_000, None, "bytes", "most"),
    Check("approval", "REVIEW", "A person is asked."),
    Check("beam_search", "NOT APPLICABLE", "No language model is named."),
]


def suite_of(checks, metrics=METRICS):
    return ET.fromstring(junit_xml(decision_of(checks, ()), metrics))


def test_each_check_is_a_test_case():
    root = suite_of(CHECKS)
    (suite,) = root
    counts = {"tests": "4", "failures": "2", "errors": "0", "skipped": "1"}
    assert (root.tag, root.attrib) == ("testsuites", {})
    assert (suite.tag, suite.attrib) == ("testsuite", {"name": "w2v2.gate", **counts})
    properties = {one.get("name"): one.get("value") for one in suite.findall("properties/property")}
    assert properties == {**METRICS, "verdict": "REJECT"}
    cases = suite.findall("testcase")
    assert [(case.get("classname"), case.get("name")) for case in cases] == [
        ("w2v2.gate.max_wer", "max_wer/test-a"),
        ("w2v2.gate.size", "size/onnx"),
        ("w2v2.gate.approval", "approval"),
        ("w2v2.gate.beam_search", "beam_search"),
    ]
    assert [[child.tag for child in case] for case in cases] == [["system-out"], ["failure"], ["failure"], ["skipped"]]
    assert cases[0][0].text == "It is low.\nmeasured: 8.6 %\nthreshold (most): 10.0 %\n95 % interval: 6.5 % to 10.4 %"
    assert cases[1][0].attrib == {"message": "It is large.", "type": "FAIL"}
    assert cases[1][0].text == "It is large.\nmeasured: 2.5 MB\nthreshold (most): 1.0 MB"
    assert cases[3][0].attrib == {"message": "No language model is named."}


def test_what_waits_for_a_person_is_not_green():
    (suite,) = suite_of([CHECKS[0], CHECKS[2]])
    (failure,) = suite.iter("failure")
    assert failure.attrib == {"message": "A person is asked.", "type": "REVIEW"}


@pytest.mark.parametrize("verdict", ["PASS", "FAIL", "REVIEW", "NOT APPLICABLE"])
def test_what_came_from_data_is_escaped_and_can_be_read_again(verdict):
    evil = "<script>alert('1')</script>]]>&\" \x1b[31m \x00 \ud800 \uffff héß 語"
    text = junit_xml(decision_of([Check(evil, verdict, evil)], ()), {**METRICS, "release_name": evil})
    assert "<script" not in text
    text.encode("utf-8")
    (case,) = ET.fromstring(text).iter("testcase")
    readable = "<script>alert('1')</script>]]>&\" \ufffd[31m \ufffd \ufffd \ufffd héß 語"
    assert case.get("name") == readable
    told = case[0].text if verdict == "PASS" else case[0].get("message")
    assert told == readable
