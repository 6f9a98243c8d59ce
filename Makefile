# Everything runs from a clean clone: each target makes .venv and installs what it needs by itself.

PYTHON ?= python3
# Real images, where this machine has them: bicycles and motorcycles, and other things beside them.
ifneq ($(wildcard ../shared/data/cifar100_bikes),)
export SCONES_DATA ?= ../shared/data/cifar100_bikes
export SCONES_NEGATIVES ?= ../shared/data/cifar100_other
endif

# On Linux, pip's ordinary torch is the CUDA build with gigabytes of libraries. PyTorch's own index has one for CPUs: with
# it, `make demo` downloads about 300 MB in all (from the sizes of the packages, not measured here). TORCH_INDEX= (empty)
# takes the ordinary one, and so does an index that does not answer within 5 seconds.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
TORCH := $(shell sed -n 's/.*"\(torch==[^"]*\)".*/\1/p' pyproject.toml)

.PHONY: help demo dist test bench-train bench-serve bench-delivery bench-faults image-check image-requirements lint clean

help:           ## Show this list.
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:[^#]*##/ /'

demo: .venv/demo        ## Run the whole workflow on this laptop (ARGUMENTS='--keep' leaves it up).
	.venv/bin/scones demo $(ARGUMENTS)

test: .venv/dev lint    ## Check style, types and templates, then run all tests.
	.venv/bin/pytest

bench-train: .venv/bench ## Measure five seeds, and write benchmarks/results/train.json (ARGUMENTS='--resnet152').
	.venv/bin/python -m benchmarks.train $(dir $(SCONES_DATA)) benchmarks/results/train.json $(ARGUMENTS)

image-check: .venv/demo  ## Build the serving image with buildah and ask it, where that is installed.
	.venv/bin/python tools/image_check.py

image-requirements: .venv/dev ## Pin what the image installs, from pyproject's extras.
	.venv/bin/python tools/image_requirements.py

bench-serve: .venv/bench ## Measure the endpoint beside other servers, and write benchmarks/results/serve.json (needs wrk).
	.venv/bin/python -m benchmarks.serve $(dir $(SCONES_DATA)) benchmarks/results/serve.json $(ARGUMENTS)

bench-delivery: .venv/bench ## Measure deliveries on the laptop's AWS, and write benchmarks/results/delivery.json.
	.venv/bin/python -m benchmarks.delivery $(dir $(SCONES_DATA)) benchmarks/results/delivery.json $(ARGUMENTS)

bench-faults: .venv/bench ## Have calls to AWS fail one by one, and write benchmarks/results/faults.json.
	.venv/bin/python -m benchmarks.faults benchmarks/results/faults.json $(ARGUMENTS)

lint: .venv/dev         ## Check style, types, templates and the figures of tools/code_metrics.py alone.
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/cfn-lint infra/*.yaml
	.venv/bin/python tools/code_metrics.py

# $(call install,EXTRA) makes .venv. `timeout` ends a look-up of the host name, too, which urlopen's own timeout does not.
define install
$(PYTHON) -m venv .venv
@echo "Installing into .venv; the first time takes minutes ..."
@if [ "$$(uname -s)" = Linux ] && [ -n "$(TORCH_INDEX)" ]; then \
	timeout 5 .venv/bin/python -c 'import sys, urllib.request as web; web.urlopen(sys.argv[1], timeout=5)' \
		"$(TORCH_INDEX)/torch/" 2>/dev/null \
	&& .venv/bin/pip install --quiet --index-url "$(TORCH_INDEX)" "$(TORCH)" \
	|| echo "$(TORCH_INDEX) does not give $(TORCH); taking pip's ordinary one."; \
fi
.venv/bin/pip install --quiet --editable '.[$(1)]'
endef

.venv/demo: pyproject.toml
	$(call install,demo)
	touch $@

.venv/dev: pyproject.toml
	$(call install,dev)
	touch $@ .venv/demo

.venv/bench: pyproject.toml
	$(call install,bench)
	touch $@

dist: .venv/dev         ## Build the package for PyPI into dist/.
	.venv/bin/python -m build

clean:          ## Remove what the targets made, but no runs.
	rm -rf .venv .scones build dist
