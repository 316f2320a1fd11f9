"""`refrain mcp`: the tools and recipes for agents, over stdio."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from refrain_sidecar.cli.session import Session, pass_session
from refrain_sidecar.protocol import McpFile, McpParams


@click.command()
@click.option(
    "--write-config",
    "file",
    type=click.Choice(get_args(McpFile)),
    is_flag=False,
    flag_value=".mcp.json",
    help="Write into this file, here, how hosts start the server; what is in it stays. "
    "Without a name: .mcp.json.",
)
@pass_session
def mcp(session: Session, file: McpFile | None) -> None:
    """Serve an agent's host by the Model Context Protocol, over stdio.

    \b
    refrain mcp --write-config
    claude mcp add refrain -- refrain mcp
    """
    from refrain_sidecar.config import load_settings
    from refrain_sidecar.service.mcp_hosts import how_to_install, installed

    if file is not None:
        params = McpParams(str(Path.cwd()), file)
        result = session.run(lambda service: service.mcp(params))
        session.console.print(result.written or "", markup=False, soft_wrap=True)
        return
    if not installed():
        session.fail(how_to_install())
    load_settings(session.config_path)
    from refrain_sidecar.mcp.main import main

    main(session.config_path)
