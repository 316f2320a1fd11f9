"""`python -m refrain_sidecar` is the language server; `refrain` is the command line."""

from refrain_sidecar.lsp.main import main

main()
