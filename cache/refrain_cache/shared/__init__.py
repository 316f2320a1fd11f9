"""What machines share on a Redis or Valkey of theirs: answers, and who is computing which."""
