"""Closed-loop evaluation: rollouts, intervals, recordings, reports."""
