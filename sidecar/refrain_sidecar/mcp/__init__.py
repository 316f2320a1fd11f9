"""The MCP server: the service's verbs as tools and recipes as prompts, for any agent's host."""
