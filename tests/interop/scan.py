"""Scans with detect-secrets and the plugin of examples/secret-scanning.

    scan.py PLUGIN FILE…      prints, as JSON, how many secrets it found in each file, by their hashes

Only the plugin is used: no other detector, no filter.
"""

import json
import sys

from detect_secrets import SecretsCollection
from detect_secrets.settings import transient_settings

plugin, files = sys.argv[1], sys.argv[2:]
settings = {
    "plugins_used": [{"name": "StagedoorDetector", "path": f"file://{plugin}"}],
    "filters_used": [],
}
found = {}
with transient_settings(settings):
    for name in files:
        secrets = SecretsCollection()
        secrets.scan_file(name)
        found[name] = sorted(secret.secret_hash for _, secret in secrets)
print(json.dumps(found))
