"""What stands between this machine and a host (DNS, a proxy, TLS, a closed port), and what to do about it. Pure.

The HTTP library's errors say which; nothing that a server sent is quoted.
"""

from __future__ import annotations

import os
import ssl

import aiohttp

_EXPIRED, _NOT_YET, _OTHER_NAME, _OTHER_ADDRESS = 10, 9, 62, 64
"""OpenSSL's X509_V_ERR numbers."""

_PROXY = "check HTTPS_PROXY, HTTP_PROXY and NO_PROXY in the environment, or ask who runs the proxy."


def between(error: Exception) -> tuple[str, str] | None:
    """What happened and what to do (may be empty), each in whole sentences; None where nothing stands between."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            verdict, remedy = _certificate(error.certificate_error)
            return f"The certificate of {error.host} is not accepted: {verdict}.", remedy
        case aiohttp.ClientConnectorSSLError():
            return (
                f"{error.host} does not speak TLS on port {error.port}.",
                "Check the port in [api] host: plain http answers there, or a proxy comes between.",
            )
        case aiohttp.ClientConnectorDNSError():
            return (
                f"The name {error.host} is not known to DNS ({error.strerror or 'no address'}).",
                "Check the spelling of [api] host and this machine's DNS; behind a proxy, set HTTPS_PROXY.",
            )
        case aiohttp.ClientProxyConnectionError():
            return (
                f"No connection to the proxy {error.host}:{error.port}: {_cause(error)}.",
                f"The proxy comes from the environment: {_PROXY}",
            )
        case aiohttp.ClientHttpProxyError():
            return (
                f"The proxy refused to pass the request on (HTTP {error.status}).",
                f"It may want a user and password, or not allow this host: {_PROXY}",
            )
        case aiohttp.ClientConnectorError():
            return f"No connection to {error.host}: {_cause(error)}.", ""
    return None


def _cause(error: aiohttp.ClientConnectorError) -> str:
    """In the system's words; the loop's own quote an address."""
    number = error.os_error.errno
    return os.strerror(number) if number else error.strerror or type(error.os_error).__name__


def _certificate(error: Exception) -> tuple[str, str]:
    """TLS's own verdict on a certificate (the machine's words, not the server's), and what to do about it."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        return type(error).__name__, ""
    if error.verify_code in (_EXPIRED, _NOT_YET):
        remedy = "Check this machine's clock; if it is right, whoever runs that host must renew the certificate."
    elif error.verify_code in (_OTHER_NAME, _OTHER_ADDRESS):
        remedy = "Check the spelling of [api] host; if it is right, something else answers in its place."
    else:
        remedy = "If a proxy or your company signed it, name that authority with [api] ca_file."
    return error.verify_message.rstrip("."), remedy
