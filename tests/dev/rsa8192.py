"""A throw-away RSA key of 8192 bits, the longest that certificates may have. Finding its primes takes a minute, so they stand here."""

import hashlib

from cryptography.hazmat.primitives.asymmetric import rsa

P = int(
    "cf6009f88b68e7d1cb0ab8d811e6d566aed338d273e3502a19bbf1873f0196e247f9db195914b2b713aba3589bac3c702da0f7c540fcdf94f29883fd65c00b2c"
    "d335152c415fd32349772ba486ec0d48dc444d5fede1e66addde303c6681c0769f8dd912fbee43930c0893a01af7653e0df02d71b583ab822182e0752669f9fe"
    "6777d80ea919923b7760345298dadf4835c810e6fd7de70f9dd59c84e8c9c769f31fcb657eddf8099654f5bd48809fc36127966a9adba83da53b9ede9229da15"
    "d65b9cd758455fdedf53d067c88b0fe8b07fd38e544d6691d47306433b5d39a34f8a6e09e5ed8cfd50b391ddc91b1498e164202f2d0cb4caf4b15358a40bcb36"
    "0d2113d9620825f49f04d784ba7e0e038d0525691261d2a41abc4b146f135d39ff95ccb659169baec2d2878384b515ba441bb8c9a120e1fd6cfccef316dc65c5"
    "0e23fefa1c9d9bbfc6cdb09dec2dffc647ceddcaf09fdf27fddd039179e2abce2dacc4e7dbc86263a428b7e5771029bc107383098d65471d18787c825cf5968a"
    "4badbeb125224e35c30179c7a6663738ca3f1bc1c483ff842f090ddbda959b09303981ed6bba13c5519956545036e5569e7c3fe3aaeddd684a102b3a6fb8c078"
    "44118b7e0309b82ee695203edc25da1c2137cbc4123cb580538116651af9de11ce7ed02494bcaf9ca05d9e93a7e7659a9b3efc0cdc3603d8193062d7d40005e7", 16)
Q = int(
    "ba524052bf7818545bfdf1a01ce2716a64418143a34d877acdef2f515217092202c4729871c6120431ebb0d346b5c07207bc1452ab3ec61d1902c8009c2077f8"
    "ceeaae527a122833284d8c18f1d71d9a9558f246f28954115268287d0dd8c2b15baa3a6988ff353dad2fb37468afa0e41acbeb772d730443ebab04377889ea25"
    "f82a978e1e181fc13a3b98bca44da8d07445c70e0651f2648f35f588984244270ce61b584fc56038d7d997b64896e7e79d752bf0237c488ae3fa9170a45eb3f6"
    "3428a82df07e631beb1c5487826de925327d5a67656248edfd3bd7df57eb3e1a35c1072f73cb72e3c25a081513245de7a6ef434d68665df2d6d1d4548451f8f3"
    "7df8187519ccb85a5600ff3184808b75cf8739b0bbd1255dd96949b03e75247df67da9f5f5caac7cb78e5e3a2b05605a8e17918fe7a3cac050ddce53c76f5c19"
    "5d04f424cc8aa2c99716f44011d7739d48c2280bb6703c4085f15eda29135471207ae1390fd28c1fb6ce21e30fcba7ba51f95191790c0c3ef6174c9063798cba"
    "ff66e9ea48d3c7885d3708c843f6afac8d43907f2981654f7ca83dc5e47db3cc9157c216ae65184c2f7c8d858b2e4ae8ebe5532d07f0b01ec6b94320d21fb030"
    "353f57880e1b95afb438ec3396e052bc9ee52a7bffc1341188f9b47a164a70e95d2d09a77821c32f2552628deba4842c536dbe62e6250991433192d935bb2d05", 16)

E = 65537
# DigestInfo up to the digest (RFC 8017, 9.2, note 1), by size of the digest
INFO = {32: "3031300d060960864801650304020105000420", 48: "3041300d060960864801650304020205000430", 64: "3051300d060960864801650304020305000440"}


class Key:
    """As much of a private key as certs.sign() asks for; loading this one into the library takes it nine seconds of checks."""

    def public_key(self):
        return rsa.RSAPublicNumbers(E, P * Q).public_key()

    def sign(self, data, padding, digest):
        assert padding.name == "EMSA-PKCS1-v1_5"
        value = hashlib.new(digest.name, data).digest()
        tail = b"\0" + bytes.fromhex(INFO[len(value)]) + value
        m = int.from_bytes(b"\0\1" + b"\xff" * (1024 - 2 - len(tail)) + tail, "big")
        a, b = (pow(m, pow(E, -1, f - 1), f) for f in (P, Q))
        return (b + (a - b) * pow(Q, -1, P) % P * Q).to_bytes(1024, "big")
