#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the energy ledger in an answer of the exporter, in decimals, to the microjoule; from stdin.

    ledger_books.py [DOMAIN...]

Parties against meter and shown units against their party in each domain, all domains against the node's meter. Some
domain must be there, and those that are named must have energy."""
import collections
import decimal
import re
import sys

sums = collections.defaultdict(decimal.Decimal)
node = {}
for line in sys.stdin:
    m = re.match(r"ceems_energy_(unit|node|meter)_joules_total\{(.*)\} (\S+)$", line)
    if m:
        domain = re.search(r'domain="(\w+)"', m[2])[1]
        sums[m[1], domain] += decimal.Decimal(m[3])
        if m[1] == "node" and 'party="units"' in m[2]:
            sums["party", domain] += decimal.Decimal(m[3])
    m = re.match(r"ceems_energy_(node_meter_joules_total|node_pending_joules|disagreement_joules_total)\{.*\} (\S+)$",
                 line)
    if m:
        node[m[1]] = node.get(m[1], 0) + decimal.Decimal(m[2])
if not any(what == "meter" for what, _ in sums):
    sys.exit("no domain")
for domain in sys.argv[1:]:
    if not sums["meter", domain] > 0:
        sys.exit(f"no energy in {domain}: {dict(sums)}")
for what, domain in list(sums):
    if sums["node", domain] != sums["meter", domain] or sums["unit", domain] != sums["party", domain]:
        sys.exit(f"{domain}: {dict(sums)}")
if node:
    parts = sum(value for (what, _), value in sums.items() if what == "meter")
    whole = (node["node_meter_joules_total"] + node["disagreement_joules_total"] - node["node_pending_joules"])
    if parts != whole:
        sys.exit(f"domains {parts}, node {whole}: {node}")
