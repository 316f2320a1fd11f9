"""What is counted, and what it says: counters, latency sketches, statistics, explanations."""
