# Macros for images that are made by `jetpack build`, for BSD make and GNU make (4.0 and later):
#
#     PARENT_IMAGE = example.com/debian
#     PKG_INSTALL  = nginx-light
#
#     build.configure: build..pkg-install
#             cp nginx.conf /etc/nginx/
#
#     .jetpack.image.mk != echo `jetpack config path.share 2>/dev/null`/jetpack.image.mk
#     include ${.jetpack.image.mk}
#
# and a manifest.json, or a rule that makes it. `make` builds the image: the directory is copied
# into a pod on PARENT_IMAGE, where make runs again with the target .jetpack.build. Or, for an image
# that begins with a root file system: IMPORT_FILE = rootfs.tar in the place of the first two.
#
# Targets:
#     image (default)  the image, its id in ACI_ID_FILE; made again when it is no longer here
#     aci, flat-aci    archives of it; flat-aci depends on nothing
#     clean            removes these files
#     prepare, build   what is done on this host before, and in the pod: all targets of the
#                      Makefile called prepare.NAME and build.NAME; clean does clean.NAME
# Variables:
#     PARENT_IMAGE     the image to build on
#     PARENT_DIR       where make makes that image when it is not here
#     IMPORT_FILE      the archive of a root file system: an image of it and manifest.json, which
#                      prepare may make both
#     PKG_INSTALL      packages that are installed in the pod (pkg, or apt-get)
#     BUILD_DIR        what is copied (.); BUILD_CP: further files and directories
#     BUILD_COMMAND    what is run in the pod (make, as above); BUILD_ARGS: further words
#     BUILD_VARS       names of variables that make is given in the pod as well, where they are set
#     BUILD_FLAGS      further options of jetpack build
#     ACI_FILE         image.aci; ACI_ID_FILE: $ACI_FILE.id; FLAT_ACI_FILE: image.flat.aci
#     CLEAN_FILES      what clean removes besides
#     JETPACK          the command; JETPACK_FLAGS: its options; DEBUG: set for messages
#     MAKEACI          makeaci.sh ROOTFS.tgz MANIFEST OUT.aci, for images that begin with a tar
#
# What one make has and the other has not is written so that the other takes it for a variable that
# is not set.

JETPACK ?= jetpack
BUILD_DIR ?= .
BUILD_CP_JETPACK_IMAGE_MK ?= yes
BUILD_COMMAND ?= /usr/bin/make .jetpack.build. .jetpack.image.mk=./jetpack.image.mk
ACI_FILE ?= image.aci
ACI_ID_FILE ?= ${ACI_FILE}.id
FLAT_ACI_FILE ?= image.flat.aci

