"""The identities of the specification's 7.1, worked out from parts: what AppInfo and BootInfo must hold."""
import hashlib

from tests.dev.guest import event_preimage, replay

SHA256 = lambda *parts: hashlib.sha256(b"".join(parts)).digest()


def every(events, name):
    """The payloads of the events of this name before system-ready."""
    out = []
    for n, payload in events:
        if n == "system-ready":
            break
        if n == name:
            out.append(payload)
    return out


def find(events, name):
    return next(iter(every(events, name)), b"")


def measured(events, algorithm, boottime=False):
    """The register that the events replay into."""
    digests = []
    for n, payload in events:
        digests.append(hashlib.new(algorithm, event_preimage(n, payload)).digest())
        if boottime and n == "boot-mr-done":
            break
    return replay(digests, algorithm)


def provider(events, boottime):
    kp = b"" if boottime else find(events, "key-provider")
    return kp, SHA256(kp) if kp else bytes(32)


def app_info(events, os_image_hash, device, system, aggregated, boottime, compose=None):
    """system, aggregated: what is hashed into each, given mr_key_provider and boottime."""
    kp, mr_kp = provider(events, boottime)
    return {"app_id": find(events, "app-id").hex(), "compose_hash": (find(events, "compose-hash") if compose is None else compose).hex(),
            "instance_id": find(events, "instance-id").hex(), "device_id": SHA256(device).hex(), "os_image_hash": os_image_hash.hex(),
            "key_provider_info": kp.hex(), "mr_key_provider": mr_kp.hex(), "mr_system": SHA256(*system(mr_kp)).hex(),
            "mr_aggregated": SHA256(*aggregated(boottime)).hex()}


def both(*args, **kept):
    return {"app_info": app_info(*args, False, **kept), "app_info_boottime_mr": app_info(*args, True, **kept)}


def boot_info(member, variant, info, tcb_status, device_id=None):
    """The JSON of 7.2 as a dict; member: attestationMode or teeVariant."""
    return {member: variant, "mrAggregated": info["mr_aggregated"], "osImageHash": info["os_image_hash"], "mrSystem": info["mr_system"],
            "appId": info["app_id"], "composeHash": info["compose_hash"], "instanceId": info["instance_id"],
            "deviceId": info["device_id"] if device_id is None else device_id, "keyProviderInfo": info["key_provider_info"],
            "tcbStatus": tcb_status, "advisoryIds": []}


def boot_infos(variant, info, tcb_status, **kept):
    return {"boot_info_aug": boot_info("teeVariant", variant, info, tcb_status, **kept),
            "boot_info_jan": boot_info("attestationMode", variant, info, tcb_status, **kept)}
