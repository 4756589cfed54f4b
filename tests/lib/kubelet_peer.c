// SPDX-License-Identifier: Apache-2.0
/*
 * kubelet_peer SOCKET FOLDER: speaks pod-resources on the socket, as grpc_peer_pod_resources()
 * reads it from the folder, until SIGTERM.
 */
#include <signal.h>
#include <stdio.h>

#include "grpc_peer.h"

int main(int argc, char **argv)
{
	struct grpc_peer *peer;
	sigset_t set;
	int sig;

	if (argc != 3) {
		fprintf(stderr, "usage: kubelet_peer SOCKET FOLDER\n");
		return 2;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	peer = grpc_peer_start(argv[1], grpc_peer_pod_resources, argv[2]);
	sigwait(&set, &sig);
	grpc_peer_stop(peer);
	return 0;
}
