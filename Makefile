# `make demo` and `make test` need Python ≥ 3.11 and make, nothing else; they set up .venv themselves.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check
DATA   ?= ../shared/data

.PHONY: ready demo test thorough check lint types imports format docs pictures bench bench-training bench-pages bench-dashboard bench-serve hammer latency fuzz clean help

help: ## what can be made
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "plumbline needs Python 3.11 or later; name one with: make PYTHON=python3.12 ..."; exit 2; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "python3 cannot make environments; on Debian: apt-get install python3-venv"; exit 2; }

$(VENV)/ready-to-run: $(BIN)/python pyproject.toml constraints.txt
	@echo "setting up $(VENV) (once, two to four minutes)"
	@$(PIP) install --progress-bar off --constraint constraints.txt --editable '.[report,collect,serve]'
	@touch $@

# In one go, and compiled by all cores afterwards: pip compiles with one, which takes it as long as all else that it does.
# What packages bring of their own tests, and templates that are no Python, are left as they are; so are the largest packages
# of which little or nothing is imported: more than a quarter of the time. What is imported of them is compiled then, and kept.
$(VENV)/ready-to-test: $(BIN)/python pyproject.toml constraints.txt
	@echo "setting up what the tests need, torch among it (once, a few minutes)"
	@$(PIP) install --progress-bar off --no-compile --constraint constraints.txt --editable '.[report,sources,collect,serve,oidc,postgres,train,trl,ray,pii,test,dev]'
	-@$(BIN)/python -m compileall -qq -j 0 -x '/(tests?|ray|phonenumbers|pip|mypyc?|transformers/models)/' $(VENV)/lib
	@touch $(VENV)/ready-to-run $@

ready: $(VENV)/ready-to-test ## sets up what the tests and the checks need

demo: $(VENV)/ready-to-run ## the whole loop on synthetic data, with simulated workers; ends with a report to open
	@$(BIN)/plumbline demo -o demo-out

# Several processes share the machine: libraries that start a thread a core would get in each other's way, and compiled
# modules are kept, since some tests start the program again and again. One process more than a small machine has cores:
# tests with a browser, a server or a database wait; a fourth made a whole run no faster.
test: $(VENV)/ready-to-test ## all tests
	-@$(BIN)/python -m tests.rewritten
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 3 --dist worksteal

thorough: $(VENV)/ready-to-test ## tests that show at length what others show in short; before a release; some minutes
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -m thorough

# The checks that need no waiting run beside the tests, which wait for servers and browsers a third of their time.
check: lint ## everything that must hold before a change lands
	@$(MAKE) --jobs 3 types imports test

lint: $(VENV)/ready-to-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/ready-to-test
	$(BIN)/mypy

imports: $(VENV)/ready-to-test
	$(BIN)/lint-imports

format: $(VENV)/ready-to-test ## mend what the formatter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/ready-to-test ## the pages that are made from the program
	$(BIN)/python -m plumbline.cli.reference > docs/cli.md
	$(BIN)/python -m plumbline.collect.study_reference > docs/study-file.md
	$(BIN)/python -m plumbline.cli.python_reference > docs/python.md

pictures: $(VENV)/ready-to-test ## pictures of every page for docs/pages.md; needs chromium; a minute or two
	$(BIN)/python -m tests.browser.gallery docs/pictures/pages

bench: $(VENV)/ready-to-test ## the benchmarks, on tiled real samples in $(DATA)
	$(BIN)/python -m benchmarks.loading --data $(DATA)
	$(BIN)/python -m benchmarks.checking --data $(DATA)
	$(BIN)/python -m benchmarks.linear_models --data $(DATA)
	$(BIN)/python -m benchmarks.startup
	$(BIN)/python -m benchmarks.best_of_n
	$(BIN)/python -m benchmarks.curate --data $(DATA)

bench-training: $(VENV)/ready-to-test ## training beside TRL; takes half an hour
	$(BIN)/python -m benchmarks.preference_training --data $(DATA) --pairs 480

bench-pages: $(VENV)/ready-to-test ## first paint and the next item in Chromium, beside 100,000 items
	$(BIN)/python -m benchmarks.pages

bench-serve: $(VENV)/ready-to-test ## the moderation service under load, a peer beside it; needs wrk; a quarter of an hour
	$(BIN)/python -m benchmarks.serve --data $(DATA) --minutes 10

bench-dashboard: $(VENV)/ready-to-test ## the dashboard with 200,000 judgements, every kind, on both databases
	$(BIN)/python -m benchmarks.dashboard --postgres

hammer: $(VENV)/ready-to-test ## servers of collect killed under 64 simulated workers, on both databases; about half an hour
	$(BIN)/python -m benchmarks.hammer --database sqlite
	$(BIN)/python -m benchmarks.hammer --database postgres

latency: $(VENV)/ready-to-test ## how long a worker waits for the next item, on both databases; about a quarter of an hour
	$(BIN)/python -m benchmarks.next_item

fuzz: $(VENV)/ready-to-test ## the HTTP API against its own description, for longer than the tests do; about ten minutes
	FUZZ_EXAMPLES=200 $(BIN)/python -m pytest -m "thorough or not thorough" tests/collect/api/test_schemathesis.py

clean: ## remove what was made
	rm -rf $(VENV) demo-out .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
