#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Servers in Nova's database as its compute service would write them; there is no hypervisor.

  seed.py NOVA_CONF add PROJECT_ID USER_ID NAME AGE_S [STATE]   prints the id; STATE active or stopped
  seed.py NOVA_CONF resize|stop|start|touch|delete ID [VCPUS]   what happens to it now
"""
import datetime
import sys
import uuid

from nova import config, context, objects
from nova.network import model as network_model

CONF, COMMAND, ARGS = sys.argv[1], sys.argv[2], sys.argv[3:]
config.parse_args(["seed", "--config-file", CONF])
objects.register_all()
NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


def flavor(ctx, vcpus):
    name = "c%d" % vcpus
    try:
        return objects.Flavor.get_by_name(ctx, name)
    except Exception:  # not there yet
        made = objects.Flavor(context=ctx, name=name, flavorid=name, memory_mb=512 * vcpus, vcpus=vcpus, root_gb=1,
                              ephemeral_gb=0, swap=64, rxtx_factor=1.0, is_public=True, disabled=False,
                              extra_specs={"resources:VGPU": "1"} if vcpus > 4 else {})
        made.create()
        return objects.Flavor.get_by_name(ctx, name)


def add(ctx, cell, project, user, name, age, state="active"):
    own = context.RequestContext(user, project, is_admin=True)
    kind = flavor(ctx, 2)
    launched = NOW - datetime.timedelta(seconds=int(age))
    ident = str(uuid.uuid4())
    objects.InstanceMapping(context=own, instance_uuid=ident, project_id=project, user_id=user, cell_mapping=cell,
                            queued_for_delete=False).create()
    with context.target_cell(own, cell) as cctx:
        server = objects.Instance(
            context=cctx, uuid=ident, project_id=project, user_id=user, display_name=name, hostname="vm", host="c0",
            node="c0", launched_on="c0", power_state=1 if state == "active" else 4, vm_state=state, task_state=None,
            memory_mb=kind.memory_mb, vcpus=kind.vcpus, root_gb=1, launched_at=launched, reservation_id="r-1",
            instance_type_id=kind.id, image_ref="", availability_zone="nova", metadata={"k": "v"}, system_metadata={})
        server.flavor, server.old_flavor, server.new_flavor = kind, None, None
        server.create()
        cache = objects.InstanceInfoCache.get_by_instance_uuid(cctx, ident)
        cache.network_info = network_model.NetworkInfo([])
        cache.save()
    print(ident)


def change(ctx, cell, ident, vcpus="8"):
    with context.target_cell(ctx, cell) as cctx:
        server = objects.Instance.get_by_uuid(cctx, ident, expected_attrs=["flavor"])
        if COMMAND == "resize":
            kind = flavor(ctx, int(vcpus))
            server.old_flavor, server.flavor = server.flavor, kind
            server.instance_type_id, server.vcpus, server.memory_mb = kind.id, kind.vcpus, kind.memory_mb
            server.launched_at = NOW
        elif COMMAND == "touch":
            server.display_name = server.display_name + "x"
        elif COMMAND in ("stop", "start"):
            server.vm_state = "stopped" if COMMAND == "stop" else "active"
            server.power_state = 4 if COMMAND == "stop" else 1
        elif COMMAND == "delete":
            server.vm_state, server.terminated_at = "deleted", NOW
        server.save()
        if COMMAND == "delete":
            server.destroy()
    print(int(NOW.timestamp()))


admin = context.get_admin_context()
cell1 = [c for c in objects.CellMappingList.get_all(admin) if c.name == "cell1"][0]
if COMMAND == "add":
    add(admin, cell1, *ARGS)
else:
    change(admin, cell1, *ARGS)
