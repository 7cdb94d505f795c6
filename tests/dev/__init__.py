"""What stands in for hardware on a machine without it: a test PKI, a TDX quote maker, a PCCS, a guest agent. Refused by the prod image."""
