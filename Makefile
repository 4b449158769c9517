# The two commands are `make up` and `make test`; each installs what it needs.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= /usr/bin/python3
VENV := .venv
# Not in app/, which is deployed as it is.
NEWMAN := .lab/newman/node_modules/.bin/newman
# Root works for the owner of the checkout, so that nothing here becomes root's own.
LAB := $(PYTHON) -B -m vagrant.lab
OWNER := $(LAB) as-worker
LOGGED := $(LAB) logged
RUN := $(OWNER) $(VENV)/bin/python
COPY := .lab/checkout
# Of a group of tests a person sees how far it is, all else is in .lab/log; VERBOSE=1 shows all.
PYTEST = $(RUN) -m pytest $(PLUGINS) -p tests.support.progress --group
# Only daemons that pytest starts send events. Elsewhere a listener has nothing to hear, and may not end.
PLUGINS = -p no:salt-factories-event-listener
CHAOS = $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SEED),--seed $(SEED)) $(if $(KEEP_GOING),--keep-going)
SHELL_FILES := vagrant/bootstrap.sh vagrant/box/init vagrant/host.sh .ci/run tests/functional/vagrant/docker tests/functional/virtualbox/VBoxManage
# What vagrant/host.sh looks for, and the package that has it where its name is another.
NEEDS_UP := import:yaml=python3-yaml
NEEDS_PYTHON := import:ensurepip=python3-venv file:/usr/include/python3*/Python.h=python3-dev gcc
NEEDS_FUNCTIONAL := git ssh-keygen=openssh-client openssl vagrant $(NEEDS_UP)
NEEDS_INTEGRATION := haproxy
NEEDS_NPM := npm
NEEDS_LINT := git openssl ssh-keygen=openssh-client php=php-cli shellcheck vagrant
NEEDS_HOST := ssh-keygen=openssh-client mmdebstrap mke2fs=e2fsprogs qemu-system-x86_64=qemu-system-x86 \
	file:/usr/share/keyrings/debian-archive-keyring.gpg=debian-archive-keyring
NEEDS_LAB := vagrant docker openssl ssh-keygen

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: ## Bring the whole system up and say where to look
	@vagrant/host.sh $(NEEDS_UP) -- $(NEEDS_LAB)
	@$(LAB) up

down: ## Take the machines away, and dockerd if it was started here
	@$(LAB) down

box: ## Make the virtual machines' box: PROVIDER=libvirt or virtualbox
	@vagrant/host.sh $(NEEDS_UP) -- vagrant openssl ssh-keygen
	@PROVIDER=$(PROVIDER) $(LAB) box

# What all of them need is looked for at once, and the rest of it made while the machines come up. Tests
# that need no lab run behind those that mostly wait for it, with a copy of the checkout: those change
# its pillar.
test: needs browser ## Run every test but the slow ones; brings the lab up if it is not
	@$(LAB) beside "machines coming up" $(LAB) up -- $(MAKE) --no-print-directory $(NEWMAN) test-unit
	@$(RUN) -m tests.support.checkout $(COPY)
	@CHECKOUT=$(CURDIR)/$(COPY) $(LAB) beside-idle "tests without the lab" \
	  $(MAKE) --no-print-directory test-integration test-functional -- $(PYTEST) e2e tests/e2e -m "not slow"

test-slow: $(VENV)/ready up browser $(NEWMAN) ## The end-to-end tests of half a minute and more, such as those that halt and add machines
	@$(PYTEST) slow tests/e2e -m slow

needs:
	@vagrant/host.sh $(NEEDS_PYTHON) $(NEEDS_FUNCTIONAL) $(NEEDS_INTEGRATION) $(NEEDS_NPM) -- $(NEEDS_LAB)

test-unit: $(VENV)/ready ## Pure functions and states, in seconds
	@$(PYTEST) unit tests/unit

test-functional: $(VENV)/ready ## Every SLS rendered for every machine, and the host's programs
	@vagrant/host.sh $(NEEDS_FUNCTIONAL)
	@$(PYTEST) functional tests/functional

# Its states give files to users, as on the machines.
test-integration: RUN = $(LAB) as-root $(VENV)/bin/python -B
test-integration: PLUGINS = -p no:cacheprovider
test-integration: $(VENV)/ready ## A real master and minion run the modules and states
	@vagrant/host.sh $(NEEDS_INTEGRATION)
	@$(PYTEST) integration tests/integration

