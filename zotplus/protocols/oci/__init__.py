"""The OCI distribution API: decides who may, then forwards to the registry behind the gateway; and its token server.

Spec: OCI Distribution Specification 1.1; https://distribution.github.io/distribution/spec/auth/.
"""
