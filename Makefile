# Two commands matter: `make demo` and `make test`. `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
RUN := $(UV) run --frozen

.PHONY: help
help: ## what there is to do
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

.uv/bin/uv:
	python3 -m venv .uv && .uv/bin/pip install --quiet uv

.PHONY: setup
setup: $(if $(filter .uv/bin/uv,$(UV)),.uv/bin/uv) ## install everything (uv too, when it is missing)
	@$(UV) sync --frozen --all-extras --quiet

.PHONY: demo
demo: setup ## a municipality, a school day, live on http://127.0.0.1:8000
	@$(RUN) skolbro demo

.PHONY: check
check: setup ## lint, format, types, walls between the services, sizes
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(RUN) lint-imports
	$(RUN) python -m tests.sizes services shared deploy

.PHONY: test
test: setup ## every test, on real servers: two halves beside each other, then alone what has a whole town to itself
	$(RUN) pytest -n 2 --dist loadfile -m "not demo and not browser"
	$(RUN) pytest -m "demo or browser"

.PHONY: test-browser
test-browser: setup chromium ## the pages, as people use them, in Chromium (installs it on Debian when it is missing)
	$(RUN) pytest -m browser

.PHONY: chromium
chromium:
	@command -v chromium chromium-browser google-chrome >/dev/null || deploy/install.sh chromium

.PHONY: pictures
pictures: setup chromium ## the pictures in docs/pictures, anew
	SKOLBRO_PICTURES=1 $(RUN) pytest -m browser -k pictures

.PHONY: test-connected
test-connected: setup ## only what needs a broker and a database; `make test-connected ON=embedded` for one broker
	$(RUN) pytest -m connected $(if $(ON),-k $(ON))

.PHONY: bench-bulletin
bench-bulletin: setup ## a bulletin to 100,000 homes, against bare SMTP
	$(RUN) python -m tests.bench.bulletin --json

.PHONY: bench-lanes
bench-lanes: setup ## urgent notices while that bulletin goes out
	$(RUN) python -m tests.bench.lanes --json

.PHONY: kafka
kafka: setup ## fetch Apache Kafka's jars for the tests (Java 17 and Maven)
	@$(RUN) python -c "from deploy.embedded.kafka import resolve_jars; print(resolve_jars())"

.PHONY: docs
docs: setup ## write the contract of all events (docs/asyncapi/skolbro.json)
	$(RUN) skolbro asyncapi

.PHONY: format
format: setup ## put the code in order
	$(RUN) ruff check --fix .
	$(RUN) ruff format .
