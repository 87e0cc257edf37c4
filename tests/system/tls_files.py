"""Certificates made for a test by the openssl program."""
import os
import subprocess

CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def openssl(*args):
    subprocess.run(("openssl",) + args, check=True, capture_output=True)


class Authority:
    """Signs certificates; all files are in `folder`."""

    def __init__(self, folder, name="authority"):
        self.folder = folder
        self.ca = self.path(name + ".pem")
        self.ca_key = self.path(name + ".key")
        openssl("req", "-x509", *CURVE, "-keyout", self.ca_key, "-out", self.ca,
                "-subj", "/CN=" + name, "-days", "30")

    def path(self, name):
        return os.path.join(self.folder, name)

    def make(self, name, names="DNS:localhost,IP:127.0.0.1", days=30):
        """(certificate, key) as paths; `days` may be negative."""
        cert, key = self.path(name + ".pem"), self.path(name + ".key")
        request = self.path(name + ".csr")
        openssl("req", *CURVE, "-keyout", key, "-out", request, "-subj",
                "/CN=" + name, "-addext", "subjectAltName=" + names)
        openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey",
                self.ca_key, "-days", str(days), "-copy_extensions", "copy",
                "-out", cert)
        return cert, key
