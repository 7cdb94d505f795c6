"""One SEV-SNP machine: attest() and vm_config are what agent.Agent and client.Kms.ra_context take."""

import hashlib
import json
from dataclasses import dataclass

from tests.dev import container, snp


def write_root(authority, path):
    """Writes the ARK (DER): core.attestation.root_ca.sev_snp_milan of a configuration."""
    path.write_bytes(authority.ark.der)


@dataclass
class Machine:
    authority: snp.Authority
    compose: bytes = b'{"manifest_version":2,"name":"machine"}'
    app_id: bytes = b"K" * 20
    image: str = "an image"

    def __post_init__(self):
        measured = snp.measurement(kernel_hash=hashlib.sha256(self.image.encode()).digest())
        self.measurement = snp.launch_digest(measured)
        self.mr_config = snp.document(app_id=self.app_id.hex(), compose_hash=hashlib.sha256(self.compose).hexdigest())
        config = snp.vm_config(measured)
        self.os_image_hash, self.vm_config = bytes.fromhex(config["os_image_hash"]), json.dumps(config)

    def attest(self, data, *, version=0, config=None):
        """A container over 64 bytes of report data. The keywords replace single parts, to make evidence that is wrong in one way."""
        a = self.authority
        report = snp.report(a.vcek.key, report_data=data, measurement=self.measurement, host_data=snp.host_data(self.mr_config))
        return container.snp(version, report, [a.ask.der, a.vcek.der], self.mr_config, [], data, self.vm_config if config is None else config)
