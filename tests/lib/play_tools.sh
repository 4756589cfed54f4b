# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced: what an exporter is given beside the node that play_node.py plays in $TREE: nvidia-smi of one GPU, whose
# readings are those of $TREE/gpu.csv, and the address of an API server of Kubernetes that does not answer.
make_tools() {
	mkdir -p "$T/bin"
	cat >"$T/gpu.xml" <<-X
		<?xml version="1.0" ?>
		<nvidia_smi_log><attached_gpus>1</attached_gpus>
		<gpu id="00000000:20:00.0"><product_name>NVIDIA H100 PCIe</product_name><uuid>GPU-1</uuid>
		<minor_number>0</minor_number><mig_mode><current_mig>N/A</current_mig></mig_mode></gpu></nvidia_smi_log>
	X
	cat >"$T/bin/nvidia-smi" <<-S
		#!/bin/bash
		case "\$*" in
		"--query --xml-format") cat "$T/gpu.xml" ;;
		"-L") echo "GPU 0: NVIDIA H100 PCIe (UUID: GPU-1)" ;;
		--query-gpu=*) while echo "\$(<"$TREE/gpu.csv")"; do sleep 0.1; done ;;
		*) exit 2 ;;
		esac
	S
	chmod +x "$T/bin/nvidia-smi"
	cat >"$T/kubeconfig" <<-K
		current-context: test
		contexts: [{name: test, context: {cluster: test, user: test}}]
		clusters: [{name: test, cluster: {server: "http://127.0.0.1:1"}}]
		users: [{name: test, user: {token: x}}]
	K
}
