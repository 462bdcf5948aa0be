# make demo: everything once, on a fresh machine. make test: the checks that CI runs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := dist/demo
WEIGHTS := baseline fast tiny photo screen pruned

.PHONY: demo test lint artifacts arm64 clean

$(BIN)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

demo: $(BIN)/.installed
	$(BIN)/liif-edge build --out dist --force
	mkdir -p $(DEMO)
	$(BIN)/liif-edge sample $(DEMO)/sample.png --force
	$(BIN)/liif-edge upscale $(DEMO)/sample.png $(DEMO)/sample-2x.png --artifact dist/liif-x2-int8-xnnpack --force
	$(BIN)/liif-edge sample $(DEMO)/before-after.png --compare dist/liif-x2-int8-xnnpack --force
	for artifact in dist/liif-*; do $(BIN)/liif-edge check $$artifact || exit 1; done
	@echo; echo 'made:'; ls -d dist/liif-* $(DEMO)/*

# The artifacts that come with the package, of all embedded weights or of those named: make artifacts WEIGHTS=fast
# By one thread: with more, sums of the calibration differ in their last bits, and GPTQ rounds weights another way.
artifacts: $(BIN)/.installed
	for name in $(WEIGHTS); do \
		case $$name in baseline|pruned) precision=int8;; *) precision=int8-dynamic;; esac; for scale in 2 any; do \
		case $$name-$$scale in fast-2) router="--router models/weights/fast-router.safetensors";; *) router=;; esac; \
		OMP_NUM_THREADS=1 $(BIN)/liif-edge build --checkpoint $$name --scale $$scale --precision $$precision $$router \
			--out edge/artifacts/$$name --force || exit 1; done; done

# The tool chain of the emulated ARM device; its tests skip, and say so, without it.
arm64: $(BIN)/.installed
	PYTHON=$(BIN)/python apps/runner/arm64/setup.sh

lint: $(BIN)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(BIN)/python -m pytest --numprocesses=auto --dist=loadfile --cov=models --cov=edge --cov=quantize --cov-report=term

clean:
	rm -rf dist build .pytest_cache .mypy_cache .ruff_cache