# What another host needs to be a virtual machine of this one; HOST names its release of Debian.
test-host: $(VENV)/ready ## The box on a host of another release, with cgroup v2 alone: HOST=bookworm, trixie or sid
	@vagrant/host.sh $(NEEDS_HOST)
	HOST=$(HOST) $(VENV)/bin/python -m pytest -s tests/host

test-e2e: $(VENV)/ready up browser $(NEWMAN) ## The lab: the API, the balancer and its page in a browser, a member killed and back
	@$(PYTEST) e2e tests/e2e

test-api: $(VENV)/ready $(NEWMAN) ## The Postman collection on the running lab, in both modes by both pairs of ports: RUNS=n in a row
	@LONG=1 RUNS=$(or $(RUNS),20) $(PYTEST) api tests/e2e/test_2_api.py

test-fuzz: $(VENV)/ready ## 10,000 requests that make no sense to the running lab's API: SEED=n repeats them
	@LONG=1 $(PYTEST) fuzz tests/e2e/test_2_api.py -k no_request_makes_the_server_fail

test-long: $(VENV)/ready $(NEWMAN) ## On the running lab, what make test does a few times, many times: reloads, reads, the collection
	@LONG=1 $(PYTEST) long tests/e2e -m repeated

screenshots: $(VENV)/ready browser ## Take docs/images anew, from the running lab
	@SCREENSHOTS=docs/images $(PYTEST) screenshots tests/e2e/test_2_look.py

# Ubuntu has Chromium as a snap alone: there, and where there is no apt-get, the tests that need it are
# skipped, and say so. Without a font there are no letters in the pictures.
browser:
	@grep -q '^ID=ubuntu$$' /etc/os-release || ! command -v apt-get > /dev/null || \
	  vagrant/host.sh chromium chromedriver=chromium-driver "file:/usr/share/fonts/*/*=fonts-dejavu-core"

$(NEWMAN): app/tests/postman/package-lock.json
	@vagrant/host.sh $(NEEDS_NPM)
	@$(OWNER) sh -c "mkdir -p .lab/newman && cp app/tests/postman/package*.json app/tests/postman/.npmrc .lab/newman"
	@$(LOGGED) "installing newman" npm ci --no-audit --no-fund --prefix .lab/newman
	@$(OWNER) touch $@

chaos: $(VENV)/ready ## Faults on the running lab: ROUNDS=n SEED=s [FAULTS=kill,freeze] [ROUND=k] [KEEP_GOING=1]
	@$(RUN) -m chaos run $(CHAOS) $(if $(FAULTS),--faults $(FAULTS)) $(if $(ROUND),--round $(ROUND))

chaos-races: $(VENV)/ready ## Racing bootstraps on the running lab: ROUNDS=n SEED=s [ROUND=k] [KEEP_GOING=1]
	@$(RUN) -m chaos races $(CHAOS) $(if $(ROUND),--round $(ROUND))

bench-failover: $(VENV)/ready ## Faults while all paths are written through: REPS=n [FAULTS=] [MODES=] [PATHS=] [RESUME=1]
	@$(RUN) -m bench failover $(if $(REPS),--reps $(REPS)) $(if $(FAULTS),--faults $(FAULTS)) \
	  $(if $(MODES),--modes $(MODES)) $(if $(PATHS),--paths $(PATHS)) $(if $(RESUME),--resume)

bench-throughput: $(VENV)/ready ## sysbench through all paths: [ROUNDS=n] [LENGTH=s] [TESTS=] [RESUME=1]
	@$(RUN) -m bench throughput $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(LENGTH),--seconds $(LENGTH)) \
	  $(if $(TESTS),--tests $(TESTS)) $(if $(RESUME),--resume)

bench-timings: $(VENV)/ready ## Silent members and machines under load, by preset: [REPS=n] [RESUME=1]
	@$(RUN) -m bench timings $(if $(REPS),--reps $(REPS)) $(if $(RESUME),--resume)

bench-web: $(VENV)/ready ## A crowd at the web server: deployments, rollbacks, members killed, modes switched: [EVENTS=]
	@$(RUN) -m bench web $(if $(EVENTS),--events $(EVENTS))

bench-deployments: $(VENV)/ready ## What long requests and jobs notice of deployments on all web servers: [DEPLOYS=n] [ROLLBACKS=n]
	@$(RUN) -m bench deployments $(if $(DEPLOYS),--deploys $(DEPLOYS)) $(if $(ROLLBACKS),--rollbacks $(ROLLBACKS))

