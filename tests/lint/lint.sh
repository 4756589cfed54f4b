#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Static checks of every tracked file, each a TAP line.
cd "${CEEMS_SOURCE:?}" || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
list() { git ls-files -co --exclude-standard -- "$@" 2>/dev/null | while read -r f; do [ -f "$f" ] && echo "$f"; done; }
mapfile -t c_files < <(list '*.c' '*.h')
mapfile -t sources < <(list 'src/*.c')
mapfile -t scripts < <(list | while read -r f; do head -n 1 "$f" 2>/dev/null | grep -qaE '^#!.*(bash|/sh)' && echo "$f"; done)

every_file_has_an_spdx_line() {
	local bad
	bad=$(list '*.c' '*.h' '*.sh' '*.py' '*meson.build' '*.sql' Makefile | xargs grep -L 'SPDX-License-Identifier')
	[ -z "$bad" ] || { echo "$bad"; return 1; }
}
no_path_of_one_machine() {
	! list | grep -vE '^tests/(fixtures|golden|lint)|^fuzz/corpus' | xargs -d '\n' grep -nE '(^|[^A-Za-z0-9_.*-])/(work|farm|root)/' /dev/null
}
clang_tidy() {
	printf '%s\n' "${sources[@]}" | xargs -P "$(nproc)" -n 8 clang-tidy -p "$CEEMS_SOURCE/build/clang" --quiet 2>/dev/null
}

ok "formatted as .clang-format says" clang-format --dry-run -Werror "${c_files[@]}"
ok "shellcheck finds nothing" shellcheck -x "${scripts[@]}"
ok "cppcheck finds nothing" cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 -j "$(nproc)" \
	--enable=warning,portability --suppress=memleak --suppress=uninitvar --suppress=autoVariables --suppress=constStatement --suppress=nullPointerOutOfMemory --suppress=ctunullpointer --suppress=normalCheckLevelMaxBranches \
	--suppress=missingIncludeSystem -I src "${sources[@]}"
ok "every source names its licence" every_file_has_an_spdx_line
ok "no file names a path of one machine" no_path_of_one_machine
ok "clang-tidy finds nothing" clang_tidy
done_testing
