# SPDX-License-Identifier: Apache-2.0
# Thin doors to the build system (Meson and Ninja); 'make' leaves every program as bin/NAME.
RELEASE = build/release
DEV = build/dev
PROGRAMS = ceems_exporter ceems_api_server ceems_lb ceems_tool cacct

.PHONY: all test test-envoy test-kube test-libvirt test-losses test-openstack test-promql test-slurm run bench fuzz format install clean

all: $(RELEASE)/build.ninja
	ninja -C $(RELEASE)
	mkdir -p bin/test
	for p in $(PROGRAMS); do if [ -x $(RELEASE)/$$p ]; then ln -f $(RELEASE)/$$p bin/$$p || exit 1; fi; done
	if [ -x $(RELEASE)/tests/cacct ]; then ln -f $(RELEASE)/tests/cacct bin/test/cacct; fi

$(RELEASE)/build.ninja:
	meson setup $(RELEASE) --buildtype=release

$(DEV)/build.ninja:
	meson setup $(DEV) --buildtype=debug --werror -Db_sanitize=address,undefined

test:
	./test.sh

# Behind a real Envoy: make test-envoy ENVOY=/path/of/envoy; not part of 'make test'.
test-envoy: $(DEV)/build.ninja
	ninja -C $(DEV) ceems_lb
	ENVOY=$(ENVOY) tests/envoy/run.sh

# Against a real API server: make test-kube KUBE_APISERVER=/path/of/kube-apiserver, with etcd in PATH;
# not part of 'make test'.
test-kube: $(DEV)/build.ninja
	ninja -C $(DEV) tests/kube_follow ceems_api_server
	KUBE_APISERVER=$(KUBE_APISERVER) tests/kube/run.sh

# Beside a real libvirtd; not part of 'make test'.
test-libvirt: $(DEV)/build.ninja
	ninja -C $(DEV) ceems_exporter
	tests/libvirt/run.sh

# Beside a real Slurm with slurmrestd; not part of 'make test'.
test-slurm: $(DEV)/build.ninja
	tools/install-packages run slurmrest
	ninja -C $(DEV) ceems_api_server
	tests/slurm/run.sh

# The long run of tests/e2e/api_losses.sh: 1,000 steps for each of several seeds, some minutes each.
test-losses: $(DEV)/build.ninja
	ninja -C $(DEV) ceems_api_server
	CEEMS_SOURCE=$(CURDIR) CEEMS_BUILD=$(CURDIR)/$(DEV) CEEMS_LOSS_STEPS=1000 \
		CEEMS_LOSS_SEEDS="$${SEEDS:-1 2 3}" bash tests/e2e/api_losses.sh

# The long run of tests/e2e/promql.sh: CORPUS is a folder that a fuzzer of the target promql filled.
test-promql: $(DEV)/build.ninja
	ninja -C $(DEV) tests/promql_format
	CEEMS_SOURCE=$(CURDIR) CEEMS_BUILD=$(CURDIR)/$(DEV) CEEMS_PROMQL_QUERIES=$${QUERIES:-200000} \
		CEEMS_PROMQL_SEED=$${SEED:-1} CEEMS_PROMQL_CORPUS=$(CORPUS) bash tests/e2e/promql.sh

# With a real Keystone and the real API of Nova (tools/install-packages openstack); not part of 'make test'.
test-openstack: $(DEV)/build.ninja
	ninja -C $(DEV) ceems_api_server
	tests/openstack/run.sh

run:
	./quickstart.sh

bench:
	bench/run.sh

fuzz:
	fuzz/run.sh

format:
	git ls-files '*.c' '*.h' | xargs clang-format -i

install: all
	meson install -C $(RELEASE) --no-rebuild

clean:
	rm -rf build bin
