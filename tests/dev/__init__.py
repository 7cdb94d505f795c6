"""What stands in for hardware on a machine without it: test hierarchies, TDX quotes, documents of a Nitro module, a PCCS, a guest agent.
Refused by the prod image."""
