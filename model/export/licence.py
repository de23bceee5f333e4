"""A licence as the metadata of a model card names it."""

from __future__ import annotations

import json
from collections.abc import Iterator

# The identifiers that the Hugging Face Hub takes for `license`, as far as they can be those of weights; it refuses a
# card with another one, unless `license` is `other` and `license_name` says which.
_KNOWN = frozenset(
    """
    afl-3.0 agpl-3.0 apache-2.0 artistic-2.0 bigcode-openrail-m bigscience-openrail-m bsd bsd-2-clause bsd-3-clause
    bsd-3-clause-clear bsl-1.0 c-uda cc cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0
    cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cc-by-nd-4.0 cc-by-sa-3.0
    cc-by-sa-4.0 cc0-1.0 cdla-permissive-1.0 cdla-permissive-2.0 cdla-sharing-1.0 ecl-2.0 epl-1.0 epl-2.0 eupl-1.1
    eupl-1.2 gfdl gpl gpl-2.0 gpl-3.0 isc lgpl lgpl-2.1 lgpl-3.0 mit mpl-2.0 ms-pl ncsa odbl odc-by ofl-1.1 openrail
    openrail++ osl-3.0 pddl postgresql unknown unlicense wtfpl zlib
    """.split()
)


def license_lines(license_: str) -> Iterator[str]:
    """Yields the lines of the metadata for a licence."""
    identifier = license_.lower()
    if identifier in _KNOWN:
        yield f"license: {json.dumps(identifier)}"
    else:
        yield "license: other"
        yield f"license_name: {json.dumps(license_, ensure_ascii=False)}"
