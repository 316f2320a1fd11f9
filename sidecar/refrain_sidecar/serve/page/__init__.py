"""What people see of the proxy in a browser: one page, live, without anything from elsewhere."""

from refrain_sidecar.serve.page.page import Page

__all__ = ["Page"]
