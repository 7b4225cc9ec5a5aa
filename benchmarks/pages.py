"""What a worker waits for in the browser: the first paint of a page, and the next item after an answer.

    python -m benchmarks.pages [--items 100000] [--times 40] [--json FILE]

A study of pairs, served as users serve it (``plumbline collect serve``), and Debian's Chromium, driven by Playwright, both
on this machine. First paint: the browser's own ``first-contentful-paint`` of a page in a fresh context, so that nothing is
in its cache; again with a warm cache, as every page but the first is. Next item: from the key that sends an answer until
the next pair's replies are painted, as the page itself sees it (a mutation, then two animation frames).

Floors: one animation frame is 17 ms; `next` and `submit` of the API take what ``benchmarks.next_item`` prints.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.collecting.servers import Server, free_ports, server_command
from benchmarks.collecting.study import STUDY, MadeStudy, make_study
from benchmarks.hammer.figures import latencies, print_latencies, quantile
from benchmarks.measuring import machine, print_machine, print_targets

TARGET_MS = 200.0
PACKAGES = ("plumbline-rlhf", "fastapi", "uvicorn", "playwright")
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
_PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
_NEXT = """() => new Promise((done) => {
  const text = () => [...document.querySelectorAll('#act .reply .text')].map((each) => each.textContent).join('|');
  const before = text();
  const began = performance.now();
  const seen = new MutationObserver(() => {
    const now = text();
    if (!now || now === before) return;
    seen.disconnect();
    requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began)));
  });
  seen.observe(document.getElementById('act'), { childList: true, subtree: true });
  document.querySelector('#act form').requestSubmit();
})"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=40)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="plumbline-pages-") as folder:
        study = make_study(Path(folder), str(Path(folder) / "collect.db"), items=options.items, overlap=3, workers=1)
        (port,) = free_ports(1)
        server = Server(server_command(study, port), port, Path(folder) / "server.log")
        server.start()
        try:
            found = _measured(study, f"http://127.0.0.1:{port}", options.times)
        finally:
            server.stop()
    told = latencies(found)
    print_latencies(told)
    print()
    print_targets([(f"{name}, p95, ms", quantile(values, 95), "<=", TARGET_MS) for name, values in found.items()])
    print()
    described = machine(*PACKAGES)
    print_machine(described)
    if options.json:
        options.json.write_text(json.dumps({"items": options.items, "milliseconds": told, "machine": described}))
    return 0


def _measured(study: MadeStudy, base: str, times: int) -> Mapping[str, list[float]]:
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium")
    if program is None:
        raise SystemExit("there is no chromium on PATH; on Debian: apt-get install chromium")
    _wait_for(base)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        session = _log_in(browser, base, study.owner)
        found = {
            "first paint, log in": [_paint(browser, f"{base}/login", None) for _ in range(times)],
            "first paint, work, nothing cached": [
                _paint(browser, f"{base}/studies/{STUDY}/work", session) for _ in range(times)
            ],
        }
        page = browser.new_context(storage_state=session).new_page()
        page.goto(f"{base}/studies/{STUDY}/work")
        warm = []
        for _ in range(times):
            page.goto(f"{base}/studies/{STUDY}/work")
            page.wait_for_selector("#act .reply")
            warm.append(float(page.evaluate(_PAINT)))
        found["first paint, work, cached"] = warm
        found["next item"] = [_next_item(page) for _ in range(times)]
        browser.close()
    return found


def _log_in(browser: Any, base: str, owner_token: str) -> Any:
    headers = {"Authorization": f"Bearer {owner_token}", "Content-Type": "application/json"}
    asked = urllib.request.Request(f"{base}/api/v1/invitations", b'{"role": "worker"}', headers)
    with urllib.request.urlopen(asked) as answer:
        path = json.load(answer)["link_path"]
    context = browser.new_context()
    page = context.new_page()
    page.goto(base + path)
    page.fill("#name", "a simulated worker")
    page.fill("#password", "only for this benchmark")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{base}/")
    page.goto(f"{base}/studies/{STUDY}/work")
    page.get_by_role("button", name="I have read this").click()
    page.wait_for_selector("#act .reply")
    state = context.storage_state()
    context.close()
    return state


def _paint(browser: Any, address: str, session: Any) -> float:
    context = browser.new_context(storage_state=session)
    page = context.new_page()
    page.goto(address)
    page.wait_for_function(f"() => ({_PAINT})() !== null")
    painted = float(page.evaluate(_PAINT))
    context.close()
    return painted


def _next_item(page: Any) -> float:
    page.wait_for_selector("#act .reply")
    for scale in page.query_selector_all("#act [data-scale]"):
        scale.query_selector("input").check(force=True)
    return float(page.evaluate(_NEXT))


def _wait_for(base: str) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(f"{base}/api/v1/health").close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("the server did not start")


if __name__ == "__main__":
    sys.exit(main())
