# SPDX-License-Identifier: Apache-2.0
"""What a node's ``spec.providerID`` says: whose machine it is, and which.

Pure functions. The forms are those that cloud providers and distributions
write; each rule below names who writes it.
"""

from collections.abc import Callable
import re

OPENSTACK = 'openstack'

_UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'

# cloud-provider-openstack writes ///UUID and //REGION/UUID, OpenShift and
# older Cluster API write //UUID and ////UUID.
_NOVA_SERVER = re.compile(rf'(?:[^/]*/|//)?({_UUID})', re.IGNORECASE)

# cloud-provider-openstack also accepts /UUID and REGION/UUID.
_NOVA_SERVER_NO_SCHEME = re.compile(rf'[^/]*/({_UUID})', re.IGNORECASE)

# The Alibaba cloud provider writes REGION.i-..., at first without a scheme.
_ALICLOUD_NO_SCHEME = re.compile(r'[a-z0-9-]+\.(i-[^/]+)')


def _last_part(rest: str) -> str:
    return rest.rstrip('/').rpartition('/')[2]


def _nova_server(rest: str) -> str:
    server = _NOVA_SERVER.fullmatch(rest)
    return server[1].lower() if server else ''


def _ec2_instance(rest: str) -> str:
    # A Fargate node is not an instance: aws:///AZ/hash/fargate-ip-...
    part = _last_part(rest)
    return part if part.startswith('i-') else ''


def _azure_resource(rest: str) -> str:
    # Azure compares resource ids without regard to case, and its tools
    # write them in different ones.
    return rest.lower()


def _after_dot(rest: str) -> str:
    return rest.partition('.')[2]


_INSTANCE_ID: dict[str, Callable[[str], str]] = {
    OPENSTACK: _nova_server,
    'aws': _ec2_instance,
    'azure': _azure_resource,
    'alicloud': _after_dot,
}

# OKE writes the OCID alone.
_OCI = re.compile(r'ocid1\.instance\..+')

# Their providerID bears the node's own name; whose the machine is, it does not
# tell.
_DISTRIBUTIONS = frozenset(('k3s', 'rke2'))


def parse_provider_id(provider_id: str) -> tuple[str | None, str | None]:
    """Tell the provider and its id of the machine.

    :param provider_id: a node's ``spec.providerID``, as it stands there
    :returns: the provider, which is the scheme in lower case; and the id of
        the machine with that provider: for ``openstack`` the UUID of the Nova
        server in lower case. Either is None where the providerID does not
        tell it.
    """
    scheme, separator, rest = provider_id.partition('://')
    if separator:
        provider = scheme.lower()
        instance_id = _INSTANCE_ID.get(provider, _last_part)(rest)
        return provider or None, instance_id or None
    if server := _NOVA_SERVER_NO_SCHEME.fullmatch(provider_id):
        return OPENSTACK, server[1].lower()
    if instance := _ALICLOUD_NO_SCHEME.fullmatch(provider_id):
        return 'alicloud', instance[1]
    if _OCI.fullmatch(provider_id):
        return 'oci', provider_id
    return None, None


def parse_system_uuid(system_uuid: str, provider_id: str) -> str | None:
    """Tell the UUID of a machine of which no cloud says whose it is.

    :param system_uuid: a node's ``status.nodeInfo.systemUUID``, which the
        machine's firmware tells
    :param provider_id: the node's ``spec.providerID``; empty if it has none
    :returns: the UUID in lower case; None if there is none of that shape, or
        the providerID is that of a cloud
    """
    if provider_id and \
            provider_id.partition('://')[0] not in _DISTRIBUTIONS:
        return None
    return system_uuid.lower() if re.fullmatch(
        _UUID, system_uuid, re.IGNORECASE) else None
