# make demo   20 grasps with the released model        make test   all tests, with coverage
# make demo-graph  50 grasps through the nodes, without ROS 2
# make test-ray  runs on Ray, which other tests do without; some minutes
# make train  a model of your own, from nothing
# make check  format, lint, types, import rules        make bench  speed of deciding and simulating
# make bench-algorithms  every algorithm beside three of Stable-Baselines3, under an hour on 4 cores; goes on after Ctrl-C
# make bench-studies  what single settings do, half an hour on 4 cores
# Each sets up .venv first, and touches it again only when what it needs has changed.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
CORES := $(shell getconf _NPROCESSORS_ONLN)
RUN := .venv/bin/python -m
AGENT := ros2_ws/src/qtopt_agent

# A stamp is named after what was installed and where, so a change of either installs again.
stamp = .venv/$(1)-$(shell (pwd; cat requirements/torch.txt requirements/$(1).txt $(AGENT)/setup.py) | cksum | tr ' ' -)
DEMO := $(call stamp,demo)
TEST := $(call stamp,test)
COMPARE := $(call stamp,compare)

# The networks are small: more threads would only wait for one another.
export OMP_NUM_THREADS = 1
export MKL_NUM_THREADS = 1

# Tests start hundreds of processes, and each would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo train test test-ray bench bench-algorithms bench-studies check format lint types layers
.DELETE_ON_ERROR:

demo: $(DEMO)
	.venv/bin/qtopt demo --episodes 20 --seed 0 --out demo

train: $(DEMO)
	.venv/bin/qtopt train --preset compact --out runs/compact $(if $(wildcard runs/compact/checkpoint.pt),--resume)
	test -d runs/models/mine || .venv/bin/qtopt export --run runs/compact --version mine --store runs/models

demo-graph: $(DEMO)
	.venv/bin/qtopt launch grasp simulator:=mujoco grasps:=50

bench: $(DEMO)
	.venv/bin/qtopt bench decide
	.venv/bin/qtopt bench simulate

bench-algorithms: $(COMPARE)
	$(RUN) benchmarks.algorithms --workers $(CORES) $(ARGS)
	$(RUN) benchmarks.algorithms --report

bench-studies: $(COMPARE)
	$(RUN) benchmarks.algorithms --studies --workers $(CORES) $(ARGS)
	$(RUN) benchmarks.algorithms --studies --report

test: $(TEST)
	$(RUN) pytest -n $(CORES) --dist loadgroup --cov --cov-report=term --cov-fail-under=85 $(ARGS)

test-ray: $(TEST)
	$(RUN) pip install -qq --disable-pip-version-check --no-deps -r requirements/ray.txt
	$(RUN) pytest tests/training/distributed $(ARGS)

check: format lint types layers

format: $(TEST)
	$(RUN) ruff format --check
lint: $(TEST)
	$(RUN) ruff check
types: $(TEST)
	$(RUN) mypy
layers: $(TEST)
	.venv/bin/lint-imports

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "qtopt needs Python 3.11 or newer; none of python3, python3.11 .. python3.14 is." \
		"Install one, or name it: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -m venv --clear .venv || { rm -rf .venv; echo "$(PYTHON) -m venv failed:" \
		"on Debian and Ubuntu, install python3-venv" >&2; exit 1; }

.venv/%: .venv/bin/python
	@rm -f .venv/$(firstword $(subst -, ,$*))-*
	$(RUN) pip install -qq --disable-pip-version-check --no-deps --retries 1 -r requirements/torch.txt
	$(RUN) pip install -qq --disable-pip-version-check --no-deps -r requirements/$(firstword $(subst -, ,$*)).txt
	$(RUN) pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --use-pep517 -e $(AGENT)
	@touch $@
