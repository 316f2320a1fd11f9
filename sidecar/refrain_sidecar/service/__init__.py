"""The verbs every face calls, and what they are made of."""
