"""`croissant.json`: Croissant 1.1 with the responsible-AI vocabulary 1.0, so that search engines and loaders find their way.

Sources: https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html and croissant-rai-spec.html. Covered: every data
file with SHA-256 and size; a record set for each file, with its flat columns. Not covered: columns of lists (conversations,
votes, parents, categories): a reader of Croissant gets the texts from the lines, `datasets` and Plumbline from the tables.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from plumbline.lineage import FileEntry
from plumbline.records import SCHEMAS, Kind
from plumbline.release.facts import CONTENT_WARNING, Facts
from plumbline.release.plurals import counted
from plumbline.release.terms import licence_address
from plumbline.release.texts.card import citation
from plumbline.release.texts.datasheet import NOT_STATED, datasheet_answers
from plumbline.release.texts.escaping import plain_text

_CONFORMS_TO = ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]
_LANGUAGE_TAGGED = {"@container": "@language"}
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "name": _LANGUAGE_TAGGED,
    "description": _LANGUAGE_TAGGED,
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{
        name: f"cr:{name}"
        for name in (
            *(
                "arrayShape",
                "citeAs",
                "column",
                "containedIn",
                "equivalentProperty",
                "extract",
                "field",
                "fileProperty",
            ),
            *("fileObject", "fileSet", "format", "includes", "isArray", "isLiveDataset", "jsonPath", "key", "md5"),
            *("parentField", "path", "recordSet", "references", "regex", "repeated", "replace", "samplingRate"),
            *("separator", "source", "subField", "transform"),
        )
    },
}
LINES, PARQUET = "application/jsonlines", "application/x-parquet"
_LINE_COLUMNS: dict[Kind, dict[str, str]] = {
    Kind.COMPARISONS: {"chosen": "sc:Text", "rejected": "sc:Text"},
    Kind.SAFETY_LABELS: {"prompt": "sc:Text", "response": "sc:Text", "is_safe": "sc:Boolean"},
    Kind.RED_TEAM_ATTEMPTS: {"transcript": "sc:Text", "task_description": "sc:Text"},
    Kind.PROMPTS: {"prompt": "sc:Text", "category": "sc:Text"},
}
_RAI = {
    "rai:dataCollection": "mechanisms",
    "rai:dataCollectionType": "acquisition",
    "rai:dataCollectionMissingData": "missing_information",
    "rai:dataCollectionRawData": "raw_data",
    "rai:dataAnnotationProtocol": "labels",
    "rai:dataAnnotationPlatform": "software",
    "rai:annotatorDemographics": "collectors",
    "rai:dataPreprocessingProtocol": "preprocessing",
    "rai:dataUseCases": "other_uses",
    "rai:dataLimitations": "not_for",
    "rai:dataBiases": "sample",
    "rai:dataSocialImpact": "impact_on_uses",
    "rai:personalSensitiveInformation": "identifiable",
    "rai:dataReleaseMaintenancePlan": "updates",
}
"""Field of the vocabulary → the question of the datasheet whose answer it takes."""


def croissant_text(facts: Facts) -> str:
    """The whole file."""
    return json.dumps(croissant(facts), indent=2, ensure_ascii=True) + "\n"


def croissant(facts: Facts) -> dict[str, Any]:
    """The metadata as JSON-LD."""
    answers = facts.answers
    creators = [{"@type": "Person", "name": plain_text(author)} for author in answers.authors]
    told: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": _CONFORMS_TO,
        "name": plain_text(facts.title),
        "description": plain_text(f"{_synthetic(facts)}{answers.summary or f'{facts.title}. {CONTENT_WARNING}'}"),
        **({"keywords": ["synthetic"]} if facts.is_synthetic else {}),
        "license": licence_address(facts.terms.licence) or facts.terms.licence,
        "version": facts.version,
        "datePublished": facts.created,
        "citeAs": citation(facts),
        **({"inLanguage": facts.languages} if facts.languages else {}),
        **({"url": answers.address} if answers.address else {}),
        **({"creator": creators} if creators else {}),
        "isLiveDataset": False,
        **_responsible(facts),
        "distribution": list(_distribution(facts)),
        "recordSet": list(_record_sets(facts)),
    }
    return told


def _synthetic(facts: Facts) -> str:
    """What of it a program made up, before anything else that is said."""
    return "" if facts.synthetic_told is None else f"{': '.join(facts.synthetic_told)}. "


def _responsible(facts: Facts) -> dict[str, str]:
    answers = datasheet_answers(facts)
    return {
        field: plain_text(answers.get(key, NOT_STATED).replace("†", "").replace("`", "")) for field, key in _RAI.items()
    }


def _distribution(facts: Facts) -> Iterator[dict[str, Any]]:
    files = [(entry, LINES) for entry in facts.laid.lines.values()]
    for entry, encoding in [*files, *((entry, PARQUET) for entry in facts.laid.tables.values())]:
        yield {
            "@type": "cr:FileObject",
            "@id": entry.path,
            "name": entry.path,
            "contentUrl": entry.path,
            "contentSize": f"{entry.size_bytes} B",
            "encodingFormat": encoding,
            "sha256": entry.sha256,
        }


def _record_sets(facts: Facts) -> Iterator[dict[str, Any]]:
    for line_file, entry in facts.laid.lines.items():
        name = f"{line_file.folder}-{line_file.split}"
        yield _record_set(name, entry, _LINE_COLUMNS[line_file.kind])
    for (kind, split), entry in facts.laid.tables.items():
        yield _record_set(f"records-{kind.value}-{split}", entry, _flat_columns(kind))


def _record_set(name: str, entry: FileEntry, columns: dict[str, str]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": f"{counted(entry.rows or 0, 'row')}: {entry.path}.",
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{name}/{column}",
                "name": f"{name}/{column}",
                "dataType": data_type,
                "source": {"fileObject": {"@id": entry.path}, "extract": {"column": column}},
            }
            for column, data_type in columns.items()
        ],
    }


def _flat_columns(kind: Kind) -> dict[str, str]:
    """The columns that never are null and hold no list."""
    return {
        field.name: "sc:Integer" if pa.types.is_integer(field.type) else "sc:Text"
        for field in SCHEMAS[kind]
        if not field.nullable and not pa.types.is_nested(field.type)
    }
