"""`verify_release`: is a folder that somebody hands over what it says it is?

Nothing in the folder is trusted: no path is followed out of it and no link at all, files are bounded before they are read and
while they unpack (`formats`), and numbers are compared, not used. The tables tell what the release holds; which files there may
be, what each configuration loads and what every text says follows from them and the manifest, and anything else is a finding. A
folder of another hand is looked at as far as it goes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from pydantic import JsonValue

from plumbline.curate.personal_data import find_personal_data
from plumbline.formats.loading import Advance
from plumbline.formats.own_folders import RELEASE
from plumbline.lineage import Manifest, Terms, read_manifest, strictest_terms
from plumbline.lineage.writing import MANIFEST_NAME
from plumbline.records import PlumblineError
from plumbline.release import gates as gate_rules
from plumbline.release.changes import parsed_version
from plumbline.release.counts import Counted, counts_gate
from plumbline.release.facts import Facts, card_configs
from plumbline.release.gates import Gate
from plumbline.release.handed_over import Finding, HandedOver, open_handed_over, shown, unsafe_name
from plumbline.release.layout import Laid
from plumbline.release.names import RECIPE, SUMS
from plumbline.release.notes import CurationNotes, masked_by
from plumbline.release.own_words import OwnFindings, look_at
from plumbline.release.plurals import counted
from plumbline.release.texts.written import CARD, CHANGES, CROISSANT, DATASHEET, LICENCE
from plumbline.release.told import ReleaseTold, facts_told, read_told, written_here
from plumbline.release.verifying.accounted import LEDGER, SUMMARY, checked_notes, ledger_rows, notes_of
from plumbline.release.verifying.checked_changes import changes_faults
from plumbline.release.verifying.checked_gates import gate_faults
from plumbline.release.verifying.comparing import checked_card, checked_croissant, checked_sums, checked_texts
from plumbline.release.verifying.handed_words import own_words_handed, paths_of_a_machine
from plumbline.release.verifying.recounted import Recounted

_MOST_MANIFEST_BYTES = 64 << 20
_BESIDE = (CARD, DATASHEET, CROISSANT, CHANGES, LICENCE, SUMS, MANIFEST_NAME, RECIPE, SUMMARY, LEDGER)
"""The files that a release has beside its data."""


@dataclass
class Verified:
    """What was found of a folder.

    Attributes:
        findings: what is wrong; empty where the folder is what it says it is.
        gates: run again on the data, those that somebody accepted marked so.
        rows: of the data files that could be read, by name.
        version: as the manifest says it; None where there is none.
        manifest_sha256: the digest of the manifest, to be compared with the one that `build` told; None where there is none.
        words_of: the version of Plumbline that wrote the pages, where it is another: their words were not compared.
    """

    findings: list[Finding] = field(default_factory=list)
    gates: tuple[Gate, ...] = ()
    rows: dict[str, int] = field(default_factory=dict)
    version: str | None = None
    manifest_sha256: str | None = None
    words_of: str | None = None

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings and not any(gate.stops for gate in self.gates)

    def to_json(self) -> dict[str, JsonValue]:
        """As ``--json`` prints it."""
        gates: list[JsonValue] = [gate.to_json() for gate in self.gates]
        return {
            "sound": self.is_sound,
            "version": self.version,
            "manifest_sha256": self.manifest_sha256,
            "words_of": self.words_of,
            "findings": [{"code": each.code, "place": each.place, "problem": each.problem} for each in self.findings],
            "gates": gates,
            "rows": dict(self.rows),
        }


def verify_release(folder: Path, *, advance: Advance | None = None) -> Verified:
    """Look at a folder that claims to be a release.

    Args:
        folder: anything.
        advance: called as bytes are read, for progress.
    Returns:
        Everything found. Whatever is in the folder is a finding, never an error.
    """
    verified = Verified()
    handed = open_handed_over(folder)
    findings = verified.findings
    if not handed.files:
        findings += [*handed.findings, Finding("PL-REL-020", shown(str(folder)), "there are no files here")]
        return verified
    manifest = _manifest(handed, findings)
    told = None if manifest is None else _told(manifest, findings)
    notes = notes_of(handed, findings)
    recounted = Recounted()
    recounted.read(handed, advance)
    verified.rows = recounted.rows
    findings += recounted.findings
    if manifest is not None:
        verified.version = None if told is None else told.version
        verified.manifest_sha256 = handed.digest(MANIFEST_NAME)
        verified.words_of = None if written_here(manifest) else shown(str(manifest.versions.get("plumbline-rlhf")))[:40]
        findings += _against_manifest(manifest, handed, recounted)
    findings += checked_sums(handed)
    if notes is not None:
        findings += checked_notes(handed, notes, same_version=verified.words_of is None)
    own = OwnFindings()
    if manifest is not None and told is not None:
        own = look_at(own_words_handed(handed, manifest, told, notes), find_personal_data)
        findings += paths_of_a_machine(handed, manifest, told, notes)
    verified.gates = tuple(_gates(recounted, manifest, told, notes, _Beside(own, ledger_rows(handed))))
    findings += _against_data(handed, manifest, told, notes, recounted)
    if told is not None:
        for gate, problem in gate_faults(told.gates, verified.gates, same_words=verified.words_of is None):
            findings.append(Finding("PL-REL-033", f"{MANIFEST_NAME}, configuration.gates, {gate}", problem))
    findings += handed.findings
    return verified


# --- the manifest ---


def _manifest(handed: HandedOver, findings: list[Finding]) -> Manifest | None:
    if MANIFEST_NAME not in handed.files:
        findings.append(Finding("PL-REL-020", MANIFEST_NAME, "there is no manifest: nothing says what belongs here"))
        return None
    if handed.size(MANIFEST_NAME) > _MOST_MANIFEST_BYTES:
        findings.append(Finding("PL-REL-020", MANIFEST_NAME, "longer than 64 MiB: no manifest of a release"))
        return None
    try:
        manifest = read_manifest(handed.folder)
    except PlumblineError as error:
        findings.append(Finding(error.code, MANIFEST_NAME, error.problem))
        return None
    except OSError:
        findings.append(Finding("PL-REL-027", MANIFEST_NAME, "it cannot be read to its end"))
        return None
    if manifest is not None and manifest.holds != RELEASE:
        held = shown(manifest.holds)[:40]
        findings.append(Finding("PL-REL-020", MANIFEST_NAME, f"it is of a {held} folder, not of a release"))
    return manifest


def _told(manifest: Manifest, findings: list[Finding]) -> ReleaseTold | None:
    if manifest.holds != RELEASE:
        return None
    try:
        return read_told(manifest)
    except ValueError as error:
        findings.append(Finding("PL-REL-020", MANIFEST_NAME, f"it does not tell what that of a release does: {error}"))
        return None


def _against_manifest(manifest: Manifest, handed: HandedOver, recounted: Recounted) -> Iterator[Finding]:
    listed = {entry.path: entry for entry in manifest.outputs}
    for name, entry in listed.items():
        if problem := unsafe_name(name):
            yield Finding("PL-REL-027", MANIFEST_NAME, f"it lists a file whose name cannot be used: {problem}")
        elif name not in handed.files:
            yield Finding("PL-REL-021", shown(name), "the manifest lists it and it is not here")
        elif (size := handed.size(name)) != entry.size_bytes:
            yield Finding("PL-REL-023", name, f"{size:,} bytes, where the manifest says another number")
        elif handed.digest(name) != entry.sha256:
            yield Finding("PL-REL-023", name, "the content is not what the manifest says (SHA-256)")
        elif entry.rows is not None and name in recounted.rows and entry.rows != recounted.rows[name]:
            problem = f"it holds {counted(recounted.rows[name], 'row')}, where the manifest says another number"
            yield Finding("PL-REL-024", name, problem)
    for name in sorted(handed.files.keys() - listed.keys() - {MANIFEST_NAME}):
        yield Finding("PL-REL-022", name, "the manifest does not list it")
    if doubled := len(manifest.outputs) - len(listed):
        yield Finding("PL-REL-022", MANIFEST_NAME, f"it lists {counted(doubled, 'file')} twice")
    terms = manifest.terms
    if any(stated != terms for stated in recounted.stated):
        yield Finding("PL-REL-032", MANIFEST_NAME, "the terms that tables state are not those of the manifest")


# --- what follows from the data ---


def _against_data(
    handed: HandedOver,
    manifest: Manifest | None,
    told: ReleaseTold | None,
    notes: CurationNotes | None,
    recounted: Recounted,
) -> Iterator[Finding]:
    """Which files there may be, and what the texts say: both follow from manifest and tables, where these can be read."""
    terms = None if manifest is None else manifest.terms
    if manifest is None or told is None or terms is None or not recounted.is_whole:
        yield from checked_card(handed, None, None)
        yield from checked_croissant(handed, None, same_words=False)
        return
    laid = recounted.laid(handed)
    yield from _files_of_a_release(handed, laid)
    facts = facts_told(told, manifest, terms, laid, notes, recounted.observer.synthetic_rows)
    try:
        yield from _told_of_data(told, manifest, facts)
        yield from _told_of_this(told, facts, recounted)
        yield from checked_texts(handed, facts, same_words=written_here(manifest))
    except (ValueError, TypeError):  # a number of more digits than are written, a study whose people are none
        yield Finding("PL-REL-020", MANIFEST_NAME, "it tells what no card can say")


def _files_of_a_release(handed: HandedOver, laid: Laid) -> Iterator[Finding]:
    """Nothing but the files that follow from the rows, and those that are said of them."""
    data = {entry.path for entry in (*laid.lines.values(), *laid.tables.values())}
    for name in sorted(handed.files.keys() - data - {*_BESIDE}):
        yield Finding("PL-REL-029", name, "a release of these rows has no such file")
    needed = {*data, *_BESIDE} - {RECIPE, SUMMARY, LEDGER}
    for name in sorted(needed - handed.files.keys()):
        yield Finding("PL-REL-021", name, "a release of these rows has it and it is not here")


def _told_of_data(told: ReleaseTold, manifest: Manifest, facts: Facts) -> Iterator[Finding]:
    """What the manifest tells of the data that can be counted anew."""
    laid = facts.laid
    expected: Mapping[str, tuple[object, object]] = {
        "title": (told.title, facts.title),
        "synthetic": (told.synthetic, facts.is_synthetic),
        "configs": (told.configs, card_configs(laid)),
        "renamed": (told.renamed, laid.renamed),
        "not_in_lines": (told.not_in_lines, {kind.value: codes for kind, codes in laid.not_in_lines.items()}),
        "recipe": (told.recipe, None if facts.notes is None else facts.notes.recipe),
    }
    for name, (said, found) in expected.items():
        if said != found:
            place = f"{MANIFEST_NAME}, configuration.{name}"
            yield Finding("PL-REL-033", place, "it is not what the files of the release give")
    together = strictest_terms(Terms(frozenset(), each) for each in (facts.terms.licence, *told.source_licences))
    if together.licence != facts.terms.licence:
        place = f"{MANIFEST_NAME}, configuration.source_licences"
        yield Finding("PL-REL-033", place, "the licence of the release is looser than one of these")
    if told.masked_left is not None and not 0 <= told.masked_left <= masked_by(facts.notes):
        place = f"{MANIFEST_NAME}, configuration.masked_left"
        yield Finding("PL-REL-033", place, "more than the rules of its curation masked")
    if manifest.rows_read != facts.rows:
        yield Finding("PL-REL-033", f"{MANIFEST_NAME}, rows_read", "it is not the number of records in the tables")


def _told_of_this(told: ReleaseTold, facts: Facts, recounted: Recounted) -> Iterator[Finding]:
    """Day, version and changes, as far as the folder tells what they can be."""
    place = f"{MANIFEST_NAME}, configuration"
    try:
        date.fromisoformat(told.created)
    except ValueError:
        yield Finding("PL-REL-033", f"{place}.created", "there is no such day")
    if told.masked_before is not None and told.masked_before < 0:
        yield Finding("PL-REL-033", f"{place}.masked_before", "a number of records below zero")
    if parsed_version(told.version) is None:
        yield Finding("PL-REL-033", f"{place}.version", "it is no version that a release has")
    if told.changes is not None:
        for problem in changes_faults(told.changes, told.version, facts.terms, recounted.places):
            yield Finding("PL-REL-033", f"{place}.changes", problem)


# --- gates ---


@dataclass(frozen=True, slots=True)
class _Beside:
    """What gates look at beside the rows: personal data in other words, and how many records the ledger lists."""

    own: OwnFindings
    removed: int | None


def _gates(
    recounted: Recounted,
    manifest: Manifest | None,
    told: ReleaseTold | None,
    notes: CurationNotes | None,
    beside: _Beside,
) -> Iterator[Gate]:
    observer, stated = recounted.observer, recounted.stated
    of_manifest = manifest.terms if manifest is not None else None
    nothing = Terms(frozenset(), "unknown")
    terms = of_manifest or (stated[0] if len(stated) == 1 else nothing)
    rows = {kind: dict(of_splits) for kind, of_splits in observer.rows.items()}
    listed = {entry.path: entry.rows for entry in manifest.outputs if entry.rows is not None} if manifest else {}
    counted = Counted(rows, Counter(recounted.unreadable), listed, recounted.rows, beside.removed)
    sources = [] if told is None else [Terms(terms.uses, licence) for licence in told.source_licences]
    found = [
        gate_rules.personal_data_gate(observer.personal_data(), beside.own),
        gate_rules.leakage_gate(observer.leakage(), notes),
        gate_rules.workers_gate(observer.workers()),
        gate_rules.uses_gate(terms, stated),
        gate_rules.licence_gate(terms, sources or stated, None if told is None else told.stated_licence),
        counts_gate(counted, notes),
    ]
    yield from gate_rules.accepted(found, _reasons(manifest))


def _reasons(manifest: Manifest | None) -> dict[str, str]:
    told = manifest.configuration.get("accepted") if manifest is not None else None
    return {gate: str(reason) for gate, reason in told.items()} if isinstance(told, dict) else {}
