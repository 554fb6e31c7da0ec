# One virtual environment in .venv, made at the first use of any target.
PYTHON ?= python3
BIN := .venv/bin
# Without a screen, a virtual one; its packages are installed where apt and the right to use it are at hand.
SCREEN := $(shell [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || [ "$$(uname)" = Darwin ] || echo 'xvfb-run -a -s "-screen 0 1600x1000x24"')
PACKAGES := xvfb xauth libgl1 libgl1-mesa-dri libglx-mesa0 libegl1 libdbus-1-3 libfontconfig1 libglib2.0-0 libxkbcommon-x11-0 \
  libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-sync1 \
  libxcb-util1 libxcb-xfixes0 libxcb-xkb1 libx11-xcb1 fonts-dejavu-core
# Tests and demo leave the user's own napari settings alone.
CLEAN_SETTINGS := env NAPARI_CONFIG= XDG_CONFIG_HOME=$(CURDIR)/.cache/config XDG_CACHE_HOME=$(CURDIR)/.cache

# Tests run side by side, a process a core, each on one thread.
SIDE_BY_SIDE := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadgroup

.PHONY: demo docs test test-fast fuzz lowest check screen

demo: .venv/installed screen
	$(if $(SCREEN),$(CLEAN_SETTINGS) $(SCREEN)) $(BIN)/napari-tweedie demo demo $(if $(SCREEN),--close)

test: .venv/installed screen
	$(CLEAN_SETTINGS) QT_QPA_PLATFORM=offscreen $(SIDE_BY_SIDE) tests --ignore=tests/gui
	$(CLEAN_SETTINGS) $(SCREEN) env $(SIDE_BY_SIDE) tests/gui

# Without windows, and without what takes seconds.
test-fast: .venv/installed
	$(CLEAN_SETTINGS) QT_QPA_PLATFORM=offscreen $(SIDE_BY_SIDE) tests --ignore=tests/gui -m 'not slow'

# Thousands of recipes, arrays and damaged files; EXAMPLES of each test, from SEED on.
EXAMPLES ?= 2000
SEED ?= 1
fuzz: .venv/installed
	FUZZ_EXAMPLES=$(EXAMPLES) OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/fuzz --hypothesis-seed=$(SEED) --timeout=0

# The lowest versions of what is needed, as declared, in an environment of their own: they install, fit together and work.
lowest:
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet uv
	.venv-lowest/bin/uv pip install --quiet --python .venv-lowest/bin/python --resolution lowest-direct --editable .
	.venv-lowest/bin/uv pip check --python .venv-lowest/bin/python
	.venv-lowest/bin/python tests/smoke.py

# The documentation site, in site/; a link that leads nowhere is an error.
docs: .venv/installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

check: .venv/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	rm -rf build dist
	$(BIN)/python -m build --no-isolation
	$(BIN)/python -m twine check --strict dist/*
	$(BIN)/python tests/check_sdist.py dist/*.tar.gz
	$(BIN)/python -m pip install --quiet --no-deps --target build/wheel dist/*.whl
	cd build && PYTHONPATH=wheel ../$(BIN)/python ../tests/check_wheel.py
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .

screen:
	@if [ -n '$(SCREEN)' ] && ! command -v xvfb-run >/dev/null; then \
	  if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	    apt-get update -qq && apt-get install -y -qq --no-install-recommends $(PACKAGES) >/dev/null; \
	  else echo 'There is no display and no virtual one. Run: sudo apt-get install $(PACKAGES)' >&2; exit 1; fi; fi

.venv/installed: pyproject.toml constraints.txt hatch_build.py
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt hatchling editables markdown-it-py
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-build-isolation --editable '.[all]' --group dev
	touch $@
