"""The embedded benchmark: a Panda on a table in MuJoCo that speaks RLBench."""
