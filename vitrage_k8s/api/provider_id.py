# SPDX-License-Identifier: Apache-2.0
"""What a node's ``spec.providerID`` says: who provides the machine, and which.

Pure. The forms are those that cloud providers and distributions write; each
rule below names who writes it.
"""

import re

OPENSTACK = 'openstack'

# Without (?i), which takes twice the time.
_UUID = '-'.join(f'[0-9a-fA-F]{{{length}}}' for length in (8, 4, 4, 4, 12))

# What follows the scheme; the group is the machine's id.
_FORMS = {scheme: re.compile(form, re.DOTALL)
          for scheme, form in (
    # cloud-provider-openstack writes ///UUID and //REGION/UUID, OpenShift and
    # older Cluster API write //UUID and ////UUID.
    (OPENSTACK, f'(?:[^/]*/|//)?({_UUID})'),
    # A Fargate node is not an instance: aws:///AZ/hash/fargate-ip-...
    ('aws', '(?:.*/)?(i-[^/]*)/*'),
    ('azure', '(.+)'),
    # The Alibaba cloud provider writes REGION.i-...
    ('alicloud', r'[^.]*\.(.+)'))}
_LAST_PART = re.compile('(?:.*/)?([^/]+)/*', re.DOTALL)
# Azure compares without regard to case, and its tools write different ones;
# so do those that write a server's UUID.
_IN_ANY_CASE = (OPENSTACK, 'azure')

# What is written without a scheme.
_NO_SCHEME = tuple((provider, re.compile(form)) for provider, form in (
    # cloud-provider-openstack also accepts /UUID and REGION/UUID.
    (OPENSTACK, f'[^/]*/({_UUID})'),
    ('alicloud', r'[a-z0-9-]+\.(i-[^/]+)'),
    # OKE writes the OCID.
    ('oci', r'(ocid1\.instance\..+)')))

# Their providerID has the node's own name, and does not say who provides the
# machine.
_DISTRIBUTIONS = frozenset(('k3s', 'rke2'))


def parse_provider_id(provider_id: str) -> tuple[str | None, str | None]:
    """Return the provider and its id of the machine.

    :param provider_id: a node's ``spec.providerID``, as it stands there
    :returns: the provider, which is the scheme in lower case; and the id of
        the machine with that provider: for ``openstack`` the UUID of the Nova
        server in lower case. Either is None where the providerID does not
        say it.
    """
    scheme, separator, rest = provider_id.partition('://')
    if separator:
        provider = scheme.lower()
        found = _FORMS.get(provider, _LAST_PART).fullmatch(rest)
    else:
        provider, found = next(
            ((provider, found) for provider, form in _NO_SCHEME
             if (found := form.fullmatch(provider_id))), ('', None))
    instance_id = found[1] if found else None
    if instance_id and provider in _IN_ANY_CASE:
        instance_id = instance_id.lower()
    return provider or None, instance_id


def parse_system_uuid(system_uuid: str, provider_id: str) -> str | None:
    """Return the firmware's UUID of a machine that no cloud says it provides.

    :param system_uuid: a node's ``status.nodeInfo.systemUUID``, which is the
        firmware's
    :param provider_id: the node's ``spec.providerID``; empty if it has none
    :returns: the UUID in lower case; None if there is none of that shape, or
        the providerID is that of a cloud
    """
    if provider_id and \
            provider_id.partition('://')[0] not in _DISTRIBUTIONS:
        return None
    return system_uuid.lower() if re.fullmatch(_UUID, system_uuid) else None
