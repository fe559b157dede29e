# mnistry: `make train` runs the classic experiment, `make test` runs the tests.
# Everything goes into .venv, in the pinned and hashed versions of requirements/.

PYTHON ?= python3
BIN := .venv/bin
# Use uv (https://docs.astral.sh/uv/) where it is found: it takes a tenth of the time of pip.
INSTALL := $(if $(shell command -v uv),uv pip install --quiet --python $(BIN)/python,$(BIN)/python -m pip install --quiet --disable-pip-version-check)

.PHONY: help train test test-all cluster-test runtimes-test container-test lint lock audit sbom floors bench bench-recipes bench-cluster torture pretrained notebook docs clean

help: ## say what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

train: .venv/train.done ## train the classic network on MNIST and score it
	$(BIN)/mnistry train

test: .venv/test.done ## run the quick tests: nearly all of them
	$(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

# Three processes on two cores: the slow tests often wait for processes of their own.
test-all: .venv/test.done ## run the quick and the slow tests
	$(BIN)/pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder -m "not long"

cluster-test: .venv/test.done ## run the tests of a Ray cluster, the long ones too (ten minutes)
	$(BIN)/pytest tests/cluster -m "long or slow or not slow"

# Needs npm. Each runtime has an environment of its own.
runtimes-test: .venv/test.done .runtimes/done ## run exported networks in ONNX Runtime 1.30, OpenVINO and ONNX Runtime Web
	$(BIN)/pytest tests/runtimes -m long

# Needs Docker.
container-test: .venv/test.done ## build the container of mnistry serve, start it and ask it
	$(BIN)/pytest tests/container -m long

lint: .venv/test.done ## check style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# Needs uv. One resolution serves Python 3.11 to 3.14 and every platform; the test tools are
# resolved on top of the versions for training.
HASHED := uv pip compile --quiet --upgrade --universal --python-version 3.11 --fork-strategy requires-python \
	--generate-hashes --no-emit-index-url --no-emit-find-links --no-header
COMPILE := $(HASHED) pyproject.toml --extra train
RUNTIMES := requirements/runtimes
lock: ## resolve requirements/ anew
	$(COMPILE) --group build -o requirements/train.txt
	$(COMPILE) --extra forms --extra classical --extra studio --extra ray --group build --group test -c requirements/train.txt -o requirements/test.txt
	$(COMPILE) --extra studio --group build --group docs -c requirements/test.txt -o requirements/docs.txt
	$(HASHED) pyproject.toml --extra serve --extra forms -c requirements/test.txt \
		--no-emit-package pyarrow --no-emit-package xlsxwriter -o requirements/container/serve.txt
	echo onnxruntime==1.30.0 | $(HASHED) - -o $(RUNTIMES)/onnxruntime.txt
	echo openvino==2026.4.1 | $(HASHED) - -o $(RUNTIMES)/openvino.txt
	npm install --prefix $(RUNTIMES) --package-lock-only --omit-lockfile-registry-resolved

# Each tool is started by uv, in an environment of its own.
audit: ## look for known vulnerabilities of the locked versions
	for file in requirements/*.txt requirements/container/*.txt; do \
		uvx pip-audit@2.10.1 --strict --disable-pip --require-hashes --requirement $$file || exit 1; \
	done

sbom: ## write the software bill of materials of the locked versions: sbom.json
	uvx --from cyclonedx-bom==7.5.0 cyclonedx-py requirements --pyproject pyproject.toml \
		--output-file sbom.json requirements/test.txt

floors: ## run the quick tests with the lowest versions that are allowed
	mkdir -p .floors
	uv pip compile --quiet --resolution lowest-direct --python-version 3.11 pyproject.toml \
		--extra all --group test --group build --no-emit-index-url -o .floors/requirements.txt
	uv venv --quiet --allow-existing --python $(PYTHON) .floors/venv
	uv pip install --quiet --python .floors/venv -r .floors/requirements.txt
	uv pip install --quiet --python .floors/venv --no-deps --no-build-isolation .
	.floors/venv/bin/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

bench: .venv/train.done ## measure mnistry beside its peers, and cost against size
	$(BIN)/python benchmarks/peers.py
	$(BIN)/python benchmarks/size.py

bench-recipes: .venv/train.done ## train every recipe with several seeds (an hour)
	$(BIN)/python benchmarks/recipes.py

bench-cluster: .venv/test.done ## measure a Ray cluster of this machine: reading, training, a sweep (an hour)
	$(BIN)/python benchmarks/cluster_reading.py
	$(BIN)/python benchmarks/cluster_training.py
	$(BIN)/python benchmarks/cluster_sweep.py

torture: .venv/test.done ## let everything go wrong that can, and write docs/reliability.md (a night)
	$(BIN)/python -m torture

pretrained: .venv/train.done ## train and score the built-in networks anew (three hours on two cores)
	$(BIN)/python benchmarks/hands_data.py .bench/hands
	$(BIN)/python benchmarks/pretrained.py --hands .bench/hands
	$(BIN)/python benchmarks/line_reader.py --hands .bench/hands --weights .bench/lines.weights.h5 --steps 4500 --each 20 --learning-rate 0.003
	$(BIN)/python benchmarks/line_reader.py --hands .bench/hands --weights .bench/lines.weights.h5 --seed 1

notebook: .venv/test.done ## run the notebook and keep what its cells show
	$(BIN)/python examples/execute.py

docs: .venv/docs.done ## build the site of the documentation: site/index.html
	OPENBLAS_NUM_THREADS=1 JAX_DISABLE_MOST_OPTIMIZATIONS=1 $(BIN)/sphinx-build --quiet --fail-on-warning docs site

clean: ## remove what make has made
	rm -rf .venv .runtimes .floors .bench site sbom.json .mypy_cache .pytest_cache .ruff_cache

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	|| { echo 'mnistry needs Python 3.11 or newer: make PYTHON=python3.12 …' >&2; exit 2; }
	$(PYTHON) -m venv .venv

# pip refuses hashes for a folder, so the project itself follows without its dependencies.
.venv/%.done: requirements/%.txt pyproject.toml .venv/bin/python
	$(INSTALL) --require-hashes -r $<
	$(INSTALL) --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q src
	touch $@

.runtimes/done: $(wildcard requirements/runtimes/*) .venv/bin/python
	for name in onnxruntime openvino; do \
		$(PYTHON) -m venv .runtimes/$$name && .runtimes/$$name/bin/python -m pip install --quiet \
			--disable-pip-version-check --require-hashes -r requirements/runtimes/$$name.txt || exit 1; \
	done
	mkdir -p .runtimes/web && cp requirements/runtimes/*.json .runtimes/web
	npm ci --prefix .runtimes/web --ignore-scripts --no-audit --no-fund
	touch $@
