#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The load balancer's proxy engine against clients and servers that misbehave.
exec /usr/bin/python3 "${CEEMS_SOURCE:?}/tests/lib/proxy_cases.py" "${CEEMS_BUILD:?}/tests/proxy_peer"
