"""The language server: the service's verbs over stdio JSON-RPC (LSP 3.17)."""
