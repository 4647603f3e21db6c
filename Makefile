# A thin front for Meson: the commands that people type. BUILD names the build directory.
BUILD = build

.PHONY: all demo check check-zfs bench install fmt clean
.POSIX:

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD) programs

$(BUILD)/build.ninja:
	meson setup $(BUILD)

demo: all
	@tools/demo.sh $(BUILD)

check:
	@tools/check.sh

check-zfs:
	@tools/install-packages.sh zfs && tools/check-zfs.sh

bench: all
	@bench/run.sh $(BUILD)

install: all
	meson install -C $(BUILD)

fmt:
	clang-format -i $$(git ls-files '*.c' '*.h')

clean:
	rm -rf $(BUILD) build-*
