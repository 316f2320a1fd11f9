from refrain_sidecar.cli.main import main

main()
