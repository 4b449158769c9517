# The two commands are `make up` and `make test`; each installs what it needs.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= /usr/bin/python3
VENV := .venv
NEWMAN := tests/postman/node_modules/.bin/newman
RUN := $(VENV)/bin/python
CHAOS = $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SEED),--seed $(SEED)) $(if $(KEEP_GOING),--keep-going)
SHELL_FILES := vagrant/bootstrap.sh vagrant/box/init vagrant/host.sh .ci/run tests/functional/virtualbox/VBoxManage

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: ## Bring the whole system up and say where to look
	@vagrant/host.sh python3-yaml
	@$(PYTHON) -m vagrant.lab up

down: ## Take the machines away, and dockerd if it was started here
	@$(PYTHON) -m vagrant.lab down

box: ## Make the virtual machines' box: PROVIDER=libvirt or virtualbox
	@vagrant/host.sh python3-yaml
	@PROVIDER=$(PROVIDER) $(PYTHON) -m vagrant.lab box

test: test-unit test-functional test-integration test-e2e ## Run every test; brings the lab up if it is not

test-unit: $(VENV)/ready ## Pure functions and states, in seconds
	$(RUN) -m pytest tests/unit

test-functional: $(VENV)/ready ## Every SLS rendered for every machine, and the host's programs
	@vagrant/host.sh git openssh-client openssl python3-yaml vagrant
	$(RUN) -m pytest tests/functional

test-integration: $(VENV)/ready ## A real master and minion run the modules and states
	@vagrant/host.sh haproxy
	$(RUN) -m pytest tests/integration

# What another host needs to be a virtual machine of this one; HOST names its release of Debian.
test-host: $(VENV)/ready ## The box on a host of another release, with cgroup v2 alone: HOST=bookworm, trixie or sid
	@vagrant/host.sh openssh-client mmdebstrap debian-archive-keyring e2fsprogs qemu-system-x86
	HOST=$(HOST) $(RUN) -m pytest -s tests/host

test-e2e: $(VENV)/ready up browser $(NEWMAN) ## The lab: the API, the balancer and its page in a browser, a member killed and back
	$(RUN) -m pytest tests/e2e

test-api: $(VENV)/ready $(NEWMAN) ## The Postman collection on the running lab, in both modes by both pairs of ports: RUNS=n in a row
	RUNS=$(or $(RUNS),20) $(RUN) -m pytest tests/e2e/test_1_api.py

screenshots: $(VENV)/ready browser ## Take docs/images anew, from the running lab
	SCREENSHOTS=docs/images $(RUN) -m pytest tests/e2e/test_2_look.py

# Ubuntu has Chromium as a snap alone: there the tests that need it are skipped, and say so. Without
# a font there are no letters in the pictures.
browser:
	@grep -q '^ID=ubuntu$$' /etc/os-release || vagrant/host.sh chromium chromium-driver fonts-dejavu-core

$(NEWMAN): tests/postman/package-lock.json
	@command -v npm > /dev/null || vagrant/host.sh nodejs npm
	npm ci --silent --prefix tests/postman
	@touch $@

chaos: $(VENV)/ready ## Faults on the running lab: ROUNDS=n SEED=s [FAULTS=kill,freeze] [ROUND=k] [KEEP_GOING=1]
	$(RUN) -m tests.chaos run $(CHAOS) $(if $(FAULTS),--faults $(FAULTS)) $(if $(ROUND),--round $(ROUND))

chaos-races: $(VENV)/ready ## Racing bootstraps on the running lab: ROUNDS=n SEED=s [ROUND=k] [KEEP_GOING=1]
	$(RUN) -m tests.chaos races $(CHAOS) $(if $(ROUND),--round $(ROUND))

bench-failover: $(VENV)/ready ## Faults while all ways are written through: REPS=n [FAULTS=] [MODES=] [WAYS=] [RESUME=1]
	$(RUN) -m bench failover $(if $(REPS),--reps $(REPS)) $(if $(FAULTS),--faults $(FAULTS)) \
	  $(if $(MODES),--modes $(MODES)) $(if $(WAYS),--ways $(WAYS)) $(if $(RESUME),--resume)

bench-throughput: $(VENV)/ready ## sysbench through all ways: [ROUNDS=n] [LENGTH=s] [TESTS=] [RESUME=1]
	$(RUN) -m bench throughput $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(LENGTH),--seconds $(LENGTH)) \
	  $(if $(TESTS),--tests $(TESTS)) $(if $(RESUME),--resume)

bench-timings: $(VENV)/ready ## Silent members and machines under load, by preset: [REPS=n] [RESUME=1]
	$(RUN) -m bench timings $(if $(REPS),--reps $(REPS)) $(if $(RESUME),--resume)

bench-web: $(VENV)/ready ## A crowd at the web server: deployments, rollbacks, members killed, modes switched: [EVENTS=]
	$(RUN) -m bench web $(if $(EVENTS),--events $(EVENTS))

bench-report: $(VENV)/bench ## What was measured, into docs/bench.md and a picture
	$(RUN) -m bench report

lint: $(VENV)/ready ## ruff, mypy, shellcheck, yamllint, salt-lint, vagrant validate, php -l
	@vagrant/host.sh git openssl openssh-client php-cli shellcheck vagrant
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	# Twice, since a module and its states have one name.
	$(VENV)/bin/mypy _modules salt/mysql/files vagrant tests/lab.py tests/chaos tests/host bench
	$(VENV)/bin/mypy _states
	shellcheck $(SHELL_FILES)
	$(VENV)/bin/yamllint --strict .
	git ls-files 'salt/*.sls' 'salt/*.jinja' 'pillar/*.sls' | xargs $(VENV)/bin/salt-lint
	# No provider need be there to read the file.
	vagrant validate --ignore-provider
	git ls-files 'app/*.php' app/artisan | xargs -n 1 php -l > /dev/null

$(VENV)/ready: requirements.txt vagrant/requirements.txt
	@vagrant/host.sh python3-venv python3-dev gcc
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/bench: $(VENV)/ready bench/requirements.txt
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r bench/requirements.txt
	@touch $@

clean: down ## Remove what `up` and `test` made here, but the secrets
	rm -rf $(VENV) tests/postman/node_modules .pytest_cache .ruff_cache .mypy_cache .hypothesis .vagrant .lab/boxes .lab/hosts

.PHONY: help up down box test test-host test-unit test-functional test-integration test-e2e test-api screenshots browser chaos chaos-races \
	bench-failover bench-throughput bench-timings bench-web bench-report lint clean