bench-operations: $(VENV)/ready ## What clients notice of restarts, passwords, certificates, deployments: [ROUNDS=n] [OPERATIONS=]
	@$(RUN) -m bench operations $(if $(ROUNDS),--rounds $(ROUNDS)) \
	  $(if $(OPERATIONS),--operations $(OPERATIONS))

bench-salt: $(VENV)/ready ## A highstate with nothing to do, beside one of states that do nothing: [ROUNDS=n] [RESUME=1]
	@$(RUN) -m bench salt $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(RESUME),--resume)

bench-backup: $(VENV)/ready ## Points in time restored from the repository, compared row by row: [POINTS=n] [LENGTH=s] [SEED=s]
	@$(RUN) -m bench backup $(if $(POINTS),--points $(POINTS)) $(if $(LENGTH),--seconds $(LENGTH)) \
	  $(if $(SEED),--seed $(SEED))

bench-backup-cost: $(VENV)/ready ## What a full backup costs who writes, beside the time before and after it: [BACKUPS=n] [RESUME=1]
	@$(RUN) -m bench backup-cost $(if $(BACKUPS),--backups $(BACKUPS)) $(if $(RESUME),--resume)

bench-recovery: $(VENV)/ready ## What the backup machine has when all members are killed at once: [KILLS=n] [RESUME=1]
	@$(RUN) -m bench recovery $(if $(KILLS),--kills $(KILLS)) $(if $(RESUME),--resume)

bench-report: $(VENV)/bench ## What was measured, into docs/bench.md, docs/measurements.md and a picture
	@$(RUN) -m bench report

docs: $(VENV)/ready ## The pages as a site, with a reference made of docstrings
	@$(LOGGED) sphinx $(VENV)/bin/sphinx-build -q -W -b html docs .lab/docs
	@echo "the pages: .lab/docs/index.html"

lint: $(VENV)/ready ## ruff, mypy, import-linter, sphinx, shellcheck, yamllint, salt-lint, vagrant validate, php -l
	@vagrant/host.sh $(NEEDS_LINT)
	@$(LOGGED) ruff $(VENV)/bin/ruff check .
	@$(LOGGED) "ruff format" $(VENV)/bin/ruff format --check .
	@# Twice, since a module and its states have one name.
	@$(LOGGED) mypy $(VENV)/bin/mypy _utils _modules salt/mysql/files salt/backup/files vagrant tests/support tests/host bench chaos
	@$(LOGGED) "mypy of states" $(VENV)/bin/mypy _states
	@$(LOGGED) lint-imports env PYTHONPATH=_utils $(VENV)/bin/lint-imports --no-cache
	@$(LOGGED) sphinx $(VENV)/bin/sphinx-build -q -W -b dummy docs .lab/docs
	@$(LOGGED) shellcheck shellcheck $(SHELL_FILES)
	@$(LOGGED) yamllint $(VENV)/bin/yamllint --strict .
	@$(LOGGED) salt-lint sh -c "git ls-files 'salt/*.sls' 'salt/*.jinja' 'pillar/*.sls' | xargs $(VENV)/bin/salt-lint"
	@# No provider need be there to read the file.
	@$(LOGGED) "vagrant validate" vagrant validate --ignore-provider
	@$(LOGGED) "php -l" sh -c "git ls-files 'app/*.php' app/artisan 'tests/applications/*.php' | xargs -n 1 php -l"

$(VENV)/ready: requirements.txt salt/mysql/files/requirements.txt
	@vagrant/host.sh $(NEEDS_PYTHON)
	@$(LOGGED) "making $(VENV)" $(PYTHON) -m venv $(VENV)
	@$(LOGGED) "installing Python packages" $(VENV)/bin/pip install --disable-pip-version-check -r requirements.txt
	@$(OWNER) touch $@

$(VENV)/bench: $(VENV)/ready bench/requirements.txt
	@$(LOGGED) "installing Python packages of bench" $(VENV)/bin/pip install --disable-pip-version-check -r bench/requirements.txt
	@$(OWNER) touch $@

clean: down ## Remove what `up` and `test` made here, but the secrets
	@rm -rf $(VENV) .lab/newman .pytest_cache .ruff_cache .mypy_cache .hypothesis .vagrant .lab/log .lab/boxes .lab/hosts

.PHONY: help up down box needs test test-slow test-host test-unit test-functional test-integration test-e2e test-api test-fuzz test-long screenshots browser \
	chaos chaos-races bench-failover bench-throughput bench-timings bench-web bench-deployments bench-operations bench-salt bench-backup bench-backup-cost bench-recovery bench-report docs lint clean
