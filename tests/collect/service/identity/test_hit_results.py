"""What MTurk says was handed in: two forms, read for their codes, and nothing in them expands."""

import json

import pytest

from plumbline.collect.service.failures import ServiceError
from plumbline.collect.service.identity import hit_results
from plumbline.collect.service.identity.hit_codes import Given
from plumbline.collect.service.identity.hit_results import parse_answer, read_results

SCHEMA = "http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2005-10-01/QuestionFormAnswers.xsd"
HEAD = f'<?xml version="1.0" encoding="ASCII"?><QuestionFormAnswers xmlns="{SCHEMA}">'


def answer(name, text):
    return f"<Answer><QuestionIdentifier>{name}</QuestionIdentifier><FreeText>{text}</FreeText></Answer>"


def answers(*each):
    return f"{HEAD}{''.join(each)}</QuestionFormAnswers>"


def assignment(number, text):
    return {
        "AssignmentId": f"a-{number}",
        "WorkerId": "W",
        "HITId": "H",
        "AssignmentStatus": "Submitted",
        "AcceptTime": "2026-11-20T12:00:00+00:00",
        "Answer": text,
    }


def test_what_the_aws_command_prints_is_read_as_it_is(tmp_path):
    listed = [
        assignment(1, answers(answer("other", "x"), answer("code", "C0DE-&lt;&#65;é"), answer("code", "second"))),
        assignment(2, answers(answer("other", "x"))),
        assignment(3, ""),
    ]
    file = tmp_path / "r.json"
    for text in (
        json.dumps({"NumResults": 3, "Assignments": listed}, indent=4),
        "\ufeff" + json.dumps({"Assignments": listed}),
    ):
        file.write_text(text, encoding="utf-8")
        assert read_results(file) == [Given("C0DE-<Aé", "a-1"), Given("", "a-2"), Given("", "a-3")]


def test_csv_is_read_by_its_columns(tmp_path):
    file = tmp_path / "r.csv"
    file.write_bytes(b'\xef\xbb\xbf"HITId","AssignmentId","Answer.code"\r\n"h","a-1","C0\nDE"\r\n"h","a-2",""\r\n')
    assert read_results(file) == [Given("C0\nDE", "a-1"), Given("", "a-2")]


@pytest.mark.parametrize(
    "data",
    [
        *(b'"AssignmentId"\n', b"", b"\xff\xfe\x00", b"{", b"{}", b'{"Assignments": [{"Answer": ""}]}'),
        *(b'{"Assignments": {}}', b'{"a": ' + b"[" * 100_000, b'"AssignmentId","Answer.code"\n"' + b"x" * 200_000),
    ],
)
def test_other_files_are_refused(tmp_path, data):
    (tmp_path / "r").write_bytes(data)
    with pytest.raises(ServiceError, match="PL-ARR-004") as refused:
        read_results(tmp_path / "r")
    assert "list-assignments-for-hit" in refused.value.advice


def test_a_file_that_is_not_there_and_one_that_is_too_long(tmp_path, monkeypatch):
    monkeypatch.setattr(hit_results, "MOST_BYTES", 10)
    (tmp_path / "long").write_bytes(b"x" * 11)
    for name, problem in (("none", "cannot be opened"), ("long", "longer than")):
        with pytest.raises(ServiceError, match="PL-ARR-004") as refused:
            read_results(tmp_path / name)
        assert problem in refused.value.problem


BOMB = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 20))


@pytest.mark.parametrize(
    "text",
    [
        f'<!DOCTYPE q [<!ENTITY e0 "zzz">{BOMB}]>{HEAD[HEAD.index("<Q") :]}{answer("code", "&e19;")}</QuestionFormAnswers>',
        '<!DOCTYPE q [<!ENTITY e SYSTEM "file:///etc/hostname">]><Answer>&e;</Answer>',
        '<!DOCTYPE q SYSTEM "http://127.0.0.1/q.dtd"><Answer/>',
        answers(answer("code", "&zzz;")),
        *("zzz", "<Answer>", answers("<!-- zzz -->" * 10_000)),
    ],
)
def test_xml_that_would_expand_reach_out_or_is_none_is_refused_and_not_repeated(tmp_path, text):
    with pytest.raises(ValueError, match=r"XML|document type|characters"):
        parse_answer(text)
    (tmp_path / "r").write_text(json.dumps({"Assignments": [assignment(1, ""), assignment(2, text)]}))
    with pytest.raises(ServiceError, match="PL-ARR-004") as refused:
        read_results(tmp_path / "r")
    assert "assignment 2" in str(refused.value)
    assert "zzz" not in str(refused.value)