# Where this file is, and what was read before it.
_jetpack_dir := ${.PARSEDIR}$(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
_jetpack_read := ${.MAKE.MAKEFILES} $(MAKEFILE_LIST)
JETPACK_SHAREDIR ?= ${_jetpack_dir}
MAKEACI ?= ${JETPACK_SHAREDIR}/makeaci.sh

# Targets of a kind, in order: KIND..NAME, which are ours, come first.
_jetpack_targets = sed -n -e 's/^\([A-Za-z0-9.][^=:]*\):$$/\1/p' -e 's/^\([A-Za-z0-9.][^=:]*\):[^=].*$$/\1/p' \
    ${_jetpack_read} | tr ' ' '\n' | LC_ALL=C sort -u
_jetpack_prepare != ${_jetpack_targets} | grep '^prepare\.' || true
_jetpack_build != ${_jetpack_targets} | grep '^build\.' || true
_jetpack_clean != ${_jetpack_targets} | grep '^clean\.' || true

# NAME='VALUE' for those of BUILD_VARS that are set: first as BSD make has it, then as GNU make.
_jetpack_vars = ${BUILD_VARS:@.v.@${${.v.}:D${.v.}${:U=}${${.v.}:Q}}@} $(foreach v,$(BUILD_VARS),$(if $($(v)),$(v)='$(subst ','\'',$($(v)))'))
_jetpack_make = GNUMAKEFLAGS=--no-print-directory ${MAKE}
_jetpack_flags = ${JETPACK_FLAGS} ${DEBUG:D-o debug} $(if $(DEBUG),-o debug)

# The image that was made may have been destroyed.
_jetpack_gone != test ! -s "${ACI_ID_FILE}" || \
    ${JETPACK} ${JETPACK_FLAGS} show-image "`cat ${ACI_ID_FILE}`" >/dev/null 2>&1 || echo .jetpack.gone.

.PHONY: image aci flat-aci prepare build clean .jetpack.build. .jetpack.gone. build..pkg-install clean..files

.DEFAULT_GOAL := image
.MAIN: image
image: ${ACI_ID_FILE}
aci: ${ACI_FILE}
flat-aci: ${FLAT_ACI_FILE}
prepare: ${_jetpack_prepare}
	@:
build: ${_jetpack_build}
	@:
clean: ${_jetpack_clean}

# No files: what is called build.c is not made of build.y, nor is it there already.
.PHONY: ${_jetpack_prepare} ${_jetpack_build} ${_jetpack_clean}

.jetpack.gone.:

${ACI_ID_FILE}: ${_jetpack_gone}
	@test -n "${PARENT_IMAGE}${IMPORT_FILE}" || { echo "PARENT_IMAGE is not set" >&2; exit 1; }
	@test -z "${PARENT_DIR}" || ${JETPACK} ${_jetpack_flags} show-image "${PARENT_IMAGE}" >/dev/null 2>&1 || \
	    ${_jetpack_make} -C "${PARENT_DIR}"
	@${_jetpack_make} prepare
	@if [ -n "${IMPORT_FILE}" ]; then \
	    ${_jetpack_make} manifest.json && \
	    (set -x; ${JETPACK} ${_jetpack_flags} import -allow-unsigned -saveid "$@.new" "${IMPORT_FILE}" manifest.json); \
	    exit; \
	fi; \
	set --; for file in ${BUILD_CP}; do set -- "$$@" -cp "$$file"; done; \
	case "${BUILD_CP_JETPACK_IMAGE_MK}" in yes) set -- "$$@" -cp "${_jetpack_dir}/jetpack.image.mk" ;; esac; \
	set -x; ${JETPACK} ${_jetpack_flags} build -dir "${BUILD_DIR}" "$$@" -saveid "$@.new" ${BUILD_FLAGS} \
	    "${PARENT_IMAGE}" ${BUILD_COMMAND} ${BUILD_ARGS} ${_jetpack_vars}
	@mv "$@.new" "$@"

${ACI_FILE}: ${ACI_ID_FILE}
	${JETPACK} ${_jetpack_flags} export "`cat ${ACI_ID_FILE}`" "$@"

${FLAT_ACI_FILE}: ${ACI_ID_FILE}
	${JETPACK} ${_jetpack_flags} export -flat "`cat ${ACI_ID_FILE}`" "$@"

# In the pod.
.jetpack.build.:
	@${_jetpack_make} build
	@${_jetpack_make} manifest.json

build..pkg-install:
	@set -- ${PKG_INSTALL}; [ $$# -gt 0 ] || exit 0; \
	if command -v apt-get >/dev/null; then \
	    export DEBIAN_FRONTEND=noninteractive; \
	    apt-get -qq update && apt-get -qq -y --no-install-recommends install "$$@" && apt-get clean && \
	    rm -rf /var/lib/apt/lists/*; \
	else \
	    env ASSUME_ALWAYS_YES=YES pkg install "$$@"; \
	fi

clean..files:
	rm -f "${ACI_ID_FILE}" "${ACI_ID_FILE}.new" "${ACI_FILE}" "${FLAT_ACI_FILE}" ${CLEAN_FILES}
