"""The OCI registry behind the gateway: finding it, starting it, talking to it.

Zot is the registry this is made for; any OCI registry serves. Whatever is special to Zot, a path, a setting or a side
effect, is named in this folder and nowhere else.
"""
