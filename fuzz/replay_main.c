// SPDX-License-Identifier: Apache-2.0
/* Runs a fuzz target once over every file of its corpus and reports each as a TAP line. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX_BYTES = 16 << 20 };

static int not_hidden(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
	struct dirent **names = NULL;
	int n, failed = 0;

	if (argc != 2)
		return 2;
	n = scandir(argv[1], &names, not_hidden, alphasort);
	if (n <= 0) {
		printf("1..1\nnot ok 1 - corpus %s has no input\n", argv[1]);
		return 1;
	}
	printf("1..%d\n", n);
	for (int i = 0; i < n; i++) {
		struct buffer path, data;
		int r;

		buffer_init(&path, 0);
		buffer_init(&data, 0);
		buffer_printf(&path, "%s/%s", argv[1], names[i]->d_name);
		r = file_read(AT_FDCWD, buffer_text(&path), INPUT_MAX_BYTES, &data);
		if (r >= 0)
			LLVMFuzzerTestOneInput((const uint8_t *)buffer_text(&data), data.len);
		else
			failed = 1;
		printf("%s %d - %s\n", r < 0 ? "not ok" : "ok", i + 1, names[i]->d_name);
		fflush(stdout);
		buffer_done(&path);
		buffer_done(&data);
		free(names[i]);
	}
	free(names);
	return failed;
}
