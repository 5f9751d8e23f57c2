# `make demo` and `make test` do all the set-up themselves; see README.md.
PYTHON ?= python3
RUN := .venv/bin/
METERS ?= 13
SECONDS ?= 60
KILLS ?= 300
WORKERS ?= 3
RELEASES ?= releases
TABLES ?=
TELEGRAMS := ../shared/telegrams/good
export PYTHON

.PHONY: help demo test unit check format bench bench-quick soak screenshots clean setup develop deb release test-device

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup:
	@tools/setup.sh run

develop:
	@tools/setup.sh develop

demo: setup ## a simulated bus, the gateway in front of it and a head-end, until Ctrl-C
	@$(RUN)mbusmaster demo --meters $(METERS) $(if $(wildcard $(TELEGRAMS)),--replay $(TELEGRAMS))

test: develop ## all tests
	@tools/in_memory.sh $(RUN)pytest -n $(WORKERS) --dist worksteal

unit: develop ## the quick part of the tests
	@tools/in_memory.sh $(RUN)pytest -n 2 --dist worksteal -m "not peers and not process"

check: develop ## format, lint, strict types, import rules, all tests
	@$(RUN)ruff format --check .
	@$(RUN)ruff check .
	@$(RUN)mypy
	@$(RUN)lint-imports --no-cache
	@$(MAKE) --no-print-directory test

format: develop ## rewrite the sources as the formatter wants them
	@$(RUN)ruff check --fix .
	@$(RUN)ruff format .

bench: develop ## the tables of figures, with peers measured in the same run, into docs/performance.md: make bench TABLES="round decode"
	@PYTHONPATH=tests $(RUN)python -m bench $(TABLES) --document docs/performance.md --json bench/results/bench.json

bench-quick: develop ## the same in two minutes, with less of everything; judges and writes nothing
	@PYTHONPATH=tests $(RUN)python -m bench $(TABLES) --effort quick

soak: develop ## many programs read the gateway while it scans, then kills of it, its head-end and all of a big installation: make soak SECONDS=600 KILLS=300
	@PYTHONPATH=tests $(RUN)python -m bench.soak --seconds $(SECONDS)
	@PYTHONPATH=tests $(RUN)python -m hosted.kills --kills $(KILLS)
	@PYTHONPATH=tests $(RUN)python -m hosted.big_kills --kills $(KILLS)

screenshots: develop ## the pages as they look, into docs/images
	@PYTHONPATH=tests $(RUN)python -m browser.screenshots

deb: setup ## the package for Debian 12, into dist: make deb DEB_OPTIONS="--release 42 --root root.json"
	@packaging/build-deb.sh $(DEB_OPTIONS) dist

release: setup ## a signed release: make release NUMBER=42 KEYS=folder
	@$(RUN)python -m mbusreleases release --number $(NUMBER) --keys $(KEYS) --repository $(RELEASES)

test-device: develop ## the package on a Debian of its own under qemu, with USB cable, updates and power cuts
	@tools/setup.sh device
	@$(RUN)pytest -m device tests/device

clean: ## remove what was built here
	rm -rf .venv .tools tests/peers/node_modules tests/browser/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis
