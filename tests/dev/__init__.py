"""Makers and stand-ins for what a test machine lacks, with no test in them: hierarchies and certificates (der, certs, pki), evidence and its containers
(quote, vtpm, nitro, snp, tcg, guest, container), what a KMS talks to (agent, pccs, webhook, proxy, server), and the KMS itself as a process or in QEMU.
Refused by the prod image."""
