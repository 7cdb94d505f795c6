"""Answers of verify-evidence against what a manifest or a case expects of them."""

# Members of `expected` that are inputs, prose, or facts about the file that nothing derives.
NOT_COMPARED = {"upstream_error_contains", "january_version", "stage", "without_freshness_rule", "ask", "vcek", "ark", "january_result",
                "os_image_hash_source", "cose_offset", "os_image_hash_expected", "note"}


def compare(path, want, got, out):
    if isinstance(want, dict):
        if not isinstance(got, dict):
            out.append("%s: expected an object, got %r" % (path, got))
            return
        for k, v in want.items():
            if k in NOT_COMPARED:
                continue
            compare(path + "." + k, v, got.get(k, "(absent)"), out)
    elif isinstance(want, list):
        if not isinstance(got, list) or len(got) != len(want):
            out.append("%s: expected %d items, got %r" % (path, len(want), got))
            return
        for i, (a, b) in enumerate(zip(want, got)):
            compare("%s[%d]" % (path, i), a, b, out)
    elif want != got:
        out.append("%s: expected %r, got %r" % (path, want, got))


def word(text):
    """accept or reject, out of a sentence"""
    return text.split(":")[0] if isinstance(text, str) else text
