# Each target does all of its own set-up. Nothing is installed outside .venv, but what the tests and the bench need
# from Debian, and that only as root.

PYTHON ?= python3
BIN := .venv/bin
PART ?= relay ocpp
UI := $(shell find web/ui -path web/ui/node_modules -prune -o -type f -print)

.PHONY: run test covered quick lint bench chaos lock clean

run: .venv/run
	@$(BIN)/voltgate demo

test: .venv/dev
	@scripts/debian chromium chromium-driver haproxy mosquitto nginx nodejs npm openssl rabbitmq-server systemd
	$(MAKE) -j2 --output-sync=target lint covered
	$(BIN)/python -m pytest -n auto --ignore tests/ocpp --ignore tests/relay

covered: .venv/dev
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -q -n 0 tests/ocpp tests/relay
	$(BIN)/coverage report --fail-under=100

# What a change of one part needs: make quick PART=web, or PART="relay ocpp" for several folders of tests/.
quick: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q -n auto tests/test_imports.py $(addprefix tests/,$(PART))

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python scripts/dashboard.py lint
	$(BIN)/python scripts/dashboard.py test

bench: .venv/dev
	$(BIN)/python -m bench

chaos: .venv/dev
	$(BIN)/python -m chaos

lock: .venv/dev
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    pyproject.toml --group dev -o requirements-dev.lock

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage* tests/interop/node_modules \
	    web/ui/node_modules src/voltgate/web/dashboard

.venv/run: requirements.lock pyproject.toml $(UI)
	@scripts/environment requirements.lock
	@touch $@

.venv/dev: requirements-dev.lock pyproject.toml $(UI)
	@scripts/environment requirements-dev.lock
	@touch $@ .venv/run
