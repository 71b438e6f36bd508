# make app     set up and start the app on http://127.0.0.1:8501
# make test    all tests: unit, page, browser
# make slow    the tests that are too long for every run
# make check   ruff, formatter, mypy
# make bench   the figures that the README quotes

SHELL := /bin/bash
PYTHON ?= python3
PORT ?= 8501
BIN := .venv/bin
READY := .venv/.requirements
DEV_READY := .venv/.requirements-dev
DEMO_READY := .venv-demo/.requirements

.PHONY: app test slow check format bench static

app: $(READY) static
	@echo "Mollens: http://127.0.0.1:$(PORT)"
	@exec $(BIN)/streamlit run app.py --server.port $(PORT)

$(READY): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Mollens needs Python 3.11 or newer; found " + sys.version.split()[0] + "; choose another with: make app PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { echo "python3 could not make .venv; on Debian and Ubuntu install the package python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(DEV_READY): requirements-dev.txt $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

static: $(READY)
	@$(BIN)/python tools/fetch_static.py

test: $(DEV_READY) static
	@bash tools/ensure_chromium.sh
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile

$(DEMO_READY): tools/requirements.txt
	@test -x .venv-demo/bin/python || $(PYTHON) -m venv .venv-demo
	.venv-demo/bin/python -m pip install --quiet --disable-pip-version-check -r tools/requirements.txt "$$(grep ^pytest== requirements-dev.txt)"
	@touch $@

slow: $(DEV_READY) $(DEMO_READY) static
	@bash tools/ensure_chromium.sh
	.venv-demo/bin/python -m pytest --noconftest tests/tools/test_make_demo.py
	$(BIN)/python -m pytest -m slow

check: $(DEV_READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy core models

format: $(DEV_READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(DEV_READY)
	$(BIN)/python -m benchmarks
