"""The work queue on Redis Streams: jobs, who works on them, and what came of them."""
