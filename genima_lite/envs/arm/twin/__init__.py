"""The twin: the bench's physics behind the arm's protocols, with latency, lag and noise."""
