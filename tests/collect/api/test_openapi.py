"""The document says what the routes do."""

import json

from plumbline.collect.api.app import api_routes
from plumbline.collect.api.links import LINKS
from plumbline.collect.api.permissions import PERMITTED
from plumbline.collect.kinds import SUBMISSIONS


def document(api):
    return api.got("GET", "http://server.example/openapi.json")


def operations(found):
    return {
        operation["operationId"]: operation for methods in found["paths"].values() for operation in methods.values()
    }


def test_every_route_is_there_with_its_answer_its_errors_and_its_role(api):
    found = operations(document(api))
    assert found.keys() == PERMITTED.keys()
    for name, operation in found.items():
        assert "default" in operation["responses"]
        assert "422" not in operation["responses"]
        assert ("security" in operation) == (PERMITTED[name] is not None)
        good = [status for status in operation["responses"] if status.startswith("2")]
        assert len(good) == 1
        assert operation.get("description")


def test_every_reference_leads_somewhere(api):
    found = document(api)
    known = {f"#/components/schemas/{name}" for name in found["components"]["schemas"]}
    references = set()

    def walk(value):
        if isinstance(value, dict):
            references.update([value["$ref"]] if isinstance(value.get("$ref"), str) else [])
            for each in value.values():
                walk(each)
        elif isinstance(value, list):
            for each in value:
                walk(each)

    walk(found)
    assert len(references) > 40
    assert references <= known


def test_bodies_say_that_other_fields_are_refused_and_what_can_be_submitted(api):
    schemas = document(api)["components"]["schemas"]
    assert schemas["Submit"]["additionalProperties"] is False
    submission = schemas["Submit"]["properties"]["submission"]
    assert len(submission["oneOf"]) == len(SUBMISSIONS)
    for act, reference in submission["discriminator"]["mapping"].items():
        schema = schemas[reference.rsplit("/", 1)[1]]
        assert schema["properties"]["act"]["const"] == act
        assert "act" in schema["required"]


def test_requests_that_need_a_key_say_so(api):
    found = operations(document(api))
    keyed = {
        name
        for name, operation in found.items()
        if any(each["name"] == "Idempotency-Key" for each in operation.get("parameters", ()))
    }
    assert keyed == {"submit", "correct"}


def test_links_lead_to_operations_and_name_their_parameters(api):
    found = operations(document(api))
    links = 0
    for name, operation in found.items():
        for answer in operation["responses"].values():
            for link in answer.get("links", {}).values():
                links += 1
                wanted = {each["name"] for each in found[link["operationId"]]["parameters"] if each["in"] == "path"}
                assert set(link["parameters"]) <= wanted, (name, link)
    assert links == sum(len(link.leads_to) for link in LINKS.values()) > 30


def test_the_document_is_plain_json(api):
    assert json.loads(json.dumps(document(api)))["openapi"].startswith("3.")
    assert len(api_routes()) == len(PERMITTED)


def test_a_method_that_a_path_does_not_take_is_told_with_those_it_takes(api):
    response = api("PATCH", "/people", api.owner)
    assert (response.status_code, response.json()["code"]) == (405, "PL-WEB-013")
    assert response.headers["allow"] == "GET, POST"
    assert api("POST", "http://server.example/openapi.json").headers["allow"] == "GET"
